// FactsPort over memory, without faults: the first copy stays.
import { createHash } from "node:crypto";
import { factOf, factText } from "../../../shared/adapters/fact-text.ts";
import type { FactKind, FactOf, FactRef } from "../../../shared/domain/facts.ts";
import type { ClockPort, FactRemovalPort, FactsPort, Stored } from "../../../shared/ports.ts";
import { entriesIn } from "../../simulation/folders.ts";
import type { MemoryFiles } from "./files.ts";

export function createMemoryFacts(
  files: MemoryFiles,
  { clock }: ClockPort,
): FactsPort & FactRemovalPort {
  const stored = <K extends FactKind>(ref: FactRef<K>, content: Uint8Array): Stored<FactOf<K>> => ({
    fact: factOf(ref, content),
    sha256: createHash("sha256").update(content).digest("hex"),
  });
  const createFile = (path: string, content: Uint8Array): Uint8Array => {
    const winner = files.get(path);
    if (winner !== undefined) return winner.content;
    files.set(path, { content, modifiedMs: clock.nowMs() });
    return content;
  };
  return {
    facts: {
      read: async (ref) => {
        const file = files.get(ref.path);
        return file === undefined ? undefined : stored(ref, file.content);
      },
      create: async (ref, fact) =>
        stored(ref, createFile(ref.path, Buffer.from(factText(ref, fact).text))),
      putFile: async (path, content) => {
        createFile(path, content);
      },
      list: async (folder) => entriesIn(files.keys(), folder),
      remove: async (path) => void files.delete(path),
      removeFolder: async (path) => entriesIn(files.keys(), path).length === 0,
    },
  };
}
