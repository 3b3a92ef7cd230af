// Execution contexts of clusters and their commands (docs/facts/databricks.md#command-calls). They
// are nowhere kept: a context ends with its cluster, and with the workspace.
import { randomBytes } from "node:crypto";
import type { WorkspaceContext } from "../context.ts";
import {
  type CommandEnd,
  type CommandProcess,
  startCommandProcess,
} from "../execution/command-process.ts";
import { ApiError, type Principal } from "../route.ts";

/** Of a cluster (docs/facts/databricks.md#command-compute). */
const CONTEXTS_MAX = 145;
/** Older ended commands of a context are forgotten. How many the platform keeps is unknown. */
const ENDED_COMMANDS_MAX = 100;
/** How soon it is noticed that a cluster no longer runs, while nobody asks. */
const LOOK_MS = 500;

type ContextStatus = "Pending" | "Running" | "Error";

type CommandStatus = "Queued" | "Running" | "Cancelling" | "Finished" | "Cancelled" | "Error";

export type Command = {
  readonly id: string;
  readonly source: string;
  status: CommandStatus;
  end?: CommandEnd;
};

type Held = {
  readonly id: string;
  readonly clusterId: string;
  /** The cluster's, when the context was made: after a restart it is another. */
  readonly clusterStartMs: number;
  readonly owner: string;
  status: ContextStatus;
  process?: CommandProcess;
  readonly commands: Command[];
};

/** Names a context, as each call does. */
type Named = { readonly clusterId: string; readonly contextId: string };

export type Contexts = {
  /** @throws ApiError for a cluster that does not run, or has no room */
  readonly create: (caller: Principal, clusterId: string) => string;
  /** @throws ApiError for one that is not there, or somebody else's */
  readonly status: (caller: Principal, named: Named) => ContextStatus;
  readonly destroy: (caller: Principal, named: Named) => Promise<void>;
  /** @throws ApiError also for a context whose Python is gone */
  readonly execute: (caller: Principal, named: Named, source: string) => string;
  readonly command: (caller: Principal, named: Named, commandId: string) => Command;
  readonly cancel: (caller: Principal, named: Named, commandId: string) => void;
};

export function createContexts(context: WorkspaceContext): Contexts {
  const held = new Map<string, Held>();
  const drop = async (each: Held): Promise<void> => {
    held.delete(each.id);
    await each.process?.end();
  };
  const dropLost = (): void => {
    for (const each of held.values()) if (!isThere(context, each)) void drop(each);
  };
  const looking = setInterval(dropLost, LOOK_MS).unref();
  context.onClose(async () => {
    clearInterval(looking);
    await Promise.all([...held.values()].map(drop));
  });
  const need = (caller: Principal, { clusterId, contextId }: Named): Held => {
    dropLost();
    const found = held.get(contextId);
    if (found !== undefined && found.clusterId === clusterId && found.owner === caller.id)
      return found;
    throw new ApiError(
      404,
      "ContextNotFound",
      `the cluster ${clusterId} has no execution context ${contextId} of this caller. A cluster that ends or restarts loses its contexts`,
    );
  };

  return {
    create: (caller, clusterId) => {
      dropLost();
      const clusterStartMs = needCluster(context, clusterId);
      requireRoom([...held.values()].filter((each) => each.clusterId === clusterId));
      const made: Held = {
        id: String(randomBytes(8).readBigUInt64BE() >> 1n),
        clusterId,
        clusterStartMs,
        owner: caller.id,
        status: "Pending",
        commands: [],
      };
      held.set(made.id, made);
      void begin(context, caller, made, () => held.has(made.id));
      return made.id;
    },
    status: (caller, named) => need(caller, named).status,
    destroy: (caller, named) => drop(need(caller, named)),
    execute: (caller, named, source) => {
      const found = need(caller, named);
      if (found.status === "Error")
        throw new ApiError(
          400,
          "ContextNotRunning",
          `the Python of the execution context ${found.id} is gone. Destroy it, and make another`,
        );
      const command: Command = { id: randomBytes(16).toString("hex"), source, status: "Queued" };
      found.commands.push(command);
      forgetOld(found.commands);
      void runNext(found);
      return command.id;
    },
    command: (caller, named, commandId) => needCommand(need(caller, named), commandId),
    cancel: (caller, named, commandId) => {
      const found = need(caller, named);
      const command = needCommand(found, commandId);
      if (command.status === "Queued") command.status = "Cancelled";
      if (command.status !== "Running") return;
      command.status = "Cancelling";
      found.process?.cancel();
    },
  };
}

/** @throws ApiError */
function needCluster({ clusters }: WorkspaceContext, clusterId: string): number {
  const cluster = clusters.get(clusterId);
  if (cluster === undefined)
    throw new ApiError(404, "ClusterNotFoundException", `there is no cluster ${clusterId}`);
  if (cluster.state !== "RUNNING" && cluster.state !== "RESIZING")
    throw new ApiError(
      400,
      "ClusterNotReadyException",
      `the cluster ${clusterId} is ${cluster.state}. Start it, and wait until it runs`,
    );
  return cluster.startTime;
}

/** @throws ApiError */
function requireRoom(open: readonly Held[]): void {
  if (open.length < CONTEXTS_MAX) return;
  throw new ApiError(
    429,
    "RejectedExecutionException",
    `Too many execution contexts are open right now. (Limit set to ${CONTEXTS_MAX})`,
  );
}

function isThere({ clusters }: WorkspaceContext, each: Held): boolean {
  const cluster = clusters.get(each.clusterId);
  const runs = cluster?.state === "RUNNING" || cluster?.state === "RESIZING";
  return runs && cluster.startTime === each.clusterStartMs;
}

/** Starts its Python. A context that was destroyed meanwhile leaves none behind. */
async function begin(
  context: WorkspaceContext,
  principal: Principal,
  made: Held,
  isHeld: () => boolean,
): Promise<void> {
  try {
    const id = `context-${made.id}`;
    made.process = await startCommandProcess({ context, principal, clusterId: made.clusterId, id });
    if (!isHeld()) return await made.process.end();
    void made.process.exited.then(() => fail(made));
    await made.process.ready;
    made.status = "Running";
    await runNext(made);
  } catch (error) {
    fail(made);
    context.log(`execution context ${made.id}: ${error instanceof Error ? error.message : error}`);
  }
}

/** Its Python is gone, and with it all that waited. */
function fail(held: Held): void {
  held.status = "Error";
  for (const command of held.commands) if (command.status === "Queued") command.status = "Error";
}

/** The oldest that is queued, if none runs; and when it is over, the next. */
async function runNext(held: Held): Promise<void> {
  const { process, commands } = held;
  const isBusy = commands.some(({ status }) => status === "Running" || status === "Cancelling");
  const next = commands.find(({ status }) => status === "Queued");
  if (process === undefined || held.status !== "Running" || isBusy || next === undefined) return;
  next.status = "Running";
  const end = await process.execute(next.source);
  next.end = end;
  next.status = isCancelling(next) ? "Cancelled" : statusOf(end);
  await runNext(held);
}

const isCancelling = ({ status }: Command): boolean => status === "Cancelling";

/** An exception is a command that finished; a process that is gone, one that did not. */
const statusOf = (end: CommandEnd): CommandStatus =>
  end.how === "failed" && end.trace === undefined ? "Error" : "Finished";

function needCommand({ id, commands }: Held, commandId: string): Command {
  const found = commands.find((each) => each.id === commandId);
  if (found !== undefined) return found;
  throw new ApiError(
    404,
    "CommandNotFound",
    `the execution context ${id} has no command ${commandId}`,
  );
}

function forgetOld(commands: Command[]): void {
  const ended = commands.filter(({ end, status }) => end !== undefined || status === "Cancelled");
  for (const old of ended.slice(0, Math.max(0, ended.length - ENDED_COMMANDS_MAX)))
    commands.splice(commands.indexOf(old), 1);
}
