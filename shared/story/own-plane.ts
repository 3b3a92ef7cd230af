// A foreign volume is refused: no handler acts in a plane that is not this stack's.
import type { PlanePort } from "../ports.ts";

/** Handles a message only if the facts volume is this stack's own (asked once, then known). */
export const inOwnPlane =
  <Args extends readonly unknown[]>(
    { plane }: PlanePort,
    consume: (...args: Args) => Promise<void>,
  ) =>
  async (...args: Args): Promise<void> => {
    await plane.id();
    return await consume(...args);
  };
