// Plays the scenario: starts a plane, sends the tickets, cancels one while it runs, waits until all
// of them are over.
import { setTimeout as sleep } from "node:timers/promises";
import type { BusEvent } from "../aws/event-bridge.ts";
import { openMarkersOf, outcomesIn, rejectionsIn } from "./observe.ts";
import { type LogLine, logLineOf, progressLine } from "./progress.ts";
import { cancellation, expectedDeadLetters, expectedRuns, tickets } from "./scenario.ts";
import { type Plane, type PlaneOptions, startPlane } from "./start-plane.ts";

export type WatchOptions = Pick<
  PlaneOptions,
  "folder" | "keeps" | "workspace" | "timeScale" | "codebase" | "workloads" | "port" | "secrets"
> & {
  readonly print: (line: string) => void;
  /** Ends the start, and the story, early. */
  readonly signal: AbortSignal;
  /** The caller owns the plane, and ends it. */
  readonly onStarted: (plane: Plane) => void;
};

export type StoryOptions = WatchOptions & {
  /** The time limit of the whole story. */
  readonly limitSeconds: number;
};

export type Story = {
  readonly plane: Plane;
  readonly events: readonly BusEvent[];
  readonly seconds: number;
};

type Watched = {
  readonly plane: Plane;
  readonly events: readonly BusEvent[];
  readonly seconds: () => number;
  readonly say: (text: string) => void;
};

/** Starts a plane, and shows its progress. */
async function watchPlane(
  options: WatchOptions,
  onLine: (line: LogLine) => void = () => {},
): Promise<Watched> {
  const startMs = performance.now();
  const seconds = () => (performance.now() - startMs) / 1000;
  const say = (text: string) => options.print(`${seconds().toFixed(1).padStart(5)} s  ${text}`);
  const events: BusEvent[] = [];
  const plane = await startPlane({
    ...options,
    say: (line) => {
      options.signal.throwIfAborted();
      if (options.keeps !== true) say(`bootstrap: ${line}`);
    },
    onWorkloads: ({ sentence }) => say(sentence),
    onLog: (_service, text) => {
      const line = logLineOf(text);
      const shown = line === undefined ? text : progressLine(seconds(), line);
      if (shown !== undefined) options.print(shown);
      if (line !== undefined) onLine(line);
    },
    onEvent: (event) => events.push(event),
    onInvoked: ({ functionName, reason }) => {
      if (reason !== undefined) say(`${functionName} failed: ${reason}`);
    },
  });
  options.onStarted(plane);
  return { plane, events, seconds, say };
}

/** @throws the signal's reason. The report says which runs did not end in time. */
export async function playScenario(options: StoryOptions): Promise<Story> {
  const endsMs = performance.now() + options.limitSeconds * 1000;
  const running = Promise.withResolvers<boolean>();
  const { plane, events, seconds, say } = await watchPlane(options, (line) => {
    if (isRunning(line)) running.resolve(true);
  });
  say(`sends ${tickets.length} messages to ${plane.aws.queueUrl("tickets")}`);
  for (const ticket of tickets) {
    options.signal.throwIfAborted();
    await plane.send(ticket);
  }
  const cancelled = running.promise.then((seen) => (seen ? plane.order(cancellation) : undefined));
  await untilOver(plane, events, endsMs, options.signal);
  running.resolve(false);
  await cancelled;
  return { plane, events, seconds: seconds() };
}

/** Starts a plane that is kept, or goes on with it. */
export async function goOn(options: WatchOptions): Promise<Plane> {
  const { plane, say } = await watchPlane(options);
  const open = await openMarkersOf(plane);
  say(
    open.length === 0
      ? `ready: plane ${plane.planeId}, no run is open`
      : `ready: plane ${plane.planeId} goes on with ${open.length} open runs (${open.slice(0, 20).join(", ")})`,
  );
  return plane;
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
    rejectionsIn(events).length >= expectedDeadLetters.length;
  while (performance.now() < endsMs) {
    // A marker goes last: when none is left, the announcements have been handled to their end.
    if (isAnnounced() && (await openMarkersOf(plane)).length === 0) return;
    await sleep(100, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
