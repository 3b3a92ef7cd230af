// The doctor against a workspace that works as the platform does: what is wrong is found, and said
// with a remedy.

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { bootstrap } from "../../cli/bootstrap.ts";
import { doctor } from "../../cli/commands/doctor.ts";
import {
  type Answer,
  type Check,
  fail,
  healthOf,
  linesOf,
  lookAtAll,
  ok,
  sentenceOf,
  skipped,
  type WorkspaceCheckOptions,
  warn,
} from "../../cli/doctor/check.ts";
import { workspaceChecks } from "../../cli/doctor/workspace-checks.ts";
import { letSubmitAs } from "../../cli/principal-roles.ts";
import { type WorkspaceClient, workspaceClient } from "../../cli/workspace-client.ts";
import { executorPath, executorSources } from "../../infra/executor.ts";
import type { Stage } from "../../infra/stage.ts";
import { usualScratchpad } from "../../infra/workloads.ts";
import { embeddedWorkspace, type WorkspaceAccess } from "../../local/plane/workspace-access.ts";
import { DatabricksError } from "../../shared/adapters/databricks-error.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import { stageOf, stageText } from "../infra/support.ts";
import { ioTo, typed } from "./io.ts";

let access: WorkspaceAccess;
let operator: WorkspaceClient;
let controllers: WorkspaceClient;
/** A principal for which nobody bootstrapped. */
let stranger: string;
let asOwner: Pick<WorkspaceCheckOptions, "client" | "asControllers">;

beforeAll(async () => {
  access = await embeddedWorkspace(mkdtempSync(join(tmpdir(), "signalbox-doctor-")));
  operator = workspaceClient(access.operator);
  controllers = workspaceClient(access.controllers);
  stranger = access.embedded?.workspace.other.id ?? "";
  asOwner = { client: operator, asControllers: false };
}, 60_000);
afterAll(async () => {
  await operator[Symbol.asyncDispose]();
  await controllers[Symbol.asyncDispose]();
  await access[Symbol.asyncDispose]();
});

const stageFor = (schema: string, change: Partial<Stage["databricks"]> = {}): Stage => {
  const stage = stageOf();
  return {
    ...stage,
    databricks: {
      ...stage.databricks,
      host: access.operator.host,
      catalog: access.catalog,
      schema,
      client_id: access.controllersId,
      run_as: access.executorsId,
      warehouse_id: access.operator.httpPath.split("/").at(-1) ?? "",
      ...change,
    },
  };
};

const prepare = (schema: string, stack = "signalbox-test", catalog = access.catalog) =>
  bootstrap(operator, {
    stack,
    catalog,
    schema,
    controllers: access.controllersId,
    executors: [access.executorsId],
    planeId: crypto.randomUUID(),
    nowIso: new Date().toISOString(),
  });

async function answersOf(options: Partial<WorkspaceCheckOptions> & { readonly stage: Stage }) {
  const checks = workspaceChecks({
    client: controllers,
    asControllers: true,
    withWarehouse: true,
    executors: [options.stage.databricks.run_as],
    scratchpads: [usualScratchpad(options.stage)],
    ...options,
  });
  const answers = await lookAtAll(checks, () => {});
  return new Map(answers.map((answer) => [answer.id, answer]));
}

const statement = async (text: string): Promise<void> => {
  await using session = await operator.sql(access.catalog, "default").open();
  await session.execute(text);
};

describe("on a stage that was bootstrapped", () => {
  const schema = "whole";
  beforeAll(() => prepare(schema), 60_000);

  test("nothing is wrong", async () => {
    const answers = await answersOf({ stage: stageFor(schema) });
    const others = [...answers.values()].filter(({ status }) => status !== "ok");
    // Who else may do what is shown to the owner alone.
    expect(others.map(({ id, status }) => `${id}: ${status}`)).toEqual([
      "facts are closed: skipped",
    ]);
    expect(answers.size).toBe(14);
  });

  test("nor for its owner, who sees all grants", async () => {
    const answers = await answersOf({ stage: stageFor(schema), ...asOwner });
    expect([...answers.values()].filter(({ status }) => status !== "ok")).toEqual([]);
    expect([...answers.keys()]).toEqual(
      expect.arrayContaining([
        ...["facts are closed", "plans are closed", "code is closed", "storage is closed"],
        "controllers' users",
        ...["controllers' grants", "warehouse", "executors", "run as"],
      ]),
    );
  });

  test("nor for on-call, who hears what they may not look at", async () => {
    const login = access.embedded?.onCall ?? access.controllers;
    const onCall = { client_id: access.onCallId ?? "" };
    const looked = { catalog: access.catalog, schema: "looked" };
    await bootstrap(operator, {
      ...{ stack: "signalbox-test", ...looked, onCall: onCall.client_id },
      controllers: access.controllersId,
      executors: [access.executorsId],
      planeId: crypto.randomUUID(),
      nowIso: new Date().toISOString(),
    });
    await using client = workspaceClient(login);
    const stage = stageFor("looked", { on_call: onCall });
    const answers = await answersOf({ stage, client, asControllers: false, asOnCall: true });
    expect([...answers.values()].filter(({ status }) => status === "fail")).toEqual([]);
    expect(answers.get("credentials")?.sentence).toMatch(/^signed in as on-call \(/);
    expect(answers.get("plane")?.status).toBe("ok");
    expect(answers.get("facts volume")?.sentence).toMatch(/^on-call only reads/);
    expect(answers.get("ledger")).toMatchObject({ after: "facts volume" });
  });

  test("a role that was never granted is found by trying, and by looking it up", async () => {
    const stage = stageFor(schema, { run_as: stranger });
    const tried = (await answersOf({ stage })).get("run as");
    expect(tried).toMatchObject({
      status: "fail",
      sentence: expect.stringMatching(/may not submit runs as .*Service Principal User/),
      remedy: expect.stringMatching(/signalbox bootstrap --stage test as an account administrator/),
    });
    const lookedUp = (await answersOf({ stage, ...asOwner })).get("run as");
    expect(lookedUp).toMatchObject({ status: "warn" });
  });

  test("a catalog's name may have a dash", async () => {
    const catalog = "prod-eu";
    await statement(`CREATE CATALOG \`${catalog}\``);
    await statement(`CREATE SCHEMA \`${catalog}\`.default`);
    await prepare(schema, "signalbox-test", catalog);
    const answers = await answersOf({ stage: stageFor(schema, { catalog }), ...asOwner });
    expect([...answers.values()].filter(({ status }) => status !== "ok")).toEqual([]);
  });

  test("trying leaves no job behind", async () => {
    await answersOf({ stage: stageFor(schema) });
    const reply = await operator.http.call({
      method: "GET",
      path: "/api/2.2/jobs/list",
      rate: "list",
    });
    expect(reply.kind === "ok" && JSON.parse(Buffer.from(reply.content).toString())).toEqual({});
  });

  test("controllers without a grant are found by their owner", async () => {
    const on = `VOLUME ${access.catalog}.${schema}.scratchpad`;
    await statement(`REVOKE READ VOLUME ON ${on} FROM \`${access.controllersId}\``);
    const answers = await answersOf({ stage: stageFor(schema), ...asOwner });
    expect(answers.get("controllers' grants")).toMatchObject({
      status: "fail",
      sentence: expect.stringMatching(/lack READ VOLUME on scratchpad$/),
    });
    expect((await answersOf({ stage: stageFor(schema) })).get("other volumes")?.status).toBe(
      "fail",
    );
    await prepare(schema);
    expect((await answersOf({ stage: stageFor(schema) })).get("other volumes")?.status).toBe("ok");
  });

  test("every principal that recipes name is looked at", async () => {
    const executors = [access.executorsId, stranger];
    const scratchpads = executors.map((executor) => ({ executor, volume: "scratchpad" }));
    const answers = await answersOf({
      stage: stageFor(schema),
      ...asOwner,
      scratchpads,
      executors,
    });
    expect(answers.get(`executors ${stranger}`)).toMatchObject({
      status: "fail",
      sentence: expect.stringMatching(
        /lack READ VOLUME on plans, READ VOLUME on company_codebase, WRITE VOLUME on scratchpad$/,
      ),
    });
  });

  test("a doctor leaves nothing behind", async () => {
    await answersOf({ stage: stageFor(schema) });
    const folder = `/Volumes/${access.catalog}/${schema}/facts/doctor`;
    expect(await controllers.files.list(folder)).toEqual([]);
  });

  test("a secret of somebody else is found", async () => {
    const answers = await answersOf({ stage: stageFor(schema), client: operator });
    expect(answers.get("credentials")).toMatchObject({
      status: "fail",
      sentence: expect.stringMatching(/belongs to .* and databricks\.client_id is/),
    });
  });

  test("the same identity for both is warned of, again and again", async () => {
    const stage = stageFor(schema, { run_as: access.controllersId });
    expect((await answersOf({ stage })).get("executors")).toMatchObject({ status: "warn" });
  });

  const mended = async (id: string): Promise<readonly [Answer | undefined, Answer | undefined]> => {
    const look = async () => (await answersOf({ stage: stageFor(schema), ...asOwner })).get(id);
    const found = await look();
    const remedy = found?.status === "fail" || found?.status === "warn" ? found.remedy : "";
    await statement(/REVOKE [^;]*`(?=;|$)/.exec(remedy)?.[0] ?? "no statement");
    return [found, await look()];
  };

  test.each([
    {
      given: "executors that write facts",
      grant: () =>
        `WRITE VOLUME ON VOLUME ${access.catalog}.${schema}.facts TO \`${access.executorsId}\``,
      id: "facts are closed",
      status: "fail",
      says: /may write the facts, but \S+ \(WRITE VOLUME\)/,
    },
    {
      given: "executors that read facts again",
      grant: () =>
        `READ VOLUME ON VOLUME ${access.catalog}.${schema}.facts TO \`${access.executorsId}\``,
      id: "facts are closed",
      // Nothing has been planned here: until something is, the functions may still be those of
      // before.
      status: "warn",
      says: /planned nothing in the volume plans yet$/,
    },
    {
      given: "everybody who reads the schema's volumes",
      grant: () => `READ VOLUME ON SCHEMA ${access.catalog}.${schema} TO \`account users\``,
      id: "facts are closed",
      status: "fail",
      says: /account users \(READ VOLUME on SCHEMA main\.whole\)/,
    },
    {
      given: "executors that write plans",
      grant: () =>
        `WRITE VOLUME ON VOLUME ${access.catalog}.${schema}.plans TO \`${access.executorsId}\``,
      id: "plans are closed",
      status: "fail",
      says: /may write what was planned/,
    },
    {
      given: "executors that write code",
      grant: () =>
        `WRITE VOLUME ON VOLUME ${access.catalog}.${schema}.company_codebase TO \`${access.executorsId}\``,
      id: "code is closed",
      status: "fail",
      says: /^executed code may write the executor that judges it/,
    },
    {
      given: "somebody who may take the storage's credentials",
      grant: () =>
        `EXTERNAL USE SCHEMA ON SCHEMA ${access.catalog}.${schema} TO \`${access.executorsId}\``,
      id: "storage is closed",
      status: "fail",
      says: /past all grants on volumes/,
    },
  ])("$given: found, and mended by the statement that is said", async (row) => {
    await statement(`GRANT ${row.grant()}`);
    if (row.status === "warn") {
      const answers = await answersOf({ stage: stageFor(schema), ...asOwner });
      expect(answers.get(row.id)).toMatchObject({
        status: "warn",
        sentence: expect.stringMatching(row.says),
      });
      return await statement(`REVOKE ${row.grant().replace(" TO ", " FROM ")}`);
    }
    const [found, then] = await mended(row.id);
    expect(found).toMatchObject({ status: row.status, sentence: expect.stringMatching(row.says) });
    expect(then?.status).toBe("ok");
  });

  test("an executor that somebody wrote over is found", async () => {
    const code = `/Volumes/${access.catalog}/${schema}/company_codebase`;
    const path = join(
      dirname(executorPath(code, executorSources())),
      "signalbox_executor/result.py",
    );
    const before = await operator.files.read(path, 1024 * 1024);
    const look = async () => (await answersOf({ stage: stageFor(schema) })).get("executor code");
    await operator.files.overwrite(path, Buffer.from("# forged\n"));
    expect(await look()).toMatchObject({
      status: "fail",
      sentence: expect.stringMatching(
        /is not this checkout's, .*: signalbox_executor\/result\.py in/,
      ),
      remedy: expect.stringMatching(/^find out who wrote there/),
    });
    if (before.kind === "found") await operator.files.overwrite(path, before.content);
    expect((await look())?.status).toBe("ok");
  });

  test("who may act as the controllers is found", async () => {
    await letSubmitAs(operator.http, stranger, access.controllersId);
    const answers = await answersOf({ stage: stageFor(schema), ...asOwner });
    expect(answers.get("controllers' users")).toMatchObject({
      status: "warn",
      sentence: expect.stringContaining(`servicePrincipals/${stranger}`),
    });
  });

  test("a ledger of before is found", async () => {
    await statement(
      `CREATE OR REPLACE TABLE ${access.catalog}.${schema}.execution_results (run_id STRING)`,
    );
    const found = (await answersOf({ stage: stageFor(schema), ...asOwner })).get("ledger");
    expect(found).toMatchObject({
      status: "fail",
      sentence: expect.stringMatching(
        /^the ledger is of an older version: execution_results has no column iter_n, .*, generation$/,
      ),
      remedy: expect.stringMatching(/signalbox bootstrap --stage test adds it$/),
    });
  });

  test("a workspace that lets two create the same file is refused", async () => {
    const files: WorkspaceClient["files"] = {
      ...controllers.files,
      create: async (path, content) => {
        await controllers.files.overwrite(path, content);
        return "created";
      },
    };
    const answers = await answersOf({ stage: stageFor(schema), client: { ...controllers, files } });
    expect(answers.get("write once")).toMatchObject({
      status: "fail",
      sentence: "of 16 who created the same file at once, 16 were told that they did",
    });
  });

  test("a workspace that says that one won, and keeps another's file, is refused", async () => {
    const files: WorkspaceClient["files"] = {
      ...controllers.files,
      create: async (path, content) => {
        const created = await controllers.files.create(path, content);
        if (created === "exists") await controllers.files.overwrite(path, content);
        return created;
      },
    };
    const answers = await answersOf({ stage: stageFor(schema), client: { ...controllers, files } });
    expect(answers.get("write once")).toMatchObject({ status: "fail" });
  });
});

describe("on a stage that nobody bootstrapped", () => {
  test("every fault names the command that mends it", async () => {
    await statement(`CREATE SCHEMA IF NOT EXISTS ${access.catalog}.bare`);
    const answers = await answersOf({ stage: stageFor("bare") });
    for (const id of ["plane", "facts volume", "other volumes", "executor code", "ledger"]) {
      const answer = answers.get(id);
      expect(`${id} ${answer?.status}`).toBe(`${id} fail`);
      expect(answer).toHaveProperty(
        "remedy",
        expect.stringContaining("npx signalbox bootstrap --stage test"),
      );
    }
    expect(answers.get("jobs")?.status).toBe("ok");
  });

  test("a volume of another stack is found", async () => {
    await prepare("foreign", "signalbox-other");
    const answers = await answersOf({ stage: stageFor("foreign") });
    expect(answers.get("plane")).toMatchObject({
      status: "fail",
      sentence: expect.stringMatching(/belongs to stack "signalbox-other"/),
      remedy: expect.stringMatching(/another stack's, correct databricks\.schema of the stage$/),
    });
  });
});

describe("where nothing can be reached", () => {
  const idsOf = (answers: Iterable<Answer>, status: Answer["status"]) =>
    [...answers].filter((answer) => answer.status === status).map(({ id }) => id);

  test("a workspace that does not answer is one fault, with one remedy", async () => {
    const nowhere = workspaceClient({ ...access.controllers, host: "https://127.0.0.1:1" });
    const answers = await answersOf({ stage: stageFor("whole"), client: nowhere });
    await nowhere[Symbol.asyncDispose]();
    expect(answers.get("workspace")).toMatchObject({
      status: "fail",
      sentence: expect.stringMatching(/^https:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/),
      remedy: expect.stringMatching(/^check databricks\.host .*whether this network reaches it/),
    });
    expect(idsOf(answers.values(), "skipped")).toHaveLength(answers.size - 1);
    expect(answers.get("write once")).toMatchObject({ after: "workspace" });
  });

  test("credentials that are refused are one fault, too", async () => {
    const { controllers: login } = access;
    const refused = workspaceClient({ ...login, credentials: { kind: "pat", token: "no" } });
    const answers = await answersOf({ stage: stageFor("whole"), client: refused });
    await refused[Symbol.asyncDispose]();
    expect(idsOf(answers.values(), "fail")).toEqual(["credentials"]);
    expect(idsOf(answers.values(), "ok")).toEqual(["workspace", "clock"]);
  });

  /** The whole command, on a machine from which AWS cannot be reached. */
  async function typedWith(auth: string, ...args: string[]) {
    const stages = mkdtempSync(join(tmpdir(), "signalbox-stages-"));
    const text = stageText.replace("{ kind: oauth-m2m, secret: signalbox/test/databricks }", auth);
    writeFileSync(join(stages, "test.yaml"), text);
    vi.stubEnv("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
    const lines: string[] = [];
    const words = ["--stage", "test", "--stages", stages, "--json", ...args];
    const code = await typed(doctor, words, ioTo(lines));
    vi.unstubAllEnvs();
    const { answers } = JSON.parse(lines.join("")) as { answers: Answer[] };
    return { code, answers: new Map(answers.map((answer) => [answer.id, answer])) };
  }
  const all = async () => [...(await answersOf({ stage: stageFor("whole") })).keys()].toSorted();

  test("with a stored secret, neither side can be looked at, and each says so once", async () => {
    const { code, answers } = await typedWith(
      "{ kind: oauth-m2m, secret: signalbox/test/databricks }",
    );
    expect(code).toBe(1);
    expect(idsOf(answers.values(), "fail")).toEqual(["credentials", "aws account"]);
    for (const id of ["credentials", "aws account"])
      expect(answers.get(id)).toHaveProperty("remedy", expect.stringContaining("AWS_REGION"));
    const after = [...answers.values()].flatMap((answer) => answer.after ?? []);
    expect(new Set(after)).toEqual(new Set(["credentials", "aws account"]));
    expect([...answers.keys()]).toEqual(expect.arrayContaining(await all()));
  });

  test("federation has no secret to borrow, which is no fault: the sweep is the proof", async () => {
    const { answers } = await typedWith("{ kind: federation, audience: a }");
    expect(idsOf(answers.values(), "fail")).toEqual(["aws account"]);
    expect(answers.get("credentials")).toMatchObject({
      status: "skipped",
      said: expect.stringMatching(/federation.*the check sweep is their own word$/),
    });
    expect([...answers.keys()]).toEqual(expect.arrayContaining(await all()));
  });

  test("without the sweep nothing proves that federation works", async () => {
    const { code, answers } = await typedWith("{ kind: federation, audience: a }", "--no-aws");
    expect(idsOf(answers.values(), "fail")).toEqual(["credentials"]);
    expect(code).toBe(1);
  });
});

describe("answers", () => {
  const check = (id: string, look: Check["look"]): Check => ({ id, remedy: `mend ${id}`, look });

  test.each([
    { given: "failed", finding: fail("bad", "mend it"), status: "skipped" },
    { given: "could not be looked at", finding: skipped("unseen", "mend it"), status: "skipped" },
    { given: "only warned", finding: warn("so so", "better it"), status: "ok" },
  ])("what needs a check that $given is $status, and so is what needs that", async (row) => {
    const answers = await lookAtAll(
      [
        check("one", async () => row.finding),
        { ...check("two", async () => ok("there")), needs: "one" },
        { ...check("three", async () => ok("there")), needs: "two" },
        check("four", async () => ok("there")),
      ],
      () => {},
    );
    expect(answers.map(({ status }) => status).slice(1)).toEqual([row.status, row.status, "ok"]);
    if (row.status === "skipped") {
      const left = { sentence: "not looked at, because of one", remedy: "mend it", after: "one" };
      expect(answers.slice(1, 3)).toMatchObject([left, left]);
      expect(linesOf(answers[2] as Answer)).toEqual(["skip  three: not looked at, because of one"]);
    }
  });

  test("a check that throws has failed with its remedy, and the others go on", async () => {
    const answers = await lookAtAll(
      [
        check("one", () => Promise.reject(new Error("gone"))),
        check("two", async () => ok("there")),
      ],
      () => {},
    );
    expect(answers).toEqual([
      { id: "one", status: "fail", sentence: "gone", remedy: "mend one" },
      { id: "two", status: "ok", sentence: "there" },
    ]);
  });

  test.each([
    "AccessDeniedException",
    "AuthorizationErrorException", // SNS
  ])(
    "not being allowed to look (%s) is no fault of the plane, and nobody calls that healthy",
    async (name) => {
      const denied = Object.assign(new Error("no"), { name });
      const answers = await lookAtAll([check("one", () => Promise.reject(denied))], () => {});
      expect(answers[0]?.status).toBe("skipped");
      expect(healthOf(answers)).toEqual({ kind: "unseen", unseen: ["one"] });
      expect(sentenceOf(healthOf(answers), 1)).toBe(
        "nothing wrong in what you may look at; 1 of 1 checks could not be made: one",
      );
    },
  );

  test("an outage is no wrong secret: what helps is to wait", async () => {
    const said = { status: 503, code: "TEMPORARILY_UNAVAILABLE", message: "later" };
    const cause = Object.assign(Object.create(DatabricksError.prototype), said) as DatabricksError;
    const outage = new PlatformTroubleError("Databricks gives no token", { cause });
    const answers = await lookAtAll([check("one", () => Promise.reject(outage))], () => {});
    expect(answers[0]).toMatchObject({
      status: "fail",
      remedy: expect.stringMatching(/^Databricks itself is in trouble or too busy/),
    });
  });

  test.each([
    { answer: { id: "a", ...ok("fine") }, lines: ["ok    a: fine"], healthy: true },
    {
      answer: { id: "a", ...warn("so so", "better it") },
      lines: ["WARN  a: so so", "      → better it"],
      healthy: true,
    },
    {
      answer: { id: "a", ...fail("bad", "mend it") },
      lines: ["FAIL  a: bad", "      → mend it"],
      healthy: false,
    },
  ])("$answer.status is shown with what to do", ({ answer, lines, healthy }) => {
    expect(linesOf(answer as Answer)).toEqual(lines);
    expect(healthOf([answer as Answer]).kind).toBe(healthy ? "healthy" : "unhealthy");
  });
});
