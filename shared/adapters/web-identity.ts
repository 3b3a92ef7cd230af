// Who this function is, signed by AWS: what a Databricks federation policy trusts, so that no secret need be stored.
import { GetWebIdentityTokenCommand, STSClient } from "@aws-sdk/client-sts";
import { awsClientOptions, waitingFor } from "./aws.ts";

/** STS is asked at its regional endpoint: the global one does not know GetWebIdentityToken. */
export function createWebIdentityToken(
  client = new STSClient({ ...awsClientOptions, useGlobalEndpoint: false }),
): (audience: string) => Promise<string> {
  return (audience) =>
    waitingFor("STS GetWebIdentityToken", async () => {
      const reply = await client.send(
        new GetWebIdentityTokenCommand({
          Audience: [audience],
          SigningAlgorithm: "RS256",
          DurationSeconds: 300,
        }),
      );
      if (reply.WebIdentityToken !== undefined) return reply.WebIdentityToken;
      throw new Error("STS GetWebIdentityToken answered without a token");
    });
}
