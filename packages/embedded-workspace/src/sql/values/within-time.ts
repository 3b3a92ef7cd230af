// Work whose time its input decides, such as a regular expression: V8 can interrupt it, where a
// promise or a timer cannot.
import vm from "node:vm";
import { limitExceeded } from "./limits.ts";

/** Of one event-loop turn, however many threads of the engine ask in it. */
const TURN_MS = 500;
/** The time that a call gets when others have used the turn up. */
const CALL_MS_MIN = 100;

const box: { work?: () => unknown } = vm.createContext({});
const script = new vm.Script("work()");
let spentMs = 0;

/**
 * Does it, and ends it when it takes too long: nothing else of this process moves meanwhile. A call
 * costs 0.12 ms, and a few times as much on a busy machine, because V8's clock is a thread.
 * @throws Error 54000 when the time is over
 */
export function withinTime<T>(work: () => T): T {
  if (spentMs === 0) setImmediate(() => (spentMs = 0)).unref();
  const timeout = Math.max(CALL_MS_MIN, Math.round(TURN_MS - spentMs));
  const startedMs = performance.now();
  let done: { readonly answer: T } | undefined;
  box.work = () => {
    done = { answer: work() };
  };
  try {
    script.runInContext(box, { timeout });
  } catch (thrown) {
    throw isTimeout(thrown) ? tooSlow(timeout) : thrown;
  } finally {
    spentMs += performance.now() - startedMs;
    delete box.work;
  }
  if (done === undefined) throw new Error("the work neither ended nor failed");
  return done.answer;
}

/** The error is of the script's own realm, and so no instance of our Error. */
function isTimeout(thrown: unknown): boolean {
  return (
    typeof thrown === "object" &&
    thrown !== null &&
    "code" in thrown &&
    thrown.code === "ERR_SCRIPT_EXECUTION_TIMEOUT"
  );
}

function tooSlow(timeout: number): Error {
  return limitExceeded(
    `A function took longer than ${timeout} ms for one batch of rows. Where it is a regular expression, write it without repetitions inside of repetitions, such as (a+)+`,
  );
}
