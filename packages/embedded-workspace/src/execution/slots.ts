// So many at a time; the others wait in order.

export type Slots = {
  /** @throws the signal's reason when it is aborted while waiting */
  readonly take: (signal: AbortSignal) => Promise<Disposable>;
};

export function createSlots(max: () => number): Slots {
  let taken = 0;
  const waiting: (() => void)[] = [];
  const slot = (): Disposable => {
    taken += 1;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        taken -= 1;
        waiting.shift()?.();
      },
    };
  };
  return {
    take: async (signal) => {
      while (taken >= max()) {
        signal.throwIfAborted();
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const abort = () => reject(signal.reason);
        waiting.push(resolve);
        signal.addEventListener("abort", abort, { once: true });
        await promise.finally(() => {
          signal.removeEventListener("abort", abort);
          const index = waiting.indexOf(resolve);
          if (index !== -1) waiting.splice(index, 1);
        });
      }
      signal.throwIfAborted();
      return slot();
    },
  };
}
