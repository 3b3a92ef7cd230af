// Volumes in memory: whole files by their paths, each with the time of its last write.
type MemoryFile = { readonly content: Uint8Array; readonly modifiedMs: number };
export type MemoryFiles = Map<string, MemoryFile>;

export const createMemoryFiles = (): MemoryFiles => new Map();
