// An error class means something different to do. There are two; everything else is a surprise, and SQS redelivers it.
import { oneLine } from "./text.ts";

/** The message can never succeed. It goes to the dead letters at once, with this sentence (one bounded line), for a person. */
export class PoisonMessageError extends Error {
  override readonly name = "PoisonMessageError";
  constructor(message: string, options: ErrorOptions = {}) {
    super(oneLine(message), options);
  }
}

/** The platform cannot answer now (429, 5xx, a lost connection, expired credentials, a sleeping warehouse): wait it out. */
export class PlatformTroubleError extends Error {
  override readonly name: string = "PlatformTroubleError";
  /** What the platform asked us to wait (Retry-After), in seconds. */
  readonly retryAfterSeconds: number | undefined;
  constructor(
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterSeconds?: number } = {},
  ) {
    super(oneLine(message), { cause: options.cause });
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/**
 * A marker's text is none. It is the only file that is ever overwritten, so this may pass: handlers wait it out, and the sweep
 * writes it anew.
 */
export class UnreadableMarkerError extends PlatformTroubleError {
  override readonly name = "UnreadableMarkerError";
}

/** There are more runs than can be looked through for one. Waiting brings more of them, so that whoever searches needs an end. */
export class SearchTooLongError extends PlatformTroubleError {
  override readonly name = "SearchTooLongError";
}
