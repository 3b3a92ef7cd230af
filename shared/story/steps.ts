// The one primitive of the loop: the stored fact, or this one, created once. Whoever comes second reads what the first one wrote.
import type { FactKind, FactOf, FactRef } from "../domain/facts.ts";
import type { FactsPort, Stored } from "../ports.ts";

export type Step<Fact> = Stored<Fact> & {
  /** It was there before, or another was faster: somebody has been here already. */
  readonly found: boolean;
};

/**
 * What follows a fact that is not there yet is not there either: `isNew` spares the look. Should somebody have been faster all the
 * same, creating returns theirs.
 *
 * Returns the stored fact, or computes it, tries to create it, and returns whichever copy won.
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
