// Where tokens come from, over a wire of our own: time passes only as the test says.
import { describe, expect, test } from "vitest";
import {
  type AuthChoice,
  createTokenSource,
  type TokenSourceOptions,
} from "../../shared/adapters/databricks-auth.ts";
import { LostReplyError, type WireReply, type WireRequest } from "../../shared/adapters/wire.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";

type Answer = (request: WireRequest) => WireReply;

const json = (status: number, body: unknown): WireReply => ({
  status,
  headers: {},
  content: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
});
let issued = 0;
const token = (expires_in: unknown = 3600): WireReply =>
  json(200, { access_token: `token-${++issued}`, token_type: "Bearer", expires_in });
const INVALID_CLIENT = json(401, { error: "invalid_client", error_description: "no such client" });

function sourceOf(answer: Answer, more: Partial<TokenSourceOptions> = {}) {
  const requests: WireRequest[] = [];
  let nowMs = 1_000_000;
  const reads: string[] = [];
  const secrets = ["first", "second"];
  const secretOf = (i: number) =>
    JSON.stringify({ client_id: "id", client_secret: secrets[i] ?? "", token: secrets[i] ?? "" });
  const tokens = createTokenSource({
    clock: { nowMs: () => nowMs, sleep: async () => {}, timer: () => () => {} },
    secrets: {
      read: async () => {
        reads.push("read");
        return secretOf(0);
      },
      reread: async () => {
        reads.push("reread");
        return secretOf(1);
      },
    },
    wire: {
      origin: "https://workspace.example",
      send: async (request) => {
        requests.push(request);
        return answer(request);
      },
      [Symbol.asyncDispose]: async () => {},
    },
    auth: { kind: "oauth-m2m", secretId: "databricks" },
    webIdentityToken: async (audience) => `jwt for ${audience}`,
    ...more,
  });
  return { tokens, requests, reads, pass: (seconds: number) => (nowMs += seconds * 1000) };
}

const basicOf = (request: WireRequest | undefined) =>
  Buffer.from((request?.headers["authorization"] ?? "").replace("Basic ", ""), "base64").toString();

describe("by a client secret", () => {
  test("the request is that of OAuth's client credentials", async () => {
    const { tokens, requests } = sourceOf(() => token());
    await tokens.token();
    expect(requests[0]).toMatchObject({
      method: "POST",
      path: "/oidc/v1/token",
      body: "grant_type=client_credentials&scope=all-apis",
    });
    expect(basicOf(requests[0])).toBe("id:first");
  });

  test("many who ask at once share one request", async () => {
    const { tokens, requests } = sourceOf(() => token());
    const got = await Promise.all(Array.from({ length: 20 }, () => tokens.token()));
    expect(new Set(got).size).toBe(1);
    expect(requests).toHaveLength(1);
  });

  test.each([
    { life: 3600, after: 0, asked: 1 },
    { life: 3600, after: 2879, asked: 1 },
    { life: 3600, after: 2881, asked: 2 }, // 80 % of its life
    { life: 300, after: 179, asked: 1 },
    { life: 300, after: 181, asked: 2 }, // two minutes before its end
    { life: 2, after: 0.9, asked: 1 },
    { life: 2, after: 1.1, asked: 2 },
    { life: 3600, after: 10_000, asked: 2 },
  ])("a token that lives $life s is asked for $asked times after $after s", async (given) => {
    const { tokens, requests, pass } = sourceOf(() => token(given.life));
    await tokens.token();
    pass(given.after);
    await tokens.token();
    expect(requests).toHaveLength(given.asked);
  });

  test("a life that comes as text, or not at all, is understood", async () => {
    for (const life of ["3600", undefined, "soon"]) {
      const { tokens, requests } = sourceOf(() => token(life));
      await tokens.token();
      await tokens.token();
      expect(requests).toHaveLength(1);
    }
  });

  test("where it cannot be renewed, the old token serves as long as it lives", async () => {
    let up = true;
    const { tokens, pass } = sourceOf(() => (up ? token() : json(503, "")));
    const first = await tokens.token();
    up = false;
    pass(3000);
    expect(await tokens.token()).toBe(first);
    pass(700);
    await expect(tokens.token()).rejects.toBeInstanceOf(PlatformTroubleError);
    up = true;
    expect(await tokens.token()).not.toBe(first);
  });

  test("a refused token is not handed out again; another's refusal changes nothing", async () => {
    const { tokens, requests } = sourceOf(() => token());
    const first = await tokens.token();
    tokens.refused("somebody else's");
    expect(await tokens.token()).toBe(first);
    tokens.refused(first);
    expect(await tokens.token()).not.toBe(first);
    expect(requests).toHaveLength(2);
  });

  test("a rotated secret is read again when the old one is refused", async () => {
    const { tokens, requests, reads } = sourceOf((request) =>
      basicOf(request) === "id:second" ? token() : INVALID_CLIENT,
    );
    await tokens.token();
    expect(reads).toEqual(["read", "reread"]);
    expect(requests.map(basicOf)).toEqual(["id:first", "id:second"]);
  });

  test("where the new one is refused as well, it is trouble, and the next asks again", async () => {
    const { tokens, requests } = sourceOf(() => INVALID_CLIENT);
    await expect(tokens.token()).rejects.toThrow(/client secret in databricks/);
    await expect(tokens.token()).rejects.toBeInstanceOf(PlatformTroubleError);
    expect(requests).toHaveLength(4);
  });

  test("an answer that was lost is asked for once more", async () => {
    let tries = 0;
    const { tokens } = sourceOf(() => {
      if (++tries === 1) throw new LostReplyError("reset");
      return token();
    });
    await tokens.token();
    expect(tries).toBe(2);
  });

  test.each([
    { what: "a web page", reply: json(200, "<html>login</html>") },
    { what: "JSON without a token", reply: json(200, { token_type: "Bearer" }) },
    { what: "an empty token", reply: json(200, { access_token: "" }) },
    { what: "a refusal", reply: json(400, { error: "invalid_scope", error_description: "no" }) },
    { what: "nothing", reply: json(503, "") },
  ])("$what is trouble, and no word of a token is repeated", async ({ reply }) => {
    const { tokens } = sourceOf(() => reply);
    await expect(tokens.token()).rejects.toBeInstanceOf(PlatformTroubleError);
  });

  test.each(["", "{", "[]", '{"client_id":"x"}', '{"client_id":1,"client_secret":"s3cr3t"}'])(
    "a secret that is %s is a sentence that does not repeat it",
    async (text) => {
      const { tokens } = sourceOf(() => token(), {
        secrets: { read: async () => text, reread: async () => text },
      });
      const error = await tokens.token().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(PlatformTroubleError);
      expect(String(error)).toMatch(/the secret databricks is not as it must be/);
      expect(String(error)).not.toContain("s3cr3t");
    },
  );
});

describe("by federation", () => {
  const auth: AuthChoice = { kind: "federation", clientId: "sp-1", audience: "account-1" };

  test("AWS's word is exchanged for a token, without any secret", async () => {
    const { tokens, requests, reads } = sourceOf(() => token(), { auth });
    await tokens.token();
    await tokens.token();
    expect(reads).toEqual([]);
    expect(requests).toHaveLength(1);
    expect(requests[0]?.headers).not.toHaveProperty("authorization");
    expect(Object.fromEntries(new URLSearchParams(String(requests[0]?.body)))).toEqual({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      subject_token: "jwt for account-1",
      client_id: "sp-1",
      scope: "all-apis",
    });
  });

  test("a policy that does not fit is trouble that says what to check", async () => {
    const { tokens } = sourceOf(() => INVALID_CLIENT, { auth });
    await expect(tokens.token()).rejects.toThrow(/sp-1.*issuer, audience and subject/);
  });
});

describe("by a personal access token", () => {
  const auth: AuthChoice = { kind: "pat", secretId: "databricks" };

  test("it is the secret's, and is read again once it is refused", async () => {
    const { tokens, requests } = sourceOf(() => token(), { auth });
    expect(await tokens.token()).toBe("first");
    tokens.refused("first");
    expect(await tokens.token()).toBe("second");
    expect(requests).toEqual([]);
  });
});
