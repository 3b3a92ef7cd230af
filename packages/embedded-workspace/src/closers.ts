// Closes things at the end, the last opened first. As AsyncDisposableStack, which Node has
// from 24 on.

export type Closers = {
  readonly use: (opened: AsyncDisposable | Disposable) => void;
  readonly defer: (close: () => void | Promise<void>) => void;
  /** Closes all, whatever one of them throws. @throws the first that was thrown */
  readonly close: () => Promise<void>;
};

export function createClosers(): Closers {
  const left: (() => void | PromiseLike<void>)[] = [];
  return {
    use: (opened) =>
      void left.push(() =>
        Symbol.asyncDispose in opened ? opened[Symbol.asyncDispose]() : opened[Symbol.dispose](),
      ),
    defer: (close) => void left.push(close),
    close: async () => {
      const failures: unknown[] = [];
      for (let close = left.pop(); close !== undefined; close = left.pop())
        try {
          await close();
        } catch (error) {
          failures.push(error);
        }
      if (failures.length > 0) throw failures[0];
    },
  };
}
