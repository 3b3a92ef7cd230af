// What is counted of a conversation with Databricks, over a wire of our own: the real client and
// the real token source around it.
import { expect, test } from "vitest";
import { createTokenSource } from "../../shared/adapters/databricks-auth.ts";
import { createDatabricksHttp } from "../../shared/adapters/databricks-http.ts";
import { createMeter } from "../../shared/adapters/metered.ts";
import { sqlFailure } from "../../shared/adapters/sql-error.ts";
import type { Wire, WireReply } from "../../shared/adapters/wire.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import type { LogPort } from "../../shared/ports.ts";

const clock = { nowMs: () => 0, sleep: async () => {}, timer: () => () => {} };
const json = (status: number, body: object): WireReply => ({
  status,
  headers: {},
  content: Buffer.from(JSON.stringify(body)),
});
const TOKEN = json(200, { access_token: "t", expires_in: 3600 });
const fine = json(200, {});
const refused = json(401, { error_code: 401, message: "Credential was not sent or was invalid" });
const denied = json(403, { error_code: "PERMISSION_DENIED", message: "no READ VOLUME" });
const spent = json(429, { error_code: "REQUEST_LIMIT_EXCEEDED", message: "slow down" });
const noClient = json(401, { error: "invalid_client", error_description: "no such client" });

/**
 * `answers` to the calls, `tokens` to the token endpoint, one after the other; the last goes on.
 */
function rig(answers: readonly WireReply[], tokens: readonly WireReply[] = [TOKEN]) {
  const logged: unknown[] = [];
  const log: LogPort["log"] = (event, { reason, ...fields } = {}) => logged.push([event, fields]);
  const meter = createMeter({ log });
  const next = { answer: 0, token: 0 };
  const wire: Wire = meter.wire({
    origin: "https://workspace",
    send: async ({ path }) => {
      const ofToken = path.startsWith("/oidc/");
      const list = ofToken ? tokens : answers;
      return list[Math.min(next[ofToken ? "token" : "answer"]++, list.length - 1)] ?? fine;
    },
    [Symbol.asyncDispose]: async () => {},
  });
  const secret = async () => JSON.stringify({ client_id: "id", client_secret: "s" });
  const source = meter.tokens(
    createTokenSource({
      clock,
      secrets: { read: secret, reread: secret },
      wire,
      auth: { kind: "oauth-m2m", secretId: "signalbox/test" },
      webIdentityToken: async () => "jwt",
    }),
  );
  const limiter = {
    run: <T>(_: unknown, work: () => Promise<T>) => work(),
    refused: () => {},
    spent: () => 0,
  };
  const options = { clock, wire, tokens: source, limiter, userAgent: "test", random: () => 0 };
  const http = meter.http(createDatabricksHttp(options));
  const call = () =>
    http.call({ method: "GET", path: "/api/2.2/jobs/runs/get", rate: "get" }).catch(() => {});
  return { meter, source, call, logged };
}

test.each([
  { given: "an answer", answers: [fine], count: 2, throttled: 0 },
  { given: "two 429s before it", answers: [spent, spent, fine], count: 4, throttled: 2 },
  { given: "429s alone", answers: [spent], count: 4, throttled: 3, state: "throttled" },
  { given: "a token that is refused once", answers: [refused, fine], count: 4, throttled: 0 },
  {
    given: "a token that is refused although it is fresh",
    answers: [refused],
    count: 4,
    throttled: 0,
    state: "no-token",
  },
  { given: "no permission", answers: [denied], count: 2, throttled: 0, state: "troubled" },
])("$given: $count exchanges, $throttled of them 429, and trouble $state", async (row) => {
  const { meter, call, logged } = rig(row.answers);
  await call();
  meter.sayHowOften();
  meter.sayHowOften();
  expect(logged).toEqual([
    ...(row.state === undefined ? [] : [["platform.troubled", { state: row.state }]]),
    ["platform.asked", { count: row.count, throttled: row.throttled }],
  ]);
});

test("calls that wait for one token, which there is not, are one trouble", async () => {
  const { meter, call, logged } = rig([fine], [noClient]);
  await Promise.all([call(), call(), call()]);
  meter.sayHowOften();
  expect(logged).toEqual([
    ["platform.troubled", { state: "no-token" }],
    ["platform.asked", { count: 2, throttled: 0 }],
  ]);
});

const driverError = (statusCode: number) =>
  Object.assign(new Error("the driver's"), { statusCode });
const sqlOf = (error?: Error) => (tokens: { token: () => Promise<string> }) => ({
  open: async () => {
    await tokens.token();
    return {
      execute: async (statement: string) => {
        await tokens.token();
        if (error !== undefined) throw sqlFailure(statement, error);
        return [];
      },
      [Symbol.asyncDispose]: async () => {},
    };
  },
});

test.each([
  { given: "nothing", error: undefined, throttled: 0, state: undefined },
  { given: "401", error: driverError(401), throttled: 0, state: "no-token" },
  { given: "429", error: driverError(429), throttled: 1, state: "throttled" },
  { given: "503", error: driverError(503), throttled: 0, state: "troubled" },
  { given: "a fault of the statement", error: sqlFault(), throttled: 0, state: undefined },
])("the SQL driver's exchanges are counted, and its $given", async (row) => {
  const { meter, source, logged } = rig([]);
  await using session = await meter.sql(source, sqlOf(row.error)).open();
  await session.execute("SELECT 1").catch(() => {});
  meter.sayHowOften();
  expect(logged).toEqual([
    ...(row.state === undefined ? [] : [["platform.troubled", { state: row.state }]]),
    // Two of the driver, and one for the token.
    ["platform.asked", { count: 3, throttled: row.throttled }],
  ]);
});

function sqlFault() {
  const message = "[PARSE_SYNTAX_ERROR] SQLSTATE: 22000";
  return Object.assign(new Error(message), { response: { sqlState: "22000" } });
}

test("a token that the SQL driver does not get is no-token", async () => {
  const { meter, source, logged } = rig([], [noClient]);
  await expect(meter.sql(source, sqlOf()).open()).rejects.toThrow(PlatformTroubleError);
  expect(logged).toEqual([["platform.troubled", { state: "no-token" }]]);
});
