// IdentityPort: the principals whose runs are ours. A service principal is known from its stage.
// For a personal token, the workspace says whose it is.
import * as z from "zod";
import { faultsOf } from "../domain/body.ts";
import { PlatformTroubleError } from "../domain/errors.ts";
import type { IdentityPort } from "../ports.ts";
import type { AuthChoice } from "./databricks-auth.ts";
import { type DatabricksHttp, jsonOfReply } from "./databricks-http.ts";

export type IdentityOptions = {
  readonly http: DatabricksHttp;
  readonly auth: AuthChoice;
  /** Application ids, the present one and earlier ones. */
  readonly controllers: readonly string[];
};

/**
 * Asks at most once in the life of an environment, and only with a personal token. A failure is not
 * kept.
 */
export function createIdentity({ http, auth, controllers }: IdentityOptions): IdentityPort {
  let known: Promise<readonly string[]> | undefined;
  return {
    identity: {
      own: () => {
        if (auth.kind !== "pat") return Promise.resolve(controllers);
        const asking = known ?? whoAmI(http).then((me) => [...controllers, me]);
        known = asking;
        asking.catch(() => {
          if (known === asking) known = undefined;
        });
        return asking;
      },
    },
  };
}

const ME = "/api/2.0/preview/scim/v2/Me";
const Me = z.object({ userName: z.string().min(1) });

async function whoAmI(http: DatabricksHttp): Promise<string> {
  const reply = await http.call({ method: "GET", path: ME, rate: "get" });
  if (reply.kind !== "ok")
    throw new PlatformTroubleError(
      `Databricks: GET ${ME}: ${reply.kind === "refused" ? reply.error.message : "too large"}`,
    );
  const parsed = Me.safeParse(jsonOfReply(`GET ${ME}`, reply.content));
  if (parsed.success) return parsed.data.userName;
  throw new PlatformTroubleError(
    `Databricks: GET ${ME}: the answer is not as expected: ${faultsOf(parsed.error)}`,
  );
}
