// VolumesPort over memory: files by their absolute paths (/Volumes/…).
import type { VolumesPort } from "../../../shared/ports.ts";
import type { MemoryFiles } from "./files.ts";

export const createMemoryVolumes = (files: MemoryFiles): VolumesPort => ({
  volumes: {
    read: async (path, bytesMax) => {
      const content = files.get(path)?.content;
      if (content === undefined) return { kind: "absent" };
      return content.byteLength > bytesMax
        ? { kind: "too-large", bytes: content.byteLength }
        : { kind: "found", content };
    },
  },
});
