// Common to all our AWS clients: their limits, and which of their failures are waited out.
import { messageOf } from "../domain/body.ts";
import { PlatformTroubleError } from "../domain/errors.ts";

/**
 * The region, the credentials and (locally) the endpoints come from the SDK's own environment
 * variables.
 */
export const awsClientOptions = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000 },
} as const;

/**
 * Does one call to AWS.
 * @throws PlatformTroubleError if waiting may mend it; any other error as it was
 */
export async function waitingFor<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!isAwsTrouble(error)) throw error;
    throw new PlatformTroubleError(`AWS: ${what}: ${messageOf(error)}`, { cause: error });
  }
}

// Names of errors that waiting may mend. Missing permissions, queues and buses are a deployment's
// fault: a person mends it, and the messages wait for that.
const TROUBLE_NAMES =
  /Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|ExpiredToken|InvalidClientTokenId|UnrecognizedClient|AccessDenied|CredentialsProviderError|TimeoutError|AbortError|Federation|NonExistentQueue|QueueDoesNotExist|ResourceNotFound|KMS|Kms/;
const LOST = /^(E[A-Z]+|UND_ERR_[A-Z_]+)$/;

function isAwsTrouble(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { name, code, $metadata, $retryable } = error as {
    readonly name?: unknown;
    readonly code?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: number };
    readonly $retryable?: unknown;
  };
  const status = $metadata?.httpStatusCode ?? 0;
  return (
    $retryable !== undefined ||
    status >= 500 ||
    [403, 408, 429].includes(status) ||
    TROUBLE_NAMES.test(String(name)) ||
    LOST.test(String(code))
  );
}
