// HintsPort over memory.
import type { HintsPort } from "../../../shared/ports.ts";

export function createMemoryHints(): HintsPort & { readonly written: Map<string, object> } {
  const written = new Map<string, object>();
  return {
    written,
    hints: {
      read: async (name) => written.get(name),
      write: async (name, hint) => void written.set(name, hint),
    },
  };
}
