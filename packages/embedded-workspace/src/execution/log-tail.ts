// The end of what a task says: get-output answers the last 5 MB of stdout and stderr.

export const logBytesMax = 5 * 1024 * 1024;

export type LogTail = {
  readonly add: (chunk: Buffer) => void;
  /** Whether something at the beginning is lost. */
  readonly truncated: () => boolean;
  readonly bytes: () => Buffer;
};

/** Holds at most `bytesMax`, and for a moment one chunk more. */
export function createLogTail(bytesMax = logBytesMax): LogTail {
  const chunks: Buffer[] = [];
  let held = 0;
  let truncated = false;
  return {
    add: (chunk) => {
      chunks.push(chunk);
      held += chunk.length;
      while (held > bytesMax) {
        const [first] = chunks;
        if (first === undefined) return;
        const surplus = Math.min(held - bytesMax, first.length);
        if (surplus === first.length) chunks.shift();
        else chunks[0] = first.subarray(surplus);
        held -= surplus;
        truncated = true;
      }
    },
    truncated: () => truncated,
    bytes: () => Buffer.concat(chunks),
  };
}
