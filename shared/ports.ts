// One small interface for each capability. A use case asks for the narrowest; the composition root
// may pass more. The simulation lists the methods below and breaks each of them in every way that
// it knows.
import type { DatabricksRun } from "./domain/databricks-run.ts";
import type { OutcomeEvent, RejectedEvent } from "./domain/events.ts";
import type { ChapterKey, FactKind, FactOf, FactRef, Marker } from "./domain/facts.ts";
import type { LedgerRows } from "./domain/ledger-rows.ts";
import type { Recipe } from "./domain/recipe.ts";
import type { Digests } from "./domain/seed.ts";
import type { LogEvent, LogFields } from "./log.ts";
import type { MessageOf, QueueName } from "./topology.ts";

/** A fact as it is stored: a handler that comes second reads what the first one wrote. */
export type Stored<Fact> = {
  readonly fact: Fact;
  /**
   * The digest of the stored bytes, in lower-case hex. The executor computes the same of its
   * manifest.
   */
  readonly sha256: string;
  /** The stored text, so that it can be copied as it is. */
  readonly text: string;
};

/** The copy that won. */
export type Created<Fact> = Stored<Fact> & {
  /**
   * True if this call wrote it. False if another was faster, or if the answer was lost: then the
   * file is read.
   */
  readonly isNew: boolean;
};

/** Write-once facts, in the facts volume. Paths are relative to it. */
export interface FactsPort {
  readonly facts: {
    /**
     * Strong: sees what was created before. @throws PoisonMessageError if the stored text is no
     * such fact.
     */
    readonly read: <K extends FactKind>(ref: FactRef<K>) => Promise<Stored<FactOf<K>> | undefined>;
    /** Creates the fact unless it exists, and returns the copy that won. */
    readonly create: <K extends FactKind>(
      ref: FactRef<K>,
      fact: FactOf<K>,
    ) => Promise<Created<FactOf<K>>>;
  };
}

/**
 * Files that only controllers write, and that executors and people may read: planned files, copies
 * of manifests, judged results. Paths are relative to the plans volume. A path determines its
 * content, so creating it again changes nothing.
 */
export interface PlansPort {
  readonly plans: {
    readonly put: (path: string, content: Uint8Array) => Promise<void>;
  };
}

export type FactEntry = { readonly name: string; readonly isFolder: boolean };

type Removal = {
  /**
   * The first thousand entries directly in a folder; none if there is no such folder. Weak: may
   * lag.
   */
  readonly list: (folder: string) => Promise<readonly FactEntry[]>;
  /** Removing a file that is gone is no error. */
  readonly remove: (path: string) => Promise<void>;
  /**
   * Removes an empty folder. False if something lies in it. Removing a folder that is gone is no
   * error.
   */
  readonly removeFolder: (path: string) => Promise<boolean>;
};

/** The part of facts and plans that only retention uses. Paths are relative to their volume. */
export interface FactRemovalPort {
  readonly facts: Removal;
  readonly plans: Removal;
}

export type MarkerListing = { readonly key: ChapterKey; readonly modifiedMs: number };

/** One marker for each open chapter: the only file that is ever overwritten. */
export interface MarkersPort {
  readonly markers: {
    /**
     * @throws UnreadableMarkerError if the file is not a valid marker: wait, the sweep writes it
     *   again.
     */
    readonly read: (key: ChapterKey) => Promise<Marker | undefined>;
    readonly write: (marker: Marker) => Promise<void>;
    /** Removing a marker that is gone is no error. */
    readonly remove: (key: ChapterKey) => Promise<void>;
    /** All markers with the times of their last write. Weak: may lag. */
    readonly list: () => Promise<readonly MarkerListing[]>;
  };
}

/**
 * Files below `hints/` of the facts volume that may be overwritten, lost or wrong without harm: a
 * hint moves looks, never verdicts.
 */
export interface HintsPort {
  readonly hints: {
    /** JSON, whatever it says; undefined if there is none that can be read. */
    readonly read: (name: string) => Promise<unknown>;
    readonly write: (name: string, hint: object) => Promise<void>;
  };
}

/** A file at a path of a volume that others may write. */
export type VolumeFile =
  | { readonly kind: "absent" }
  | { readonly kind: "too-large"; readonly bytes: number }
  | { readonly kind: "found"; readonly content: Uint8Array };

/**
 * Files of other volumes: the company codebase (reviewed), and the scratchpad, if a stage judges
 * results there (executors write them).
 */
export interface VolumesPort {
  readonly volumes: {
    /** `path` is absolute (/Volumes/…). A file larger than `bytesMax` is not read. */
    readonly read: (path: string, bytesMax: number) => Promise<VolumeFile>;
  };
}

export type SubmitRequest = {
  readonly runName: string;
  /** At most 64 characters (Jobs API). The same token is the same Databricks run. */
  readonly idempotencyToken: string;
  /**
   * The body of runs/submit, without name and token. It is text, because it is stored exactly as it
   * is sent.
   */
  readonly payload: string;
};
export type SubmitReply =
  /**
   * There is a run under the token. Only a look at it tells whose it is. Its link is composed
   * without asking.
   */
  | { readonly kind: "accepted"; readonly databricksRunId: string; readonly runUrl: string }
  /** Databricks refused with a code of the closed list: the same request can never succeed. */
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

export type RunLook =
  | { readonly kind: "gone"; readonly message: string }
  /**
   * There is such a run, and the controllers may not see it. Its submitter always may, so it is
   * somebody else's.
   */
  | { readonly kind: "forbidden"; readonly message: string }
  | { readonly kind: "run"; readonly run: DatabricksRun };

export type NamedRun = {
  readonly databricksRunId: string;
  readonly runName: string;
  readonly runUrl: string;
  /** The user who submitted it; absent if that user was deleted. */
  readonly creator: string | undefined;
  readonly startedMs: number;
  /** The time at which its youngest repair began; absent if nobody repaired it. */
  readonly repairedMs?: number;
};

/** The output of one task. */
export type TaskOutput =
  | {
      readonly kind: "output";
      /** The end of stdout and stderr; absent if the platform has none (yet). */
      readonly logs: string | undefined;
      readonly isTruncated: boolean;
    }
  | { readonly kind: "absent"; readonly message: string }
  | { readonly kind: "too-large"; readonly bytes: number };

/** The Jobs API. Every failure that waiting may mend is a PlatformTroubleError. */
export interface JobsPort {
  readonly jobs: {
    readonly submit: (request: SubmitRequest) => Promise<SubmitReply>;
    readonly get: (databricksRunId: string) => Promise<RunLook>;
    /** The output of a task's own run, once it is over. */
    readonly output: (taskRunId: string) => Promise<TaskOutput>;
    /**
     * The runs whose names begin with `namePrefix`, whoever submitted them, active or over, started
     * in that time (until now if no end is given; clocks may differ a little). Weak: a listing may
     * lag.
     */
    readonly find: (
      namePrefix: string,
      sinceMs: number,
      untilMs?: number,
    ) => Promise<readonly NamedRun[]>;
    /** The active runs whose names begin with `namePrefix`, whoever submitted them. Weak. */
    readonly listActive: (namePrefix: string) => Promise<readonly NamedRun[]>;
    /**
     * Asynchronous: the run is over when `get` says so. Cancelling a run that is over changes
     * nothing.
     */
    readonly cancel: (databricksRunId: string) => Promise<void>;
  };
}

export type SendOptions = {
  /** 0 to 900 (SQS). */
  readonly delaySeconds?: number;
  /** The W3C trace context of the message's run, if it is known. */
  readonly traceparent?: string | undefined;
  /**
   * The first sender of a message that is sent again. A handler believes it only from our own
   * functions.
   */
  readonly by?: string | undefined;
};

/** The queues that a use case may send to. */
export interface QueuesPort<Q extends QueueName = QueueName> {
  readonly queues: {
    readonly send: <N extends Q>(
      queue: N,
      message: MessageOf<N>,
      options?: SendOptions,
    ) => Promise<void>;
  };
}

/** A message that could not be handled, with its reason, waiting for a person. */
export type DeadLetter = {
  readonly body: string;
  /** One sentence. */
  readonly reason: string;
  readonly errorName: string;
  readonly failedAtMs: number;
  readonly receiveCount: number;
  readonly runId?: string;
  readonly runUrl?: string;
  /** The message's own trace, so that a replay goes on in it. */
  readonly traceparent?: string | undefined;
  /**
   * The principal who sent it, for people to read. A replay belongs to the person who replays it.
   */
  readonly by?: string | undefined;
};

export interface DeadLettersPort {
  readonly deadLetters: { readonly send: (queue: QueueName, letter: DeadLetter) => Promise<void> };
}

/** The Delta tables. One call writes each table at most once. */
export interface LedgerPort {
  readonly ledger: { readonly merge: (rows: LedgerRows) => Promise<void> };
}

/** The event bus, where upstream systems listen. Events come at least once. */
export interface EventsPort {
  readonly events: {
    readonly announce: (event: OutcomeEvent) => Promise<void>;
    readonly reject: (event: RejectedEvent) => Promise<void>;
  };
}

/** Time. It is not a capability that fails: the simulation replaces it, and does not break it. */
export interface ClockPort {
  readonly clock: {
    readonly nowMs: () => number;
    /** Resolves after `ms`. */
    readonly sleep: (ms: number) => Promise<void>;
    /** Calls `ring` after `ms`, unless the returned function has been called before. */
    readonly timer: (ms: number, ring: () => void) => () => void;
  };
}

/** Digests are pure, but need the platform's help. */
export interface DigestPort extends Digests {}

/** Random bytes that nobody can guess. Not a capability that fails. */
export interface RandomPort {
  /** `bytes` random bytes in lower-case hex. */
  readonly randomHex: (bytes: number) => string;
}

/** The evidence in a run's output is compressed with deflate. */
export interface InflatePort {
  /** Undefined if `packed` is no zlib stream (RFC 1950), or has more than `bytesMax`. */
  readonly inflate: (packed: Uint8Array, bytesMax: number) => Uint8Array | undefined;
}

/**
 * The controllers' identity at Databricks: the `creator_user_name` of the runs that they submit.
 */
export interface IdentityPort {
  readonly identity: {
    /**
     * The present principal and earlier ones, which a run under way may still have. Never empty.
     */
    readonly own: () => Promise<readonly string[]>;
  };
}

export interface LogPort {
  readonly log: (event: LogEvent, fields?: LogFields) => void;
}

/** The reviewed workloads, bundled with the orchestrator. */
export interface WorkloadsPort {
  readonly workloads: {
    readonly names: () => readonly string[];
    readonly recipe: (workload: string) => Recipe | undefined;
    readonly file: (workload: string, name: string) => Uint8Array | undefined;
  };
}

/**
 * The owner of the volume. Its id is part of every token and run name. It is read once, from
 * plane.json.
 */
export interface PlanePort {
  readonly plane: {
    /**
     * @throws PlatformTroubleError if nobody has bootstrapped the volume, or it belongs to another
     *   stack.
     */
    readonly id: () => Promise<string>;
  };
}

/** The settings that a stage decides once, for all of its services. */
export type Settings = {
  /** `/Volumes/<catalog>/<schema>/facts`, `…/plans`, `…/scratchpad`, `…/company_codebase`. */
  readonly factsVolume: string;
  readonly plansVolume: string;
  readonly scratchpadVolume: string;
  readonly codebaseVolume: string;
  /**
   * The python_file of every submission: the path of the uploaded executor, which contains its
   * digest.
   */
  readonly executorPath: string;
  /** The principal as which executors run, unless the recipe names one. */
  readonly runAs: string | undefined;
  /**
   * Where the judge finds a result: in the run's own output, or (on compute without one) in a file
   * that others may rewrite.
   */
  readonly evidence: "output" | "file";
  /**
   * The ids of our own functions' roles, as SQS names senders (`AROA…`). They may name another
   * sender of a message.
   */
  readonly ownSenders: readonly string[];
  /**
   * The name of this worker in the books: the function and its log stream, where more can be read.
   */
  readonly worker: string;
  /**
   * How long the facts of a run are kept after its last outcome; its ticket_id is remembered as
   * long.
   */
  readonly retentionDays: number;
  /**
   * Multiplies our own waits (looks, settling, silence), never the limits of tickets and recipes. 1
   * in production.
   */
  readonly timeScale: number;
};
export interface SettingsPort {
  readonly settings: Settings;
}
