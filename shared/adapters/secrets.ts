// SecretsPort over Secrets Manager. Only adapters use it: no use case sees a secret.
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { ClockPort } from "../ports.ts";
import { awsClientOptions, waitingFor } from "./aws.ts";

export interface SecretsPort {
  readonly secrets: {
    /**
     * The text of a secret, at most five minutes old.
     * @throws PlatformTroubleError
     */
    readonly read: (secretId: string) => Promise<string>;
    /** The same, but read again: somebody may have rotated it. */
    readonly reread: (secretId: string) => Promise<string>;
  };
}

const CACHE_MS_MAX = 5 * 60 * 1000;

type Cached = { readonly text: Promise<string>; readonly readMs: number };

export function createSecrets(
  { clock }: ClockPort,
  client = new SecretsManagerClient(awsClientOptions),
): SecretsPort {
  const cache = new Map<string, Cached>();
  const fetch = (secretId: string): Promise<string> => {
    const text = textOf(client, secretId);
    const cached = { text, readMs: clock.nowMs() };
    cache.set(secretId, cached);
    // A failure is not kept as a value: the next call asks again.
    text.catch(() => cache.get(secretId) === cached && cache.delete(secretId));
    return text;
  };
  return {
    secrets: {
      read: (secretId) => {
        const cached = cache.get(secretId);
        const isFresh = cached !== undefined && clock.nowMs() - cached.readMs < CACHE_MS_MAX;
        return isFresh ? cached.text : fetch(secretId);
      },
      reread: fetch,
    },
  };
}

const textOf = (client: SecretsManagerClient, secretId: string): Promise<string> =>
  waitingFor(`the secret ${secretId}`, async () => {
    const reply = await client.send(new GetSecretValueCommand({ SecretId: secretId }));
    if (reply.SecretString !== undefined) return reply.SecretString;
    throw new Error(`the secret ${secretId} has no text: store it as a string, not as binary`);
  });
