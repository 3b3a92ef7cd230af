// Why a task does not get as far as a process.

/** The task cannot be started as it is written. */
export class TaskSpecError extends Error {
  override readonly name = "TaskSpecError";
  /** The termination code. */
  readonly code: string;
  constructor(message: string, options: { readonly cause?: unknown; readonly code?: string } = {}) {
    super(message, { cause: options.cause });
    this.code = options.code ?? "INVALID_RUN_CONFIGURATION";
  }
}
