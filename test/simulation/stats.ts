// The counts of a world, for the figures at the end.
export type Stats = {
  databricksRuns: number;
  chapters: number;
  looks: number;
  /** Looks, ledger and schedule apart. */
  databricksCalls: number;
  /** Most watches of one attempt at the same time, and in all. */
  liveWatchesMax: number;
  watchesMax: number;
  announcements: number;
  /** Plans older than their stop, carried through to a submission and then cancelled. */
  carried: number;
  /** From a stop to the cancellation that it brought, in milliseconds. */
  readonly cancelWaitsMs: number[];
};

export const createStats = (): Stats => ({
  databricksRuns: 0,
  chapters: 0,
  looks: 0,
  databricksCalls: 0,
  liveWatchesMax: 0,
  watchesMax: 0,
  announcements: 0,
  carried: 0,
  cancelWaitsMs: [],
});
