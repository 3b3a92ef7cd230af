// The ports of one execution environment: every call goes through `call`, where the world may
// interfere.

import { systemDigest, systemInflate } from "../../shared/adapters/system.ts";
import { PlatformTroubleError, PoisonMessageError } from "../../shared/domain/errors.ts";
import type { VirtualClock } from "./clock.ts";
import type { Controllers } from "./controllers.ts";
import type { Ports } from "./coverage.ts";
import type { Databricks } from "./databricks.ts";
import { type Environment, resume } from "./environment.ts";
import type { Files } from "./files.ts";
import type { Hints } from "./hints.ts";
import type { Bus, Ledger } from "./ledger.ts";
import { tablesInOrder } from "./ledger.ts";
import { askedToWait, type Call, isSurprise } from "./port-call.ts";
import type { Secrets } from "./secrets.ts";
import { ownSender } from "./senders.ts";
import type { Sqs } from "./sqs.ts";
import type { Stats } from "./stats.ts";
import type { Trace } from "./trace.ts";
import type { createTroubles } from "./troubles.ts";
import type { Weather } from "./weather.ts";
import { bundledWorkloads, executorAfterDeploy, settings } from "./workloads.ts";

export type PortDeps = {
  readonly clock: VirtualClock;
  readonly trace: Trace;
  readonly call: Call;
  readonly files: Files;
  readonly hints: Hints;
  readonly databricks: Databricks;
  readonly sqs: Sqs;
  readonly ledger: Ledger;
  readonly bus: Bus;
  readonly stats: Stats;
  readonly planeId: string;
  readonly weather: Weather;
  readonly controllers: Controllers;
  readonly secrets: Secrets;
  readonly troubles: ReturnType<typeof createTroubles>;
  readonly violate: (what: string, detail: string) => void;
  /** When a deploy changes the recipes. */
  readonly deployedAtMs: number;
};

export function createPorts(deps: PortDeps, env: Environment): Ports {
  return {
    ...filePorts(deps, env),
    ...jobPorts(deps, env),
    ...messagePorts(deps, env),
    ...platformPorts(deps, env),
  };
}

function filePorts({ call, files, hints, planeId }: PortDeps, env: Environment) {
  let readPlane: Promise<string> | undefined;
  return {
    facts: {
      read: (ref) =>
        call(
          env,
          "facts.read",
          () => files.read(ref),
          () => ref.path,
        ),
      create: (ref, fact) =>
        call(
          env,
          "facts.create",
          (caller) => files.create(ref, fact, caller),
          () => ref.path,
        ),
      list: (folder) =>
        call(
          env,
          "facts.list",
          () => files.list(folder),
          () => folder,
        ),
      remove: (path) =>
        call(
          env,
          "facts.remove",
          () => files.remove(path),
          () => path,
        ),
      removeFolder: (path) =>
        call(
          env,
          "facts.removeFolder",
          () => files.isEmpty(path),
          () => path,
        ),
    },
    plans: {
      put: (path, content) =>
        call(
          env,
          "plans.put",
          () => files.plans.put(path, content),
          () => path,
        ),
      list: (folder) =>
        call(
          env,
          "plans.list",
          () => files.plans.list(folder),
          () => folder,
        ),
      remove: (path) =>
        call(
          env,
          "plans.remove",
          () => files.plans.remove(path),
          () => path,
        ),
      removeFolder: (path) =>
        call(
          env,
          "plans.removeFolder",
          () => files.plans.isEmpty(path),
          () => path,
        ),
    },
    markers: {
      read: (key) =>
        call(
          env,
          "markers.read",
          () => files.readMarker(key),
          () => key.run_id,
        ),
      write: (marker) =>
        call(
          env,
          "markers.write",
          (caller) => files.writeMarker(marker, caller),
          () => marker.run_id,
        ),
      remove: (key) =>
        call(
          env,
          "markers.remove",
          (caller) => files.removeMarker(key, caller),
          () => key.run_id,
        ),
      list: () => call(env, "markers.list", () => files.listMarkers()),
    },
    hints: {
      read: (name) =>
        call(
          env,
          "hints.read",
          () => hints.read(name),
          () => name,
        ),
      write: (name, hint) =>
        call(
          env,
          "hints.write",
          () => hints.write(name, hint),
          () => name,
        ),
    },
    volumes: {
      read: (path, bytesMax) =>
        call(
          env,
          "volumes.read",
          () => files.readVolume(path, bytesMax),
          () => path,
        ),
    },
    plane: {
      // Read once in the life of an environment, as the adapter does; a failure is not kept.
      id: () => {
        readPlane ??= call(env, "plane.id", () => planeId).catch((error: unknown) => {
          readPlane = undefined;
          throw error;
        });
        return readPlane;
      },
    },
  } satisfies Partial<Ports>;
}

function jobPorts({ call, databricks, stats, controllers }: PortDeps, env: Environment) {
  let whoAmI: Promise<readonly string[]> | undefined;
  return {
    identity: {
      // Asked once in the life of an environment, as the adapter does with a personal token; a
      // failure is not kept.
      own: () => {
        whoAmI ??= call(env, "identity.own", () => controllers.knownTo(env)).catch(
          (error: unknown) => {
            whoAmI = undefined;
            throw error;
          },
        );
        return whoAmI;
      },
    },
    jobs: {
      submit: (request) =>
        call(
          env,
          "jobs.submit",
          (caller) => databricks.submit(request, caller),
          () => request.runName,
        ),
      get: (id) => {
        stats.looks++;
        return call(
          env,
          "jobs.get",
          (caller) => databricks.get(id, caller),
          () => id,
        );
      },
      output: (taskRunId) =>
        call(
          env,
          "jobs.output",
          (caller) => databricks.output(taskRunId, caller),
          () => taskRunId,
        ),
      find: (prefix, sinceMs, untilMs) =>
        call(
          env,
          "jobs.find",
          (caller) => databricks.find({ namePrefix: prefix, sinceMs, untilMs }, caller),
          () => prefix,
        ),
      listActive: (prefix) => call(env, "jobs.listActive", () => databricks.listActive(prefix)),
      cancel: (id) =>
        call(
          env,
          "jobs.cancel",
          (caller) => databricks.cancel(id, caller),
          () => id,
        ),
    },
  } satisfies Partial<Ports>;
}

function messagePorts({ call, sqs, ledger, bus }: PortDeps, env: Environment) {
  return {
    queues: {
      send: (queue, message, options) => {
        const body = JSON.stringify(message);
        return call(
          env,
          "queues.send",
          (caller) => sqs.send(queue, body, { ...options, caller, sender: ownSender(env) }),
          () => `${queue} ${body}`,
        );
      },
    },
    deadLetters: {
      send: (queue, letter) =>
        call(
          env,
          "deadLetters.send",
          () => sqs.addLetter(queue, letter),
          () => `${queue}: ${letter.reason}`,
        ),
    },
    ledger: {
      // A merge is several statements: it can be cut off between two tables.
      merge: async (rows) => {
        for (const table of tablesInOrder)
          if (rows[table].length > 0)
            await call(
              env,
              "ledger.merge",
              () => ledger.mergeTable(table, rows),
              () => table,
            );
      },
    },
    events: {
      announce: (event) =>
        call(
          env,
          "events.announce",
          (caller) => bus.announce(event, caller),
          () => event.id,
        ),
      reject: (event) => call(env, "events.reject", () => bus.reject(event)),
    },
  } satisfies Partial<Ports>;
}

/**
 * Nobody made it fail: neither trouble, nor poison, nor a surprise of this world, nor the end of
 * its time.
 */
const isOurOwnFault = (error: unknown): boolean =>
  !(error instanceof PlatformTroubleError) &&
  !(error instanceof PoisonMessageError) &&
  !(error instanceof Error && (isSurprise(error) || error.message.startsWith("not finished")));

function platformPorts(deps: PortDeps, env: Environment) {
  const { clock, trace, deployedAtMs, violate, weather, secrets, troubles } = deps;
  const isDeployed = clock.nowMs() >= deployedAtMs;
  return {
    clock: {
      nowMs: () => clock.nowMs() + env.skewMs,
      sleep: (ms) =>
        new Promise<void>((resolve) => {
          clock.after(ms, () => resume(env, resolve));
        }),
      timer: (ms, ring) => {
        const timer = clock.after(ms, () => resume(env, ring));
        return () => {
          timer.cancelled = true;
        };
      },
    },
    ...systemDigest,
    ...systemInflate,
    randomHex: secrets.randomHex,
    log: (event, fields) => {
      secrets.look(`the log line ${event}`, fields);
      troubles(env, event, fields);
      if (event === "message.failed") {
        if (fields?.message_id !== undefined) env.failed.add(fields.message_id);
        if (isOurOwnFault(fields?.error))
          violate("a handler failed of itself", String(fields?.error));
      }
      const wanted = event === "message.waited" ? askedToWait(fields?.reason ?? "") : 0;
      if ((fields?.delay_seconds ?? wanted) < wanted)
        violate("asked again sooner than the platform wants", `${fields?.reason}`);
      trace.say(() => `     ${event} ${JSON.stringify(fields, errorsAsText)}`);
    },
    // An environment keeps the bundle that it was started with.
    workloads: bundledWorkloads(isDeployed),
    settings: {
      ...settings,
      evidence: weather.evidence,
      announceAfter: weather.announceAfter,
      ledgerWindowSeconds: weather.ledgerWindowSeconds,
      executorPath: isDeployed ? executorAfterDeploy : settings.executorPath,
    },
  } satisfies Partial<Ports>;
}

const errorsAsText = (_key: string, value: unknown): unknown =>
  value instanceof Error ? `${value.name}: ${value.message}` : value;
