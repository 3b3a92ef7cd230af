// What the metrics know of Databricks: how often it is asked, and what kind of trouble it is in.
import { messageOf } from "../domain/body.ts";
import { PlatformTroubleError } from "../domain/errors.ts";
import type { LogPort } from "../ports.ts";
import type { TokenSource } from "./databricks-auth.ts";
import { DatabricksError } from "./databricks-error.ts";
import type { DatabricksHttp } from "./databricks-http.ts";

/** Counts the calls, and says what kind of trouble a call met. */
export function meteredHttp(http: DatabricksHttp, { log }: LogPort) {
  let asked = 0;
  return {
    http: {
      host: http.host,
      call: async (call) => {
        asked++;
        try {
          return await http.call(call);
        } catch (error) {
          if (error instanceof PlatformTroubleError)
            log("platform.troubled", { state: stateOf(error), reason: error.message });
          throw error;
        }
      },
    } satisfies DatabricksHttp,
    /** One line an invocation, not one a call. */
    sayHowOften: (): void => {
      if (asked > 0) log("platform.asked", { count: asked });
      asked = 0;
    },
  };
}

const stateOf = ({ cause }: PlatformTroubleError): string =>
  cause instanceof DatabricksError && cause.status === 429 ? "throttled" : "troubled";

/** Says when no token can be had: an alarm of its own, because nobody but a person mends it. */
export const meteredTokens = (tokens: TokenSource, { log }: LogPort): TokenSource => ({
  refused: tokens.refused,
  token: async () => {
    try {
      return await tokens.token();
    } catch (error) {
      log("platform.troubled", { state: "no-token", reason: messageOf(error) });
      throw error;
    }
  },
});
