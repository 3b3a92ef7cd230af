// What our client of a workspace does when the workspace, the token endpoint or the line between is
// out of order.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { createTokenSource } from "../../shared/adapters/databricks-auth.ts";
import { systemClock } from "../../shared/adapters/system.ts";
import { createWire } from "../../shared/adapters/wire.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import { factRef } from "../../shared/domain/facts.ts";
import { type BrokenLine, startBrokenLine } from "./broken-line.ts";
import { stopFact } from "./examples.ts";
import { type Connected, type Fixture, startFixture } from "./workspace-fixture.ts";

let fixture: Fixture;
let line: BrokenLine;
let direct: Connected;
let broken: Connected;
beforeAll(async () => {
  fixture = await startFixture({ tls: false });
  line = await startBrokenLine(fixture.workspace);
  direct = fixture.connect();
  broken = fixture.connect(line.url);
});
afterEach(() => fixture.workspace.clearFaults());
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
  await line[Symbol.asyncDispose]();
});

let runs = 0;
const nextStop = () => stopFact({ run_id: `run-${++runs}` });
const PUTS = "PUT /api/2.0/fs/files";
const GETS = "GET /api/2.0/fs/files";

describe("a line that breaks", () => {
  test.each([
    { breakage: "reset-before", times: 1 },
    { breakage: "reset-before", times: 2 },
    { breakage: "reset-after", times: 1 },
    { breakage: "reset-after", times: 2 },
    { breakage: "truncate", times: 1 },
  ] as const)("$breakage, $times times: the fact is created all the same", async (given) => {
    const stop = nextStop();
    const ref = factRef.stop(stop);
    line.breakNext(given.breakage, PUTS, given.times);
    const created = await broken.facts.create(ref, stop);
    expect(line.broken()).toBe(given.times);
    expect(created).toMatchObject((await direct.facts.read(ref))!);
  });

  test("where every answer is lost, the file itself says whether it was created", async () => {
    const stop = nextStop();
    line.breakNext("reset-after", PUTS, 100);
    const created = await broken.facts.create(factRef.stop(stop), stop);
    expect(created.fact).toEqual(stop);
    expect(created.isNew).toBe(false); // perhaps it was, but nobody knows
    expect(created).toMatchObject((await direct.facts.read(factRef.stop(stop)))!);
  });

  test("where every answer is lost, and another was first, its copy is what we get", async () => {
    const stop = nextStop();
    const first = await direct.facts.create(factRef.stop(stop), { ...stop, by: "another" });
    line.breakNext("reset-after", PUTS, 100);
    const second = await broken.facts.create(factRef.stop(stop), stop);
    expect(second).toEqual({ ...first, isNew: false });
  });

  test("where nothing ever gets through, it is trouble, and nothing is there", async () => {
    const stop = nextStop();
    line.breakNext("reset-before", PUTS, 100);
    const creating = broken.facts.create(factRef.stop(stop), stop);
    await expect(creating).rejects.toBeInstanceOf(PlatformTroubleError);
    expect(line.broken()).toBe(3); // tries
    expect(await direct.facts.read(factRef.stop(stop))).toBeUndefined();
  });

  test("an answer that is cut off is no fact, and is asked for again", async () => {
    const stop = nextStop();
    const created = await direct.facts.create(factRef.stop(stop), stop);
    line.breakNext("truncate", GETS, 2);
    expect(created).toMatchObject((await broken.facts.read(factRef.stop(stop)))!);
    expect(line.broken()).toBe(2);
  });

  test("an answer that never comes is given up, and is trouble", async () => {
    await direct.facts.read(factRef.stop(nextStop()));
    line.breakNext("hang", GETS, 100);
    const path = "/api/2.0/fs/files/Volumes/main/ops/facts/plane.json";
    const calling = broken.http.call({ method: "GET", path, rate: "files", totalMs: 400 });
    await expect(calling).rejects.toBeInstanceOf(PlatformTroubleError);
    await expect(calling).rejects.toThrow(/took too long/);
    line.breakNext("hang", GETS, 0);
  });

  test("a workspace that is not there is trouble", async () => {
    const nowhere = fixture.connect("http://127.0.0.1:9");
    await expect(nowhere.facts.read(factRef.stop(nextStop()))).rejects.toBeInstanceOf(
      PlatformTroubleError,
    );
  });
});

describe("answers that say no", () => {
  const route = "GET /api/2.0/fs/files*path";
  const read = () => direct.facts.read(factRef.stop({ run_id: "nobody", chapter: 1 }));

  test.each([
    { what: "429", fault: { status: 429 } },
    { what: "500", fault: { status: 500 } },
    { what: "503 in HTML", fault: { kind: "html", status: 503 } },
    { what: "503 without a body", fault: { status: 503, body: "" } },
    {
      what: "400 that could not get a lock",
      fault: { status: 400, body: { error_code: "COULD_NOT_ACQUIRE_LOCK", message: "busy" } },
    },
    {
      what: "400 with a sentence that the SDKs repeat",
      fault: { status: 400, body: { error_code: "BAD_REQUEST", message: "Timed out after 60 s" } },
    },
  ] as const)("$what, once: it is asked again", async ({ fault }) => {
    fixture.workspace.fail({ route, times: 1, ...fault });
    expect(await read()).toBeUndefined();
  });

  test.each([
    { what: "429", fault: { status: 429 }, says: /REQUEST_LIMIT_EXCEEDED/ },
    { what: "503 in HTML", fault: { kind: "html", status: 503 }, says: /Service Unavailable/ },
    { what: "403", fault: { status: 403 }, says: /PERMISSION_DENIED/ },
    {
      what: "a redirect to a login page",
      fault: { status: 302, headers: { location: "https://elsewhere.example/login.html" } },
      says: /elsewhere\.example/,
    },
    { what: "404 of a proxy", fault: { kind: "html", status: 404 }, says: /404/ },
    { what: "404 without a body", fault: { status: 404, body: "" }, says: /404/ },
    {
      what: "404 of an API that is not there",
      fault: { status: 404, body: { error_code: "ENDPOINT_NOT_FOUND", message: "No API found" } },
      says: /No API found/,
    },
  ] as const)("$what, always: it is trouble, and never an absent fact", async ({ fault, says }) => {
    fixture.workspace.fail({ route, ...fault });
    const reading = read();
    await expect(reading).rejects.toBeInstanceOf(PlatformTroubleError);
    await expect(reading).rejects.toThrow(says);
  });

  test.each([
    { retryAfter: "600", seconds: 600 },
    { retryAfter: new Date(Date.now() + 3_600_000).toUTCString(), seconds: 3_600 },
  ])(
    "a long Retry-After ($retryAfter) is handed on, not waited for, and holds for what is called next",
    async (given) => {
      const instance = fixture.connect();
      const failure = () =>
        instance.facts.read(factRef.stop({ run_id: "nobody", chapter: 1 })).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
      fixture.workspace.fail({
        route,
        times: 1,
        status: 429,
        headers: { "retry-after": given.retryAfter },
      });
      for (const error of [await failure(), await failure()]) {
        expect(error).toBeInstanceOf(PlatformTroubleError);
        const { retryAfterSeconds } = error as PlatformTroubleError;
        expect(retryAfterSeconds).toBeGreaterThan(given.seconds - 60);
        expect(retryAfterSeconds).toBeLessThanOrEqual(given.seconds);
      }
      expect(await read()).toBeUndefined(); // another instance hears nothing of it
    },
  );

  test("a Retry-After that is nonsense is passed over", async () => {
    fixture.workspace.fail({ route, times: 1, status: 429, headers: { "retry-after": "soon" } });
    expect(await read()).toBeUndefined();
  });

  test("an answer whose length is a lie is no fact", async () => {
    const stop = nextStop();
    const created = await direct.facts.create(factRef.stop(stop), stop);
    fixture.workspace.fail({ route, kind: "wrong_content_length", when: "after", times: 1 });
    expect(created).toMatchObject((await direct.facts.read(factRef.stop(stop)))!);
  });
});

describe("tokens", () => {
  const route = "GET /api/2.0/fs/files*path";
  const read = (connected: Connected) =>
    connected.facts.read(factRef.stop({ run_id: "nobody", chapter: 1 }));
  const tokensAsked = () =>
    fixture.workspace.requests().filter(({ path }) => path === "/oidc/v1/token").length;

  test("one token serves many calls, also when all come at once", async () => {
    const connected = fixture.connect();
    const before = tokensAsked();
    await Promise.all(Array.from({ length: 10 }, () => read(connected)));
    expect(tokensAsked() - before).toBe(1);
  });

  test.each([401, 403] as const)("a token refused with %i is replaced once", async (status) => {
    const connected = fixture.connect();
    await read(connected);
    const before = tokensAsked();
    fixture.workspace.fail({ route, kind: "expired_token", status, times: 1 });
    expect(await read(connected)).toBeUndefined();
    expect(tokensAsked() - before).toBe(1);
  });

  test("a token that is refused again and again is trouble", async () => {
    fixture.workspace.fail({ route, kind: "expired_token" });
    await expect(read(fixture.connect())).rejects.toBeInstanceOf(PlatformTroubleError);
  });

  test("a token endpoint that is out of order is trouble", async () => {
    fixture.workspace.fail({ route: "POST /oidc/v1/token", status: 503 });
    await expect(read(fixture.connect())).rejects.toThrow(/gives no token/);
  });

  test("a federated principal needs no secret: the workspace exchanges what AWS signed", async () => {
    const { workspace } = fixture;
    const signed = async (): Promise<string> => {
      const reply = await fetch(`${workspace.adminUrl}/federated-tokens`, {
        method: "POST",
        body: JSON.stringify({ principal: "administrator", seconds: 60 }),
      });
      return z.object({ subject_token: z.string() }).parse(await reply.json()).subject_token;
    };
    await using wire = createWire({ origin: workspace.url, connectionsMax: 1 });
    const tokensSignedBy = (webIdentityToken: () => Promise<string>) =>
      createTokenSource({
        ...systemClock,
        secrets: { read: async () => "", reread: async () => "" },
        wire,
        auth: { kind: "federation", clientId: workspace.administrator.id, audience: "any" },
        webIdentityToken,
      });
    const token = await tokensSignedBy(signed).token();
    const path = "/api/2.0/preview/scim/v2/Me";
    const headers = { authorization: `Bearer ${token}` };
    const me = await wire.send({
      method: "GET",
      path,
      headers,
      bytesMax: 10_000,
      timeoutMs: 5_000,
    });
    expect(me.status).toBe(200);
    const forged = tokensSignedBy(async () => `${await signed()}x`);
    await expect(forged.token()).rejects.toThrow(/gives no token/);
  });

  test("tokens of a short life are renewed before they end", async () => {
    fixture.workspace.settings.tokenSeconds = 1;
    const connected = fixture.connect();
    for (let i = 0; i < 8; i++) {
      expect(await read(connected)).toBeUndefined();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    fixture.workspace.settings.tokenSeconds = 3600;
  });
});
