// The sender of a message, which travels beside it, in SQS' words.
import type { Sent } from "../../shared/edge/delivery.ts";
import { ada, upstream } from "../domain/examples.ts";

type Beside = Sent & { readonly messageId: string };

/** One of our own functions sent it. */
export const byOurs: Beside = {
  messageId: "m-1",
  traceparent: undefined,
  by: "AROAOWN:signalbox-orchestrator",
  isOwn: true,
};
export const byUpstream: Beside = { ...byOurs, by: upstream, isOwn: false };
export const byAda: Beside = { ...byOurs, by: ada, isOwn: false };
