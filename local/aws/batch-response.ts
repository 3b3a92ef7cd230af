// Reads from a function's answer the result of its batch, as Lambda does with
// ReportBatchItemFailures. Pure.
import * as z from "zod";

export type BatchVerdict =
  /** The named messages are done and are deleted; the others become visible again. */
  | {
      readonly kind: "handled";
      readonly done: readonly string[];
      readonly failed: readonly string[];
    }
  /** The answer cannot be trusted: nothing is deleted. */
  | { readonly kind: "failed"; readonly reason: string };

const BatchResponse = z
  .object({
    batchItemFailures: z.array(z.object({ itemIdentifier: z.string().min(1) })).nullish(),
  })
  .nullish();

/**
 * AWS: an empty or null list, and an empty or null response, are a complete success. An identifier
 * that is empty, null, unknown or under another name fails the whole batch. So does a response of
 * another shape.
 */
export function batchVerdict(messageIds: readonly string[], response: unknown): BatchVerdict {
  const parsed = BatchResponse.safeParse(response);
  if (!parsed.success)
    return failed(`its answer is no batch response: ${JSON.stringify(response)?.slice(0, 200)}`);
  const failures = parsed.data?.batchItemFailures ?? [];
  const reported = new Set(failures.map((failure) => failure.itemIdentifier));
  const unknown = [...reported].find((id) => !messageIds.includes(id));
  if (unknown !== undefined)
    return failed(`it reports the message "${unknown}", which is not of its batch`);
  return {
    kind: "handled",
    done: messageIds.filter((id) => !reported.has(id)),
    failed: [...reported],
  };
}

const failed = (reason: string): BatchVerdict => ({ kind: "failed", reason });
