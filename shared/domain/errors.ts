// An error class means something different to do. There are two; every other error is a surprise,
// and SQS redelivers the message.
import { oneLine } from "./text.ts";

/**
 * The message can never succeed. It goes to the dead letters at once, for a person, with this
 * sentence (one bounded line).
 */
export class PoisonMessageError extends Error {
  override readonly name = "PoisonMessageError";
  constructor(message: string, options: ErrorOptions = {}) {
    super(oneLine(message), options);
  }
}

/**
 * The platform cannot answer now (429, 5xx, a lost connection, expired credentials, a sleeping
 * warehouse): wait it out.
 */
export class PlatformTroubleError extends Error {
  override readonly name: string = "PlatformTroubleError";
  /** The wait that the platform asked for (Retry-After), in seconds. */
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
 * The marker file is not valid JSON, or not a marker. It is the only file that is ever overwritten,
 * so this may pass: handlers wait it out, and the sweep writes it again.
 */
export class UnreadableMarkerError extends PlatformTroubleError {
  override readonly name = "UnreadableMarkerError";
}

/** There are more runs than can be looked through for one. Waiting brings more of them, so that whoever searches needs an end. */
export class SearchTooLongError extends PlatformTroubleError {
  override readonly name = "SearchTooLongError";
}
