// A dead letter as people see it.
import type { DeadLetter } from "./held.ts";

/** The receipt and the URL of SQS, and the message of a replay, are nothing for people. */
export const shown = ({
  receiptHandle: _,
  queueUrl: _url,
  replay: _replay,
  ...letter
}: DeadLetter) => letter;

/** So many letters have a line of their own; of more, the kinds are shown. */
export const LINES_MAX = 50;

export const nameOf = ({ queue, messageId, runId }: DeadLetter): string =>
  `${queue} ${messageId} ${runId}`;
