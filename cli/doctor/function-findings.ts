// Finds faults in functions, mappings and schedules, from AWS's description of them.
import * as z from "zod";
import { instancesOf, queueNames, shapeOf } from "../../infra/constructs/traffic.ts";
import { functionName, queueName } from "../../infra/names.ts";
import type { Stage } from "../../infra/stage.ts";
import type { QueueName, ServiceName } from "../../shared/topology.ts";
import { type Finding, fail, ok, restoring, warn } from "./check.ts";

export const services: readonly ServiceName[] = ["orchestrator", "run-poller", "ingester"];

const deployOf = ({ stack }: Stage): string => `npx cdk deploy ${stack}`;

export type FunctionFacts = {
  readonly recursiveLoop: string | undefined;
  readonly runtime: string | undefined;
  /** The entry point that Lambda calls: a file of the code, and a name in it. */
  readonly handler: string | undefined;
  /** `Failed` if Lambda could not start it (because a subnet is gone, for instance). */
  readonly state: string | undefined;
  readonly stateReason: string | undefined;
  readonly modified: string | undefined;
  readonly executorPath: string | undefined;
  /** Concurrency that somebody reserved for it; absent: none. */
  readonly reserved: number | undefined;
};

const RUNTIME = "nodejs24.x";
const HANDLER = "handler.handler";

/** `executorHere`: the path that this checkout would deploy. */
export function functionFinding(
  stage: Stage,
  service: ServiceName,
  facts: FunctionFacts,
  executorHere: string,
): Finding {
  const name = functionName(stage.stack, service);
  const deploy = deployOf(stage);
  if (facts.recursiveLoop !== "Allow")
    return fail(
      `Lambda would stop our loop after 16 rounds (RecursiveLoop: ${facts.recursiveLoop})`,
      `aws lambda put-function-recursion-config --function-name ${name} --recursive-loop Allow`,
    );
  if (facts.state !== undefined && facts.state !== "Active" && facts.state !== "Inactive")
    return fail(`it is ${facts.state}: ${facts.stateReason ?? "Lambda says no more"}`, deploy);
  if (facts.runtime !== RUNTIME)
    return fail(
      `it runs on ${facts.runtime}, and its code is for ${RUNTIME}`,
      `aws lambda update-function-configuration --function-name ${name} --runtime ${RUNTIME}`,
    );
  if (facts.handler !== HANDLER)
    return fail(
      `it starts ${facts.handler}, and its code has ${HANDLER}: every message fails`,
      `aws lambda update-function-configuration --function-name ${name} --handler ${HANDLER}`,
    );
  const needed = instancesOf(stage, service);
  if (facts.reserved !== undefined && facts.reserved < needed)
    return fail(
      `somebody reserved ${facts.reserved} executions at once for it, and its queues may start ${needed}: messages spend their receives on throttles`,
      `aws lambda delete-function-concurrency --function-name ${name}`,
    );
  return facts.executorPath === executorHere
    ? ok(`${facts.runtime}, deployed ${facts.modified}, may loop`)
    : warn(
        `it submits the executor ${facts.executorPath}, and this checkout has ${executorHere}`,
        `${deploy}, after npx signalbox bootstrap --stage ${stage.name}; or check out what is deployed`,
      );
}

export type MappingFacts = {
  readonly uuid: string;
  /** The queue's ARN. */
  readonly source: string;
  readonly state: string;
  readonly batchSize: number | undefined;
  readonly windowSeconds: number | undefined;
  readonly concurrencyMax: number | undefined;
  readonly responses: readonly string[];
};

export function mappingsFinding(stage: Stage, mappings: readonly MappingFacts[]): Finding {
  const found = queueNames.map((queue) => ({
    queue,
    mapping: mappings.find(({ source }) => source.endsWith(`:${queueName(stage.stack, queue)}`)),
  }));
  const missing = found.filter(({ mapping }) => mapping === undefined).map(({ queue }) => queue);
  if (missing.length > 0) return fail(`nothing consumes ${missing.join(", ")}`, deployOf(stage));
  const present = found.flatMap(({ queue, mapping }) =>
    mapping === undefined ? [] : [{ queue, mapping }],
  );
  const off = present.filter(({ mapping }) => mapping.state !== "Enabled");
  if (off.length > 0)
    return fail(
      `not enabled: ${off.map(({ queue, mapping }) => `${queue} (${mapping.state})`).join(", ")}`,
      off
        .map(
          ({ mapping }) =>
            `aws lambda update-event-source-mapping --uuid ${mapping.uuid} --enabled`,
        )
        .join(" && "),
    );
  const faults = present.flatMap(({ queue, mapping }) => mappingFaults(stage, queue, mapping));
  return faults.length > 0
    ? fail(faults.join("; "), mendMappings(stage, present))
    : ok(`all ${present.length} queues start their function, with the stage's numbers`);
}

/** The commands that set the numbers of the mappings that differ. */
const mendMappings = (
  stage: Stage,
  present: readonly { readonly queue: QueueName; readonly mapping: MappingFacts }[],
): string =>
  present
    .filter(({ queue, mapping }) => mappingFaults(stage, queue, mapping).length > 0)
    .map(({ queue, mapping: { uuid } }) => {
      const { batchSize, windowSeconds, concurrencyMax } = shapeOf(stage, queue);
      return `aws lambda update-event-source-mapping --uuid ${uuid} --batch-size ${batchSize} --maximum-batching-window-in-seconds ${windowSeconds} --scaling-config MaximumConcurrency=${concurrencyMax} --function-response-types ReportBatchItemFailures`;
    })
    .join(" && ");

function mappingFaults(stage: Stage, queue: QueueName, mapping: MappingFacts): readonly string[] {
  const shape = shapeOf(stage, queue);
  const differs = (what: string, found: unknown, wanted: unknown) =>
    found === wanted ? [] : [`${queue}: ${what} is ${found}, and must be ${wanted}`];
  return [
    ...differs("batch size", mapping.batchSize, shape.batchSize),
    ...differs("window", mapping.windowSeconds ?? 0, shape.windowSeconds),
    ...differs("concurrency", mapping.concurrencyMax, shape.concurrencyMax),
    // Without it one bad message brings its whole batch back, again and again.
    ...(mapping.responses.includes("ReportBatchItemFailures")
      ? []
      : [`${queue}: failures of single messages are not reported`]),
  ];
}

/**
 * The invocations that all queues together may start at once, and a scheduled start beside them.
 */
export function concurrencyFinding(stage: Stage, unreserved: number): Finding {
  const needed = services.reduce((sum, service) => sum + instancesOf(stage, service), 1);
  return unreserved >= needed
    ? ok(
        `${unreserved} executions at once are free for functions without a reservation; ${needed} are needed`,
      )
    : warn(
        `${unreserved} executions at once are free, and ${needed} may be needed: messages would wait`,
        "ask for a higher quota (Service Quotas, Lambda, Concurrent executions), or lower limits.concurrency of the stage",
      );
}

export type ScheduleFacts = {
  readonly name: string;
  readonly state: string | undefined;
  readonly expression: string | undefined;
  /** The ARN that it starts. */
  readonly target: string | undefined;
};
export type WantedSchedule = { readonly name: string; readonly expression: string };

export function schedulesFinding(
  stage: Stage,
  wanted: readonly WantedSchedule[],
  found: readonly ScheduleFacts[],
): Finding {
  const starts = `:function:${functionName(stage.stack, "orchestrator")}`;
  const faults = wanted.flatMap(({ name, expression }) => {
    const schedule = found.find((each) => each.name === name);
    if (schedule === undefined) return [`${name} is not there`];
    return [
      ...(schedule.state === "ENABLED" ? [] : [`${name} is ${schedule.state}`]),
      ...(schedule.expression === expression
        ? []
        : [`${name} comes at ${schedule.expression}, and here is ${expression}`]),
      ...(schedule.target?.endsWith(starts) ? [] : [`${name} starts ${schedule.target}`]),
    ];
  });
  return faults.length === 0
    ? ok(`${wanted.map(({ name }) => name).join(", ")}: enabled, and they start the orchestrator`)
    : fail(faults.join("; "), restoring(stage));
}

const SECRET_DAYS_WARNED = 640;

/**
 * A client secret lives at most 730 days (docs/facts/databricks.md#client-secrets-live-730-days),
 * even if the workspace tells nothing about it.
 */
export function secretFinding(
  secret: string,
  storedMs: number | undefined,
  nowMs: number,
): Finding {
  if (storedMs === undefined) return ok(`${secret} can be read; AWS does not say how old it is`);
  const days = Math.floor((nowMs - storedMs) / 86_400_000);
  const sentence = `${secret} was stored ${days} days ago`;
  return days < SECRET_DAYS_WARNED
    ? ok(sentence)
    : warn(
        `${sentence}, and a client secret lives at most 730`,
        "rotate with overlap: make a new one in Databricks, aws secretsmanager put-secret-value, wait five minutes, delete the old one",
      );
}

/** The function's answer, as JSON; and whether Lambda calls it an error. */
export type SweepAnswer = { readonly text: string; readonly isError: boolean };

/** Trouble of the platform is no error of the function: its answer says what it waits for. */
const Trouble = z.union([
  z.object({ errorMessage: z.string() }).transform(({ errorMessage }) => errorMessage),
  z.object({ waited: z.string() }).transform(({ waited }) => waited),
]);

/**
 * The result of a sweep that we asked for: it ran as the function, in its network, with its own
 * credentials.
 */
export function sweepFinding(stage: Stage, { text, isError }: SweepAnswer): Finding {
  const trouble = Trouble.safeParse(JSON.parse(text || "null"));
  return !trouble.success && !isError
    ? ok("it signed in to Databricks, found its plane and swept")
    : fail(
        `as the function itself sees it: ${trouble.data ?? text}`,
        `the sentence says what is missing: credentials or a federation policy (Tokens in the runbook), the network (aws.vpc), or npx signalbox bootstrap --stage ${stage.name}`,
      );
}
