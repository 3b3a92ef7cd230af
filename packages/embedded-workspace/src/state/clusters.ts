// Clusters as a state machine: starting and terminating take their time, and nothing needs a timer
// for it.
import { randomInt } from "node:crypto";
import type { Clock, Cluster, ClusterState, Clusters } from "../context.ts";
import { ApiError } from "../route.ts";
import type { Collection, Store } from "../store.ts";

/** The stored form: the state it was put into, and the one it reaches by itself at a time. */
export type ClusterRecord = Omit<Cluster, "state" | "stateMessage"> & {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly creator: string;
  readonly state: ClusterState;
  readonly next?: { readonly state: ClusterState; readonly atMs: number };
  readonly terminatedTime?: number;
};

type ClusterSettings = {
  readonly clusterName: string;
  readonly sparkConf: Readonly<Record<string, string>>;
  readonly sparkEnvVars: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, unknown>>;
};

export type ClusterControl = Clusters & {
  readonly list: () => readonly ClusterRecord[];
  readonly record: (clusterId: string) => ClusterRecord;
  readonly create: (creator: string, settings: ClusterSettings, running?: boolean) => string;
  readonly edit: (clusterId: string, settings: ClusterSettings) => void;
  readonly terminate: (clusterId: string) => void;
  readonly restart: (clusterId: string) => void;
  readonly permanentDelete: (clusterId: string) => void;
};

/**
 * Workspace time: minutes on the platform; seconds here, so that nobody waits for what they do not
 * test.
 */
const START_MS = 4000;
const TERMINATE_MS = 2000;

export function createClusters(store: Store, clock: Clock): ClusterControl {
  const held = store.collection<ClusterRecord>("clusters");

  const settled = (record: ClusterRecord): ClusterRecord => {
    const { next, ...rest } = record;
    return next === undefined || next.atMs > clock.nowMs()
      ? record
      : { ...rest, state: next.state };
  };
  const find = (id: string) => {
    const record = held.get(id);
    return record === undefined ? undefined : settled(record);
  };
  const need = (id: string): ClusterRecord => {
    const record = find(id);
    if (record !== undefined) return record;
    throw new ApiError(400, "INVALID_PARAMETER_VALUE", `Cluster ${id} does not exist`);
  };
  const move: Move = (record, state, then, ms) =>
    held.put(record.clusterId, {
      ...record,
      state,
      next: { state: then, atMs: clock.nowMs() + ms / clock.timeScale },
      ...(then === "RUNNING" && { startTime: clock.nowMs() }),
      ...(then === "TERMINATED" && { terminatedTime: clock.nowMs() }),
    });
  const start = (id: string) => {
    const record = need(id);
    if (record.state === "TERMINATED" || record.state === "ERROR")
      move(record, "PENDING", "RUNNING", START_MS);
  };

  return {
    list: () => [...held.entries()].map(([, record]) => settled(record)),
    record: need,
    get: (id) => {
      const record = find(id);
      return record === undefined
        ? undefined
        : { ...record, stateMessage: messages[record.state] ?? "" };
    },
    start,
    ensureRunning: async (id, signal) => {
      for (;;) {
        start(id);
        const { state, next } = need(id);
        if (state === "RUNNING" || state === "RESIZING") return;
        const leftMs = (next?.atMs ?? clock.nowMs()) - clock.nowMs();
        await clock.sleep(Math.max(leftMs, 1) * clock.timeScale, signal);
      }
    },
    create: (creator, settings, running = false) => {
      const clusterId = newId(clock.nowMs());
      const record = { ...settings, clusterId, creator, startTime: clock.nowMs() };
      held.put(clusterId, { ...record, state: "RUNNING" });
      if (!running) move({ ...record, state: "PENDING" }, "PENDING", "RUNNING", START_MS);
      return clusterId;
    },
    ...changes(held, need, move),
    permanentDelete: (id) => {
      need(id);
      held.delete(id);
    },
  };
}

type Move = (record: ClusterRecord, state: ClusterState, then: ClusterState, ms: number) => void;

function changes(
  held: Collection<ClusterRecord>,
  need: (id: string) => ClusterRecord,
  move: Move,
): Pick<ClusterControl, "edit" | "terminate" | "restart"> {
  return {
    edit: (id, settings) => {
      const record = need(id);
      requireState(record, ["RUNNING", "TERMINATED"]);
      const edited = { ...record, ...settings };
      held.put(id, edited);
      if (record.state === "RUNNING") move(edited, "RESTARTING", "RUNNING", START_MS);
    },
    terminate: (id) => {
      const record = need(id);
      if (record.state !== "TERMINATED" && record.state !== "TERMINATING")
        move(record, "TERMINATING", "TERMINATED", TERMINATE_MS);
    },
    restart: (id) => {
      const record = need(id);
      requireState(record, ["RUNNING"]);
      move(record, "RESTARTING", "RUNNING", START_MS);
    },
  };
}

function requireState({ clusterId, state }: ClusterRecord, allowed: readonly ClusterState[]) {
  if (!allowed.includes(state))
    throw new ApiError(
      400,
      "INVALID_STATE",
      `Cluster ${clusterId} is in unexpected state ${state.charAt(0)}${state.slice(1).toLowerCase()}.`,
    );
}

const messages: Partial<Record<ClusterState, string>> = {
  PENDING: "Starting Spark",
  RESTARTING: "Restarting",
  TERMINATING: "Terminating",
  TERMINATED: "Terminated by user request",
};

/** `0921-143205-a1b2c3d4`: the month, day and time, and eight characters. */
function newId(nowMs: number): string {
  const digits = new Date(nowMs).toISOString().replaceAll(/\D/g, "");
  const tail = randomInt(36 ** 8)
    .toString(36)
    .padStart(8, "0");
  return `${digits.slice(4, 8)}-${digits.slice(8, 14)}-${tail}`;
}
