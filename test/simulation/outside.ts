// The tools of everybody outside, and the words that they always use.
import type { QueueName } from "../../shared/topology.ts";
import type { Ancient } from "./ancient.ts";
import type { VirtualClock } from "./clock.ts";
import type { Databricks } from "./databricks.ts";
import { sha256Of } from "./digest.ts";
import type { Files } from "./files.ts";
import type { Random } from "./random.ts";
import type { Sqs } from "./sqs.ts";
import type { Trace } from "./trace.ts";
import type { Weather } from "./weather.ts";

export type People = {
  /** The ids of the proper tickets: each of them must come to its outcomes. */
  readonly runIds: readonly string[];
  /** Ids that were used for nothing but tickets that must be refused. */
  readonly refusedIds: readonly string[];
  /** Ids under which a second, different ticket came. */
  readonly contestedIds: readonly string[];
  readonly auditIds: readonly string[];
  /** When a run's ticket was last sent again. */
  readonly repeatedMs: ReadonlyMap<string, number>;
  /** When the scheduler starts the last of the runs. */
  readonly scheduledAtMs: number;
  /** Whether somebody else than a service sent this, so that it may rightly be called poison. */
  readonly isForeign: (queue: QueueName, body: string) => boolean;
};

export type PeopleDeps = {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly weather: Weather;
  readonly trace: Trace;
  readonly sqs: Sqs;
  readonly files: Files;
  readonly databricks: Databricks;
  readonly tickets: number;
  readonly ancient: readonly Ancient[];
  /** Runs that were under way when the world began. */
  readonly elders: readonly string[];
  /** When our services work again; now, if they do. */
  readonly awakeAtMs: () => number;
};

export type Outside = PeopleDeps & {
  readonly runIds: readonly string[];
  /** A person's message; from one of those who may send it, unless somebody else is named. */
  readonly send: (atMs: number, queue: QueueName, message: object | string, as?: Sender) => void;
  readonly meddles: (share: number) => boolean;
  readonly soonMs: () => number;
  readonly cancelOf: (run_id: string, chapter: number) => object;
  readonly retryOf: (run_id: string, chapter: number) => object;
};

/** Who sends, by SQS' word, and what its attributes say instead. */
export type Sender = {
  readonly sender: string;
  readonly by?: string;
  readonly firstBy?: string;
  readonly traceparent?: string | undefined;
};

/** Some upstream systems trace their tickets. */
export const traceOf = (runId: string): string | undefined =>
  ["r1", "R-2_x"].includes(runId)
    ? `00-${sha256Of(runId).slice(0, 32)}-00f067aa0ba902b7-01`
    : undefined;

/** What people set where a retry may try more or less often than before. */
export const retryAttempts = [1, 2] as const;
