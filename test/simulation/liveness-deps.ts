// The parts of a world that its checks look at, while it lives and when it has come to rest.
import type { Ancient } from "./ancient.ts";
import type { People } from "./outside.ts";
import type { SafetyDeps } from "./view.ts";

export type LivenessDeps = SafetyDeps & {
  readonly people: People;
  readonly ancient: readonly Ancient[];
  /** Checks of others, made when all has come to rest. */
  readonly atEnd: (() => void)[];
};
