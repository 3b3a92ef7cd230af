// Bearer tokens from one of three sources: a service principal's secret, a federation policy
// without any secret, or a fixed token.
import * as z from "zod";
import { faultsOf, messageOf } from "../domain/body.ts";
import { PlatformTroubleError } from "../domain/errors.ts";
import type { ClockPort } from "../ports.ts";
import { databricksError } from "./databricks-error.ts";
import { exactJson } from "./exact-json.ts";
import type { SecretsPort } from "./secrets.ts";
import { LostReplyError, type Wire } from "./wire.ts";

export type TokenSource = {
  /** A token that is valid now. @throws PlatformTroubleError */
  readonly token: () => Promise<string>;
  /** Databricks refused this token: it is not handed out again. */
  readonly refused: (token: string) => void;
};

export type AuthChoice =
  | { readonly kind: "oauth-m2m"; readonly secretId: string }
  | { readonly kind: "federation"; readonly clientId: string; readonly audience: string }
  | { readonly kind: "pat"; readonly secretId: string };

export type TokenSourceOptions = ClockPort &
  SecretsPort & {
    readonly wire: Wire;
    readonly auth: AuthChoice;
    /**
     * A signed JWT that names our role (STS GetWebIdentityToken); asked for with `federation` only.
     */
    readonly webIdentityToken: (audience: string) => Promise<string>;
  };

export function createTokenSource(options: TokenSourceOptions): TokenSource {
  const { auth, clock } = options;
  switch (auth.kind) {
    case "oauth-m2m":
      return createCachedTokens({ clock }, () => byClientSecret(options, auth.secretId));
    case "federation":
      return createCachedTokens({ clock }, () => byFederation(options, auth));
    case "pat":
      return createPatTokens(options, auth.secretId);
  }
}

type Issued = { readonly token: string; readonly lifeMs: number };
type Held = Issued & { readonly issuedMs: number };

/**
 * Asks once for all callers that wait. It renews early, and if that fails, it falls back on a token
 * that is still valid.
 */
function createCachedTokens({ clock }: ClockPort, issue: () => Promise<Issued>): TokenSource {
  let held: Held | undefined;
  let asking: Promise<Held> | undefined;
  const renew = (): Promise<Held> => {
    const issuedMs = clock.nowMs();
    asking ??= issue()
      .then((issued) => {
        held = { ...issued, issuedMs };
        return held;
      })
      .finally(() => {
        asking = undefined;
      });
    return asking;
  };
  return {
    token: async () => {
      const had = held;
      if (had === undefined) return (await renew()).token;
      const leftMs = had.issuedMs + had.lifeMs - clock.nowMs();
      if (leftMs > marginMs(had.lifeMs)) return had.token;
      try {
        return (await renew()).token;
      } catch (error) {
        if (leftMs > 0 && held === had) return had.token;
        throw error;
      }
    },
    refused: (token) => {
      if (held?.token === token) held = undefined;
    },
  };
}

/**
 * Tokens are renewed at 80 % of their life, and not later than two minutes before its end; a very
 * short life is used by half.
 */
const marginMs = (lifeMs: number): number => Math.min(lifeMs / 2, Math.max(lifeMs / 5, 120_000));

const ClientSecret = z.object({ client_id: z.string().min(1), client_secret: z.string().min(1) });
type ClientSecret = z.infer<typeof ClientSecret>;

async function byClientSecret(options: TokenSourceOptions, secretId: string): Promise<Issued> {
  const { secrets } = options;
  const client = parsedSecret(secretId, ClientSecret, await secrets.read(secretId));
  const issued = await askWithSecret(options, client);
  if (issued !== "invalid_client") return issued;
  const rotated = parsedSecret(secretId, ClientSecret, await secrets.reread(secretId));
  const again = await askWithSecret(options, rotated);
  if (again !== "invalid_client") return again;
  throw new PlatformTroubleError(
    `Databricks refuses the client secret in ${secretId} (invalid_client): put a valid one there; it is read again at the next try`,
  );
}

function askWithSecret(options: TokenSourceOptions, client: ClientSecret) {
  const basic = Buffer.from(`${client.client_id}:${client.client_secret}`).toString("base64");
  return askForToken(
    options,
    { grant_type: "client_credentials", scope: "all-apis" },
    { authorization: `Basic ${basic}` },
  );
}

/**
 * RFC 8693: exchanges the role's own JWT for a token of the service principal whose federation
 * policy names that role.
 */
async function byFederation(
  options: TokenSourceOptions,
  { clientId, audience }: { readonly clientId: string; readonly audience: string },
): Promise<Issued> {
  const issued = await askForToken(options, {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    subject_token: await options.webIdentityToken(audience),
    client_id: clientId,
    scope: "all-apis",
  });
  if (issued !== "invalid_client") return issued;
  throw new PlatformTroubleError(
    `Databricks knows no service principal ${clientId} with a federation policy for this role: check its issuer, audience and subject`,
  );
}

const TokenReply = z.object({
  access_token: z.string().min(1),
  expires_in: z.coerce.number().positive().catch(3600), // the CLI's fake says it as text
});

async function askForToken(
  { wire }: TokenSourceOptions,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Issued | "invalid_client"> {
  const reply = await sendTwice(wire, {
    method: "POST",
    path: "/oidc/v1/token",
    headers: {
      ...headers,
      "content-type": "application/x-www-form-urlencoded",
      accept: "application/json",
    },
    body: new URLSearchParams(form).toString(),
    bytesMax: 64 * 1024,
    timeoutMs: 5_000,
  });
  if (reply.status !== 200) {
    const error = databricksError(reply);
    if (error.code === "invalid_client") return "invalid_client";
    throw new PlatformTroubleError(`Databricks gives no token: ${error.message}`, { cause: error });
  }
  const parsed = TokenReply.safeParse(exactJsonOrNothing(reply.content));
  // The answer may hold a token, so nothing of it is repeated here.
  if (!parsed.success)
    throw new PlatformTroubleError("Databricks' token endpoint answered without a usable token");
  return { token: parsed.data.access_token, lifeMs: parsed.data.expires_in * 1000 };
}

function exactJsonOrNothing(content: Uint8Array): unknown {
  try {
    return exactJson(Buffer.from(content).toString("utf8"));
  } catch {
    return undefined;
  }
}

/** Asks once more if an answer of the token endpoint is lost: asking costs nothing. */
async function sendTwice(wire: Wire, request: Parameters<Wire["send"]>[0]) {
  try {
    return await wire.send(request);
  } catch (error) {
    if (!(error instanceof LostReplyError)) throw error;
  }
  try {
    return await wire.send(request);
  } catch (error) {
    throw new PlatformTroubleError(`Databricks gives no token: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

const PatSecret = z.object({ token: z.string().min(1) });

/**
 * A personal access token does not expire by itself. If it is refused, somebody may have replaced
 * it.
 */
function createPatTokens({ secrets }: SecretsPort, secretId: string): TokenSource {
  let refusedToken: string | undefined;
  const parse = (text: string): string => parsedSecret(secretId, PatSecret, text).token;
  return {
    token: async () => {
      const token = parse(await secrets.read(secretId));
      return token === refusedToken ? parse(await secrets.reread(secretId)) : token;
    },
    refused: (token) => {
      refusedToken = token;
    },
  };
}

/** @throws PlatformTroubleError without a word of the secret itself */
function parsedSecret<T>(secretId: string, schema: z.ZodType<T>, text: string): T {
  const parsed = schema.safeParse(exactJsonOrNothing(Buffer.from(text)));
  if (parsed.success) return parsed.data;
  throw new PlatformTroubleError(
    `the secret ${secretId} is not as it must be, JSON {"client_id", "client_secret"} or, for a personal access token, {"token"}: ${faultsOf(parsed.error)}; store it again, it is read at the next try`,
  );
}
