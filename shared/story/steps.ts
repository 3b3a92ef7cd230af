// The one primitive of the loop: it returns the stored fact, or creates this one, once. A handler
// that comes second reads what the first one wrote.
import type { FactKind, FactOf, FactRef } from "../domain/facts.ts";
import type { FactsPort, Stored } from "../ports.ts";

export type Step<Fact> = Stored<Fact> & {
  /** True if the fact was there before, or if another handler was faster. */
  readonly found: boolean;
};

/**
 * Returns the stored fact, or computes it, tries to create it, and returns the copy that won.
 *
 * Pass `isNew` when the preceding fact was just created: then this one cannot be there yet, and one
 * read is skipped. If another handler was faster all the same, creating returns its copy.
 */
export const stepsOf =
  ({ facts }: FactsPort) =>
  async <K extends FactKind>(
    ref: FactRef<K>,
    compute: () => Promise<FactOf<K>>,
    isNew = false,
  ): Promise<Step<FactOf<K>>> => {
    const stored = isNew ? undefined : await facts.read(ref);
    if (stored !== undefined) return { ...stored, found: true };
    const { isNew: isOurs, ...kept } = await facts.create(ref, await compute());
    return { ...kept, found: !isOurs };
  };
