// EventBridge Scheduler: starts functions at their times, at least once, with a dead-letter queue
// for each schedule.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { messageOf } from "../../shared/domain/body.ts";
import { functionArn, type LambdaFunction } from "./lambda-function.ts";
import { ACCOUNT_ID, REGION } from "./queue-shape.ts";
import { ticksOf } from "./schedule-ticks.ts";

export type ScheduleShape = {
  readonly name: string;
  /** `rate(5 minutes)` or `cron(0 6 * * ? *)`, in UTC. */
  readonly expression: string;
  readonly target: LambdaFunction;
  /**
   * JSON text. `<aws.scheduler.scheduled-time>` and similar placeholders are filled in, as
   * Scheduler does.
   */
  readonly input: string;
  /** Further tries if the target fails. */
  readonly retriesMax: number;
  readonly deadLetterUrl: string;
  /** When it was made, in epoch milliseconds: a rate counts from there. Absent: now. */
  readonly createdMs?: number | undefined;
  /**
   * Ticks in the plane's own time: at 0.1 a rate of ten minutes ticks every minute, and its time is
   * the real one. Default 1: the time of day.
   */
  readonly timeScale?: number;
};

export type SchedulerOptions = {
  readonly sqs: SQSClient;
  readonly onTrouble?: (sentence: string) => void;
};

export type Scheduler = {
  /**
   * Takes these schedules instead of those before. One that has not changed goes on ticking as it
   * did.
   * @throws Error with one sentence if an expression cannot be read; then nothing has changed
   */
  readonly replace: (schedules: readonly ScheduleShape[]) => void;
  /** Stops ticking, and resolves when the started invocations have ended. */
  readonly stop: () => Promise<void>;
};

// setTimeout overflows at 2^31 ms, and a machine that slept should notice soon.
const SLEEP_MS_MAX = 60_000;
// Scheduler backs off exponentially between its tries.
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 60_000;

/**
 * Starts the schedules. A rate that is new ticks at once, and then at its period, as Scheduler does
 * without a StartDate; what was missed before the start is missed.
 */
export function startScheduler(
  schedules: readonly ScheduleShape[],
  options: SchedulerOptions,
): Scheduler {
  const stopping = new AbortController();
  const inHand = new Set<Promise<void>>();
  const ticking = new Map<string, { readonly key: string; readonly stop: () => void }>();
  const fire = (schedule: ScheduleShape, scheduledMs: number): void => {
    const work: Promise<void> = deliver(schedule, scheduledMs, options, stopping.signal)
      .catch((error: unknown) =>
        options.onTrouble?.(`the schedule ${schedule.name} lost a tick: ${messageOf(error)}`),
      )
      .finally(() => inHand.delete(work));
    inHand.add(work);
  };
  const stopOne = (name: string): void => {
    ticking.get(name)?.stop();
    ticking.delete(name);
  };
  const replace = (wanted: readonly ScheduleShape[]): void => {
    // All or none: the first unreadable expression stops the change before anything ticks.
    for (const { expression } of wanted) ticksOf(expression, 0);
    const names = new Set(wanted.map(({ name }) => name));
    for (const name of [...ticking.keys()]) if (!names.has(name)) stopOne(name);
    for (const schedule of wanted) {
      const key = `${schedule.expression} ${schedule.input}`;
      if (ticking.get(schedule.name)?.key === key) continue;
      stopOne(schedule.name);
      ticking.set(schedule.name, { key, stop: tick(schedule, fire) });
    }
  };
  replace(schedules);
  return {
    replace,
    stop: async () => {
      stopping.abort();
      replace([]);
      await Promise.all(inHand);
    },
  };
}

/** @returns what stops it */
function tick(
  schedule: ScheduleShape,
  fire: (schedule: ScheduleShape, scheduledMs: number) => void,
): () => void {
  const { expression, timeScale: scale = 1 } = schedule;
  const startMs = Date.now();
  const createdMs = schedule.createdMs ?? startMs;
  // This many of the plane's milliseconds have passed since the start.
  const planeNow = () => startMs + (Date.now() - startMs) / scale;
  const next = ticksOf(expression, createdMs);
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const wait = (dueMs: number | undefined): void => {
    if (dueMs === undefined || isStopped) return;
    const leftMs = (dueMs - planeNow()) * scale;
    timer = setTimeout(
      () => {
        if (planeNow() < dueMs) return wait(dueMs);
        // A tick has the time for which it was planned: a late one, or one that comes twice, is the
        // same tick. Where the plane's own time runs faster there is no such time.
        fire(schedule, scale === 1 ? dueMs : Date.now());
        wait(next(Math.max(dueMs, planeNow())));
      },
      Math.min(Math.max(0, Math.ceil(leftMs)), SLEEP_MS_MAX),
    );
  };
  wait(next(schedule.createdMs === undefined ? startMs - 1 : startMs));
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

async function deliver(
  schedule: ScheduleShape,
  scheduledMs: number,
  options: SchedulerOptions,
  signal: AbortSignal,
): Promise<void> {
  const executionId = randomUUID();
  for (let retry = 0; ; retry++) {
    const input = filled(schedule, scheduledMs, executionId, retry + 1);
    try {
      await schedule.target.invoke(JSON.parse(input));
      return;
    } catch (error) {
      if (retry >= schedule.retriesMax || signal.aborted) {
        const letter = { schedule, scheduledMs, executionId, input, retries: retry, error };
        await deadLetter(options.sqs, letter);
        return;
      }
      const waitMs = Math.min(RETRY_MS * 2 ** retry, RETRY_MS_MAX) * (schedule.timeScale ?? 1);
      await sleep(waitMs, undefined, { signal }).catch(() => {});
    }
  }
}

const scheduleArn = (name: string): string =>
  `arn:aws:scheduler:${REGION}:${ACCOUNT_ID}:schedule/default/${name}`;

/** `2026-11-21T06:00:00Z`: Scheduler's times have whole seconds. */
const secondsIso = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");

/** Scheduler's context attributes, as text in the input. */
const filled = (
  schedule: ScheduleShape,
  scheduledMs: number,
  executionId: string,
  attempt: number,
): string =>
  schedule.input
    .replaceAll("<aws.scheduler.scheduled-time>", secondsIso(scheduledMs))
    .replaceAll("<aws.scheduler.schedule-arn>", scheduleArn(schedule.name))
    .replaceAll("<aws.scheduler.execution-id>", executionId)
    .replaceAll("<aws.scheduler.attempt-number>", String(attempt));

type Letter = {
  readonly schedule: ScheduleShape;
  readonly scheduledMs: number;
  readonly executionId: string;
  readonly input: string;
  readonly retries: number;
  readonly error: unknown;
};

/** The input, with the attributes that Scheduler writes beside it. */
async function deadLetter(sqs: SQSClient, letter: Letter): Promise<void> {
  const attributes = {
    ERROR_CODE: letter.error instanceof Error ? letter.error.name : "Error",
    ERROR_MESSAGE: messageOf(letter.error) || "the target failed without a message",
    EXECUTION_ID: letter.executionId,
    EXHAUSTED_RETRY_CONDITION: "MaximumRetryAttempts",
    IS_PAYLOAD_TRUNCATED: "false",
    RETRY_ATTEMPTS: String(letter.retries),
    SCHEDULED_TIME: secondsIso(letter.scheduledMs),
    SCHEDULE_ARN: scheduleArn(letter.schedule.name),
    TARGET_ARN: functionArn(letter.schedule.target.name),
  };
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: letter.schedule.deadLetterUrl,
      MessageBody: letter.input,
      MessageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([name, value]) => [
          name,
          { DataType: "String", StringValue: value },
        ]),
      ),
    }),
  );
}
