// This function's identity, signed by AWS. A Databricks federation policy trusts it, so that no
// secret need be stored.
import { GetWebIdentityTokenCommand, STSClient } from "@aws-sdk/client-sts";
import { awsClientOptions, waitingFor } from "./aws.ts";

/** The client is made at the first call: few deployments sign in this way. */
export function createWebIdentityToken(
  clientOf: () => STSClient = () => new STSClient(awsClientOptions),
): (audience: string) => Promise<string> {
  let client: STSClient | undefined;
  return (audience) =>
    waitingFor("STS GetWebIdentityToken", async () => {
      client ??= clientOf();
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
