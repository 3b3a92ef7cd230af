// Folders of a volume that is memory: the simulation's, and that of the tests.
import type { FactEntry } from "../../shared/ports.ts";

/** Memory has no folders of its own: there is one wherever a path goes through it. */
export function entriesIn(paths: Iterable<string>, folder: string): readonly FactEntry[] {
  const entries = new Map<string, FactEntry>();
  for (const path of paths) {
    if (!path.startsWith(`${folder}/`)) continue;
    const [name = "", ...rest] = path.slice(folder.length + 1).split("/");
    entries.set(name, { name, isFolder: rest.length > 0 });
  }
  return [...entries.values()];
}
