// Virtual time: a heap of events. Nothing waits; the clock jumps from one event to the next.

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** Where every world begins: 2026-01-01T00:00:00Z. */
export const START = 1_767_225_600_000;

type Timer = { readonly atMs: number; cancelled: boolean };
type Event = Timer & { readonly order: number; readonly run: () => void };

export type VirtualClock = {
  readonly nowMs: () => number;
  /**
   * Runs at that time, or now if that has passed; events of one moment run in the order in which
   * they were asked for.
   */
  readonly at: (atMs: number, run: () => void) => Timer;
  readonly after: (ms: number, run: () => void) => Timer;
  /** Runs the next event that comes before `untilMs`. False where there is none. */
  readonly step: (untilMs: number) => boolean;
};

export function createClock(): VirtualClock {
  const heap: Event[] = [];
  let nowMs = START;
  let order = 0;
  const at = (atMs: number, run: () => void): Timer => {
    const event = {
      atMs: Math.max(Math.round(atMs), nowMs),
      order: order++,
      cancelled: false,
      run,
    };
    push(heap, event);
    return event;
  };
  return {
    nowMs: () => nowMs,
    at,
    after: (ms, run) => at(nowMs + ms, run),
    step: (untilMs) => {
      for (;;) {
        const first = heap[0];
        if (first === undefined || first.atMs >= untilMs) return false;
        pop(heap);
        if (first.cancelled) continue;
        nowMs = first.atMs;
        first.run();
        return true;
      }
    },
  };
}

const isBefore = (a: Event, b: Event): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

function push(heap: Event[], event: Event): void {
  let i = heap.push(event) - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (!isBefore(event, heap[parent]!)) break;
    heap[i] = heap[parent]!;
    i = parent;
  }
  heap[i] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, last)) break;
    heap[i] = heap[child]!;
    i = child;
  }
  heap[i] = last;
}
