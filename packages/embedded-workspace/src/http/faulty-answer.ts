// The answer to a struck request: one of the fault's own, a genuine one that is disturbed, or
// none.
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { ApiReply } from "../route.ts";
import { type Fault, faultAnswer } from "./faults.ts";
import { type Exchange, send, sendCutShort, sendSlowly } from "./reply.ts";

/** `dispatch` carries the request out; by `when` it is called before, after, or not at all. */
export async function answerWithFault(
  exchange: Exchange,
  fault: Fault,
  dispatch: () => Promise<ApiReply>,
): Promise<void> {
  const { request, response } = exchange;
  const effectFirst = fault.when === "after";
  if (!effectFirst && fault.delay_ms > 0) await delay(fault.delay_ms);
  const ends = fault.kind === "reset" || fault.kind === "hang";
  const answered = faultAnswer(fault);
  // Disturbances of the transport (drip, a wrong length) need a genuine answer to disturb.
  const needsReal = effectFirst || (answered === undefined && !ends);
  const real = needsReal ? await dispatch() : undefined;
  if (effectFirst && fault.delay_ms > 0) await delay(fault.delay_ms);
  // A download that nobody will read must not keep its file open.
  if ((ends || answered !== undefined) && real?.body instanceof Readable) real.body.destroy();
  if (fault.kind === "reset") {
    request.socket.destroy();
    return;
  }
  if (fault.kind === "hang") {
    await new Promise((resolve) => response.once("close", resolve));
    return;
  }
  const reply = answered ?? withHeaders(real ?? { status: 200 }, fault.headers);
  if (fault.kind === "drip") await sendSlowly(exchange, reply, fault.drip_ms);
  else if (fault.kind === "wrong_content_length") await sendCutShort(exchange, reply);
  else await send(exchange, reply);
}

const withHeaders = (reply: ApiReply, headers: Readonly<Record<string, string>>): ApiReply => ({
  ...reply,
  headers: { ...reply.headers, ...headers },
});
