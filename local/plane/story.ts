// Plays the scenario: starts a plane, sends the tickets, cancels one while it runs, waits until all of them are over.
import { setTimeout as sleep } from "node:timers/promises";
import type { BusEvent } from "../aws/event-bridge.ts";
import { openMarkersOf, outcomesIn, rejectionsIn } from "./observe.ts";
import { type LogLine, logLineOf, progressLine } from "./progress.ts";
import { cancellation, expectedLetters, expectedRuns, tickets } from "./scenario.ts";
import { type Plane, type PlaneOptions, startPlane } from "./start-plane.ts";

export type StoryOptions = Pick<PlaneOptions, "folder" | "workspace" | "timeScale" | "codebase"> & {
  readonly print: (line: string) => void;
  /** The caller owns the plane, and ends it. */
  readonly onStarted: (plane: Plane) => void;
  /** How long all of it may take. */
  readonly limitSeconds: number;
  /** Ends the story early. */
  readonly signal: AbortSignal;
};

export type Story = {
  readonly plane: Plane;
  readonly events: readonly BusEvent[];
  readonly seconds: number;
};

/** @throws the signal's reason. What did not end in time is for the report to say. */
export async function playScenario(options: StoryOptions): Promise<Story> {
  const startMs = performance.now();
  const seconds = () => (performance.now() - startMs) / 1000;
  const say = (text: string) => options.print(`${seconds().toFixed(1).padStart(5)} s  ${text}`);
  const events: BusEvent[] = [];
  const running = Promise.withResolvers<boolean>();
  const onLine = (text: string): void => {
    const line = logLineOf(text);
    const shown = line === undefined ? text : progressLine(seconds(), line);
    if (shown !== undefined) options.print(shown);
    if (line !== undefined && isRunning(line)) running.resolve(true);
  };
  const plane = await startPlane({
    ...options,
    say: (line) => say(`bootstrap: ${line}`),
    onLog: (_service, line) => onLine(line),
    onEvent: (event) => events.push(event),
    onInvoked: ({ functionName, reason }) => {
      if (reason !== undefined) say(`${functionName} failed: ${reason}`);
    },
  });
  options.onStarted(plane);
  say(`sends ${tickets.length} messages to ${plane.aws.queueUrl("tickets")}`);
  for (const ticket of tickets) await plane.send(ticket);
  const cancelled = running.promise.then((seen) => (seen ? plane.order(cancellation) : undefined));
  await untilOver(plane, events, startMs + options.limitSeconds * 1000, options.signal);
  running.resolve(false);
  await cancelled;
  return { plane, events, seconds: seconds() };
}

const isRunning = ({ event, run_id, state }: LogLine): boolean =>
  event === "attempt.looked" && run_id === cancellation.run_id && state === "running";

async function untilOver(
  plane: Plane,
  events: readonly BusEvent[],
  endsMs: number,
  signal: AbortSignal,
): Promise<void> {
  const isAnnounced = () =>
    expectedRuns.every(({ run_id }) => outcomesIn(events).some((each) => each.run_id === run_id)) &&
    rejectionsIn(events).length >= expectedLetters.length;
  while (performance.now() < endsMs) {
    // A marker goes last: when none is left, the announcements have been handled to their end.
    if (isAnnounced() && (await openMarkersOf(plane)).length === 0) return;
    await sleep(100, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
