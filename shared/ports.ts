// One small interface for each capability. A use case asks for the narrowest; the composition root may pass more.
// The simulation enumerates the methods below and breaks each of them in every way that it knows.
import type { DatabricksRun } from "./domain/databricks-run.ts";
import type { OutcomeEvent, RejectedEvent } from "./domain/events.ts";
import type { ChapterKey, FactKind, FactOf, FactRef, Marker } from "./domain/facts.ts";
import type { LedgerRows } from "./domain/ledger-rows.ts";
import type { Recipe } from "./domain/recipe.ts";
import type { Digests } from "./domain/seed.ts";
import type { LogEvent, LogFields } from "./log.ts";
import type { MessageOf, QueueName } from "./topology.ts";

/** A fact as it is stored: whoever comes second reads what the first one wrote. */
export type Stored<Fact> = {
  readonly fact: Fact;
  /** Of the stored bytes, lower-case hex: what the executor computes of its manifest, too. */
  readonly sha256: string;
  /** The stored text, to be copied as it is. */
  readonly text: string;
};

/** The copy that won. */
export type Created<Fact> = Stored<Fact> & {
  /** This call wrote it. False where another was faster, and where the answer was lost: then nobody knows, and looks. */
  readonly isNew: boolean;
};

/** Write-once facts, in the facts volume. Paths are relative to it. */
export interface FactsPort {
  readonly facts: {
    /** Strong: sees what was created before. @throws PoisonMessageError where the stored text is no such fact. */
    readonly read: <K extends FactKind>(ref: FactRef<K>) => Promise<Stored<FactOf<K>> | undefined>;
    /** Creates it unless it exists, and returns the copy that won. */
    readonly create: <K extends FactKind>(
      ref: FactRef<K>,
      fact: FactOf<K>,
    ) => Promise<Created<FactOf<K>>>;
  };
}

/**
 * What executors and people may read, and only controllers write: planned files, copies of manifests, judged results. Paths are
 * relative to the plans volume, and determine what lies there: creating it again changes nothing.
 */
export interface PlansPort {
  readonly plans: {
    readonly put: (path: string, content: Uint8Array) => Promise<void>;
  };
}

export type FactEntry = { readonly name: string; readonly isFolder: boolean };

type Removal = {
  /** What lies directly in a folder, the first thousand of it; nothing, where there is no such folder. Weak: may lag. */
  readonly list: (folder: string) => Promise<readonly FactEntry[]>;
  /** Removing what is gone is no error. */
  readonly remove: (path: string) => Promise<void>;
  /** Only an empty folder goes: false where something lies in it. Removing what is gone is no error. */
  readonly removeFolder: (path: string) => Promise<boolean>;
};

/** What retention alone does with facts, and with what was planned. Paths are relative to their volume. */
export interface FactRemovalPort {
  readonly facts: Removal;
  readonly plans: Removal;
}

export type MarkerListing = { readonly key: ChapterKey; readonly modifiedMs: number };

/** One marker for each open chapter: the only thing that is ever overwritten. */
export interface MarkersPort {
  readonly markers: {
    /** @throws UnreadableMarkerError where its text is none: wait, the sweep writes it anew. */
    readonly read: (key: ChapterKey) => Promise<Marker | undefined>;
    readonly write: (marker: Marker) => Promise<void>;
    /** Removing what is gone is no error. */
    readonly remove: (key: ChapterKey) => Promise<void>;
    /** All of them with the times of their last write. Weak: may lag. */
    readonly list: () => Promise<readonly MarkerListing[]>;
  };
}

/**
 * What may be overwritten, lost or wrong without harm, below `hints/` of the facts volume: it moves looks, never verdicts. Nobody waits
 * for it, and nobody believes it.
 */
export interface HintsPort {
  readonly hints: {
    /** JSON, whatever it says; undefined where there is none that can be read. */
    readonly read: (name: string) => Promise<unknown>;
    readonly write: (name: string, hint: object) => Promise<void>;
  };
}

/** What lies at a path of a volume that others may write. */
export type VolumeFile =
  | { readonly kind: "absent" }
  | { readonly kind: "too-large"; readonly bytes: number }
  | { readonly kind: "found"; readonly content: Uint8Array };

/** Files of other volumes: the company codebase (reviewed), and results, where a stage judges those (executors write them). */
export interface VolumesPort {
  readonly volumes: {
    /** `path` is absolute (/Volumes/…). More than `bytesMax` is not read. */
    readonly read: (path: string, bytesMax: number) => Promise<VolumeFile>;
  };
}

export type SubmitRequest = {
  readonly runName: string;
  /** At most 64 characters (Jobs API); the same token is the same Databricks run. */
  readonly idempotencyToken: string;
  /** The body of runs/submit, without name and token, as text: it is stored as it is sent. */
  readonly payload: string;
};
export type SubmitReply =
  /** There is a run under the token; whose it is, only looking at it tells. Its link is made up without asking. */
  | { readonly kind: "accepted"; readonly databricksRunId: string; readonly runUrl: string }
  /** A closed list of codes says that the same request can never succeed. */
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

export type RunLook =
  | { readonly kind: "gone"; readonly message: string }
  /** There is such a run, and the controllers may not see it. Whoever submits a run may: so it is somebody else's. */
  | { readonly kind: "forbidden"; readonly message: string }
  | { readonly kind: "run"; readonly run: DatabricksRun };

export type NamedRun = {
  readonly databricksRunId: string;
  readonly runName: string;
  readonly runUrl: string;
  /** Who submitted it; absent where that user was deleted. */
  readonly creator: string | undefined;
  readonly startedMs: number;
  /** When its youngest repair began; absent where nobody repaired it. */
  readonly repairedMs?: number;
};

/** What one task printed and returned. */
export type TaskOutput =
  | {
      readonly kind: "output";
      /** The end of stdout and stderr; absent where the platform has none (yet). */
      readonly logs: string | undefined;
      readonly isTruncated: boolean;
    }
  | { readonly kind: "absent"; readonly message: string }
  | { readonly kind: "too-large"; readonly bytes: number };

/** The Jobs API. Everything that waiting may mend is a PlatformTroubleError. */
export interface JobsPort {
  readonly jobs: {
    readonly submit: (request: SubmitRequest) => Promise<SubmitReply>;
    readonly get: (databricksRunId: string) => Promise<RunLook>;
    /** Of a task's own run, when it is over. */
    readonly output: (taskRunId: string) => Promise<TaskOutput>;
    /**
     * The runs whose names begin with `namePrefix`, whoever gave them that name, active or over, started in that time (until now), give
     * or take what clocks may differ. Weak: a listing may lag.
     */
    readonly find: (
      namePrefix: string,
      sinceMs: number,
      untilMs?: number,
    ) => Promise<readonly NamedRun[]>;
    /** The active runs whose names begin with `namePrefix`, whoever gave them that name. Weak. */
    readonly listActive: (namePrefix: string) => Promise<readonly NamedRun[]>;
    /** Asynchronous: the run is over when `get` says so. Cancelling what is over changes nothing. */
    readonly cancel: (databricksRunId: string) => Promise<void>;
  };
}

export type SendOptions = {
  /** 0 to 900 (SQS). */
  readonly delaySeconds?: number;
  /** W3C trace context of the run that the message speaks of, where it is known. */
  readonly traceparent?: string | undefined;
  /** Who sent it first, where it is sent again: its handler believes it of our own functions alone. */
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
  /** As the message had it, so that a replay goes on in the same trace. */
  readonly traceparent?: string | undefined;
  /** The principal who sent it, for people to read: a replay is its replayer's. */
  readonly by?: string | undefined;
};

export interface DeadLettersPort {
  readonly deadLetters: { readonly send: (queue: QueueName, letter: DeadLetter) => Promise<void> };
}

/** The Delta tables. One call writes at most once per table. */
export interface LedgerPort {
  readonly ledger: { readonly merge: (rows: LedgerRows) => Promise<void> };
}

/** The event bus, where upstream systems listen. At least once. */
export interface EventsPort {
  readonly events: {
    readonly announce: (event: OutcomeEvent) => Promise<void>;
    readonly reject: (event: RejectedEvent) => Promise<void>;
  };
}

/** Time. Not a capability that fails: the simulation replaces it, and does not break it. */
export interface ClockPort {
  readonly clock: {
    readonly nowMs: () => number;
    /** Resolves after `ms`. */
    readonly sleep: (ms: number) => Promise<void>;
    /** Calls `ring` after `ms`, unless what it returns has been called before. */
    readonly timer: (ms: number, ring: () => void) => () => void;
  };
}

/** Pure, but not to be had without the platform's help. */
export interface DigestPort extends Digests {}

/** Chance that nobody can guess. Not a capability that fails. */
export interface RandomPort {
  /** So many bytes in lower-case hex. */
  readonly randomHex: (bytes: number) => string;
}

/** What a run's output carries is deflated. */
export interface InflatePort {
  /** Undefined where it is no zlib stream (RFC 1950), or has more than `bytesMax`. */
  readonly inflate: (packed: Uint8Array, bytesMax: number) => Uint8Array | undefined;
}

/** As whom the controllers speak to Databricks: what `creator_user_name` says of the runs that they submit. */
export interface IdentityPort {
  readonly identity: {
    /** The present principal and those of before, which a run under way may still have. Never empty. */
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

/** Whose volume this is: part of every token and run name. Read once, from plane.json. */
export interface PlanePort {
  readonly plane: {
    /** @throws PlatformTroubleError where nobody has bootstrapped the volume, or it belongs to another stack. */
    readonly id: () => Promise<string>;
  };
}

/** What a stage decides once, for all of its services. */
export type Settings = {
  /** `/Volumes/<catalog>/<schema>/facts`, `…/plans`, `…/scratchpad`, `…/company_codebase`. */
  readonly factsVolume: string;
  readonly plansVolume: string;
  readonly scratchpadVolume: string;
  readonly codebaseVolume: string;
  /** The python_file of every submission: where the executor was uploaded, by its content. */
  readonly executorPath: string;
  /** The principal as which executors run, unless the recipe names one. */
  readonly runAs: string | undefined;
  /** Where the judge finds a result: in the run's own output, or (on compute without one) in a file that others may rewrite. */
  readonly evidence: "output" | "file";
  /** The ids of our own functions' roles, as SQS names senders (`AROA…`): who may say on whose behalf a message is sent. */
  readonly ownSenders: readonly string[];
  /** Who this is, for the books: the function and its log stream, where more can be read. */
  readonly worker: string;
  /** How long the facts of a run are kept after its last outcome; its ticket_id is remembered as long. */
  readonly retentionDays: number;
  /** Multiplies our own waits (looks, settling, silence), never the limits of tickets and recipes. 1 in production. */
  readonly timeScale: number;
};
export interface SettingsPort {
  readonly settings: Settings;
}
