// Each call of a port as a short sentence, so that what a use case did, and in which order, reads
// as a list.

import type { IngesterDeps } from "../../services/ingester/ingester.ts";
import type { OrchestratorDeps } from "../../services/orchestrator/orchestrator.ts";
import type { RunPollerDeps } from "../../services/run-poller/run-poller.ts";
import type { FactRef, Marker } from "../../shared/domain/facts.ts";
import { attemptOfName } from "../../shared/domain/payload.ts";
import type { SendOptions } from "../../shared/ports.ts";
import type { QueueName } from "../../shared/topology.ts";

/** All that the three services ask for. */
export type Ports = OrchestratorDeps & RunPollerDeps & IngesterDeps;

type Callable = (...args: never[]) => unknown;
type Sentences = {
  readonly [P in keyof Ports]?: Ports[P] extends Callable
    ? never
    : {
        readonly [M in keyof Ports[P]]?: Ports[P][M] extends Callable
          ? (...args: Parameters<Ports[P][M]>) => string
          : never;
      };
};

/** What changes something outside; the other calls only look. */
const changing = new Set([
  "facts.create",
  "plans.put",
  "plans.remove",
  "plans.removeFolder",
  "facts.remove",
  "facts.removeFolder",
  "markers.write",
  "markers.remove",
  "jobs.submit",
  "jobs.cancel",
  "queues.send",
  "deadLetters.send",
  "ledger.merge",
  "events.announce",
  "events.reject",
]);
export const isChanging = (method: string): boolean => changing.has(method);

/** @param runNameOf the name of a Databricks run, by its id */
export const createSentences = (planeId: string, runNameOf: (id: string) => string | undefined) => {
  const attemptOf = (runName: string): string => {
    const key = attemptOfName(planeId, runName);
    return key === undefined ? runName : `${key.iter_n}.${key.attempt}`;
  };
  const runOf = (id: string): string => attemptOf(runNameOf(id) ?? id);
  const sentences: Sentences = {
    facts: {
      read: (ref) => `read ${factName(ref)}`,
      create: (ref) => `create ${factName(ref)}`,
      list: (folder) => `list ${folder}`,
      remove: (path) => `remove ${path}`,
      removeFolder: (path) => `remove folder ${path}`,
    },
    plans: {
      put: (path) => `put ${shortName(path)}`,
      list: (folder) => `list plans ${folder}`,
      remove: (path) => `remove plan ${path}`,
      removeFolder: (path) => `remove folder of plans ${path}`,
    },
    markers: {
      read: ({ chapter }) => `read marker ${chapter}`,
      write: (marker) => `write marker ${marker.chapter}${standOf(marker)}`,
      remove: ({ chapter }) => `remove marker ${chapter}`,
      list: () => "list markers",
    },
    hints: { read: (name) => `read hint ${name}`, write: (name) => `write hint ${name}` },
    volumes: { read: (path) => `read ${path.split("/").at(-1)}` },
    jobs: {
      submit: ({ runName }) => `submit ${attemptOf(runName)}`,
      get: (id) => `look at ${runOf(id)}`,
      output: () => "read output",
      find: (prefix) => `find ${attemptOf(prefix)}`,
      cancel: (id) => `cancel ${runOf(id)}`,
      listActive: () => "list active runs",
    },
    queues: { send: (queue, message, options) => `send ${messageName(queue, message, options)}` },
    deadLetters: { send: (queue, letter) => `dead letter of ${queue}: ${letter.reason}` },
    ledger: {
      // How many rows of telemetry go along is the ledger's own affair.
      merge: ({ telemetry, ...rows }) => {
        const tables = Object.entries(rows).filter(([, of]) => of.length > 0);
        const names = tables.map(([name, of]) => `${of.length} ${name}`);
        return `merge ${names.join(", ") || `${telemetry.length} telemetry`}`;
      },
    },
    events: {
      announce: ({ chapter, outcome }) => `announce ${chapter} ${outcome}`,
      reject: ({ ticket_id }) => `reject ${ticket_id}`,
    },
    plane: { id: () => "read plane" },
  };
  return (port: string, method: string, args: readonly unknown[]): string => {
    const say = (sentences as { [port: string]: { [method: string]: Callable } })[port]?.[method];
    return say === undefined ? `${port}.${method}` : String(say(...(args as never[])));
  };
};

/** `copy of 1.2 manifest`, `judged result of 1.2`, or the name of a planned file. */
function shortName(path: string): string {
  const name = path.split("/").at(-1) ?? "";
  const of = /^iter_0*(\d+)\.attempt_0*(\d+)\.(manifest|result)\./.exec(name);
  if (of === null) return name;
  const attempt = `${of[1]}.${of[2]}`;
  return of[3] === "manifest" ? `copy of ${attempt} manifest` : `judged result of ${attempt}`;
}

/** `1.2 manifest` of an attempt, `stop 1` of a chapter, `ticket` of a run. */
function factName({ kind, path }: FactRef): string {
  const ofAttempt = /iter_0*(\d+)\.attempt_0*(\d+)\./.exec(path);
  if (ofAttempt !== null) return `${ofAttempt[1]}.${ofAttempt[2]} ${kind}`;
  const ofChapter = /_(\d+)\.json$/.exec(path);
  return ofChapter === null ? kind : `${kind} ${ofChapter[1]}`;
}

const standOf = ({ iter_n, attempt, number, heals }: Marker): string =>
  (iter_n === undefined ? "" : ` at ${iter_n}.${attempt} #${number}`) +
  (heals === 0 ? "" : `, healed ${heals}`);

function messageName(queue: QueueName, message: object, { delaySeconds = 0 }: SendOptions = {}) {
  const at =
    "iter_n" in message && "attempt" in message ? ` ${message.iter_n}.${message.attempt}` : "";
  const number = "number" in message ? ` #${message.number}` : "";
  const of = "of" in message ? ` ${message.of}` : "";
  const again = "again" in message && message.again === true ? " again" : "";
  const id = "ticket_id" in message ? ` ${message.ticket_id}` : "";
  const delay = delaySeconds === 0 ? "" : ` in ${delaySeconds} s`;
  return `${queue}${at}${number}${of}${again}${id}${delay}`;
}
