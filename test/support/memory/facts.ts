// FactsPort over memory, without faults: the first copy stays.
import { createHash } from "node:crypto";
import { factOf, factText } from "../../../shared/adapters/fact-text.ts";
import type { FactKind, FactOf, FactRef } from "../../../shared/domain/facts.ts";
import type {
  ClockPort,
  FactRemovalPort,
  FactsPort,
  PlansPort,
  Stored,
} from "../../../shared/ports.ts";
import { entriesIn } from "../../simulation/folders.ts";
import type { MemoryFiles } from "./files.ts";

export function createMemoryFacts(
  files: MemoryFiles,
  plans: MemoryFiles,
  { clock }: ClockPort,
): FactsPort & PlansPort & FactRemovalPort {
  const stored = <K extends FactKind>(ref: FactRef<K>, content: Uint8Array): Stored<FactOf<K>> => ({
    fact: factOf(ref, content),
    sha256: createHash("sha256").update(content).digest("hex"),
    text: Buffer.from(content).toString(),
  });
  const createFile = (volume: MemoryFiles, path: string, content: Uint8Array): Uint8Array => {
    const winner = volume.get(path);
    if (winner !== undefined) return winner.content;
    volume.set(path, { content, modifiedMs: clock.nowMs() });
    return content;
  };
  const removalIn = (volume: MemoryFiles): FactRemovalPort["facts"] => ({
    list: async (folder) => entriesIn(volume.keys(), folder),
    remove: async (path) => void volume.delete(path),
    removeFolder: async (path) => entriesIn(volume.keys(), path).length === 0,
  });
  return {
    facts: {
      read: async (ref) => {
        const file = files.get(ref.path);
        return file === undefined ? undefined : stored(ref, file.content);
      },
      create: async (ref, fact) => {
        const isNew = !files.has(ref.path);
        const content = createFile(files, ref.path, Buffer.from(factText(ref, fact).text));
        return { ...stored(ref, content), isNew };
      },
      ...removalIn(files),
    },
    plans: {
      put: async (path, content) => {
        createFile(plans, path, content);
      },
      ...removalIn(plans),
    },
  };
}
