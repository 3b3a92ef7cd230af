// Makes one call of a command, and returns the workspace's refusal as a value: a command explains a
// refusal, a service waits.
import { DatabricksError } from "../shared/adapters/databricks-error.ts";
import {
  type DatabricksCall,
  type DatabricksHttp,
  jsonOfReply,
} from "../shared/adapters/databricks-http.ts";
import { PlatformTroubleError } from "../shared/domain/errors.ts";

export type Asked =
  | { readonly kind: "ok"; readonly json: unknown }
  /** The request is at fault, its sender may not, or this workspace has no such thing. */
  | { readonly kind: "refused"; readonly error: DatabricksError };

/** @throws PlatformTroubleError if there is no answer */
export async function ask(http: DatabricksHttp, call: DatabricksCall): Promise<Asked> {
  try {
    const reply = await http.call(call);
    if (reply.kind === "refused") return reply;
    if (reply.kind === "ok")
      return { kind: "ok", json: jsonOfReply(`${call.method} ${call.path}`, reply.content) };
    throw new Error(`${call.method} ${call.path}: the answer is too large`);
  } catch (error) {
    // For a service, a 403 is trouble that somebody mends in the meantime.
    if (error instanceof PlatformTroubleError && isDenial(error.cause))
      return { kind: "refused", error: error.cause };
    throw error;
  }
}

const isDenial = (cause: unknown): cause is DatabricksError =>
  cause instanceof DatabricksError && [401, 403, 501].includes(cause.status);

/** @throws Error with Databricks' own sentence */
export async function askForJson(http: DatabricksHttp, call: DatabricksCall): Promise<unknown> {
  const asked = await ask(http, call);
  if (asked.kind === "ok") return asked.json;
  throw new Error(`${call.method} ${call.path}: ${asked.error.message}`, { cause: asked.error });
}
