// `signalbox doctor --probe` against a workspace that answers each open question both ways.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { bootstrap } from "../../cli/bootstrap.ts";
import type { Answer } from "../../cli/doctor/check.ts";
import { probe } from "../../cli/doctor/probe.ts";
import {
  creatorFinding,
  failureFinding,
  oursFinding,
  outputFinding,
  probeAnswers,
  type RunSeen,
  shownFinding,
} from "../../cli/doctor/probe-findings.ts";
import { type WorkspaceClient, workspaceClient } from "../../cli/workspace-client.ts";
import type { Stage } from "../../infra/stage.ts";
import { embeddedWorkspace, type WorkspaceAccess } from "../../local/plane/workspace-access.ts";
import { systemClock } from "../../shared/adapters/system.ts";
import { run } from "../domain/examples.ts";
import { stageOf, stageText } from "../infra/support.ts";

const SCHEMA = "probed";
let access: WorkspaceAccess;
let operator: WorkspaceClient;
let controllers: WorkspaceClient;
let executors: WorkspaceClient;
let stage: Stage;

beforeAll(async () => {
  access = await embeddedWorkspace(mkdtempSync(join(tmpdir(), "signalbox-probe-")));
  operator = workspaceClient(access.operator);
  controllers = workspaceClient(access.controllers);
  executors = workspaceClient(access.embedded?.executors ?? access.operator);
  const plain = stageOf();
  stage = {
    ...plain,
    databricks: {
      ...plain.databricks,
      host: access.operator.host,
      catalog: access.catalog,
      schema: SCHEMA,
      client_id: access.controllersId,
      run_as: access.executorsId,
    },
  };
  await bootstrap(operator, {
    ...{ stack: stage.stack, catalog: access.catalog, schema: SCHEMA },
    controllers: access.controllersId,
    executors: [access.executorsId],
    planeId: crypto.randomUUID(),
    nowIso: new Date().toISOString(),
  });
}, 60_000);
afterAll(async () => {
  for (const client of [operator, controllers, executors]) await client[Symbol.asyncDispose]();
  await access[Symbol.asyncDispose]();
});

type Settings = NonNullable<WorkspaceAccess["embedded"]>["workspace"]["settings"];
const usual: Partial<Settings> = {
  runAsMayView: false,
  runAsMayManage: false,
  tokenScope: "workspace",
  output: "present",
};
const switched = (change: Partial<Settings>) =>
  Object.assign(access.embedded?.workspace.settings ?? {}, usual, change);
afterEach(() => switched({}));

async function asked(
  change: Partial<Settings>,
  more: Partial<Parameters<typeof probe>[0]> = {},
): Promise<ReadonlyMap<string, Answer>> {
  switched(change);
  const seen = await probe({
    ...systemClock,
    ...{ stage, client: controllers, executors },
    say: () => {},
    patience: { lookSeconds: 0.2, runSeconds: 60, outputSeconds: 2 },
    ...more,
  });
  return new Map(probeAnswers(seen).map((answer) => [answer.id, answer]));
}

const statuses = (answers: ReadonlyMap<string, Answer>) =>
  Object.fromEntries([...answers].map(([id, { status }]) => [id, status]));

const allIsWell = {
  creator: "ok",
  "shown of a run": "ok",
  ours: "ok",
  output: "ok",
  "output of a failure": "ok",
  "executors view": "ok",
  "executors read output": "ok",
  "executors cancel": "ok",
  "executors repair": "ok",
  token: "ok",
  "left behind": "ok",
};

describe("a workspace", { timeout: 60_000 }, () => {
  test("that keeps runs to whoever submits them, and one space of tokens", async () => {
    const answers = await asked({});
    expect(statuses(answers)).toEqual(allIsWell);
    expect(answers.get("creator")?.sentence).toContain(`client_id (${access.controllersId})`);
    expect(answers.get("output")?.sentence).toMatch(
      /^the result was in the run's output \d s after its end$/,
    );
    expect(answers.get("executors view")?.sentence).toMatch(
      /may not see the run \(403 PERMISSION_DENIED/,
    );
    expect(answers.get("token")?.sentence).toMatch(/^the same token (was refused|led them)/);
  });

  test("that lets run_as do what it likes with runs", async () => {
    const answers = await asked({ runAsMayView: true, runAsMayManage: true, tokenScope: "user" });
    expect(statuses(answers)).toEqual({
      ...allIsWell,
      "executors cancel": "warn",
      "executors repair": "warn",
      "left behind": "warn",
    });
    expect(answers.get("executors view")?.sentence).toMatch(/^executors may see the run/);
    expect(answers.get("token")?.sentence).toMatch(/^the same token was another run for them/);
    expect(answers.get("left behind")?.sentence).toMatch(/the executors' own run \d+$/);
  });

  test("whose runs have no output", async () => {
    const answers = await asked({ output: "absent" }, { executors: undefined });
    expect(answers.get("output")).toMatchObject({
      status: "fail",
      sentence: expect.stringMatching(
        /^there was no result in the output for 2 s: every success would be unreported$/,
      ),
      remedy: expect.stringMatching(/databricks\.evidence: file in test\.yaml/),
    });
    expect(answers.get("output of a failure")?.status).toBe("warn");
    expect(answers.get("executors")).toMatchObject({
      status: "skipped",
      remedy: expect.stringMatching(/DATABRICKS_EXECUTOR_CLIENT_ID/),
    });
  });

  test("whose failed runs have none", async () => {
    const answers = await asked({ output: "absent_on_failure" }, { executors: undefined });
    expect(answers.get("output")?.status).toBe("ok");
    expect(answers.get("output of a failure")).toMatchObject({
      status: "warn",
      sentence: expect.stringMatching(/nothing that calls itself transient is tried again$/),
    });
  });

  test("whose output comes late is waited for", async () => {
    const change = { output: "late", outputLateSeconds: 1 } as const;
    const patience = { lookSeconds: 0.2, runSeconds: 60, outputSeconds: 20 };
    const answers = await asked(change, { executors: undefined, patience });
    expect(answers.get("output")?.status).toBe("ok");
    expect(answers.get("output")?.sentence).toMatch(/ [1-9] s after its end$/);
  });

  test("is left as it was, and without their credentials the executors' files are named", async () => {
    const answers = await asked({}, { executors: undefined });
    expect(answers.get("left behind")).toMatchObject({
      status: "warn",
      sentence: expect.stringMatching(
        /scratchpad\/doctor\/doctor-[0-9a-f]{12}, .*scratchpad\/doctor\//,
      ),
    });
    const folder = `/Volumes/${access.catalog}/${SCHEMA}/plans/doctor`;
    expect(await operator.files.listPage(folder)).toEqual([]);
    const reply = await operator.http.call({
      method: "GET",
      path: "/api/2.2/jobs/runs/list",
      rate: "list",
    });
    expect(reply.kind === "ok" && Buffer.from(reply.content).toString()).not.toContain("/doctor-");
  });

  test("is asked as somebody else, too, who hears what that says", async () => {
    const answers = await asked({}, { client: operator, executors: undefined });
    expect(answers.get("creator")).toMatchObject({
      status: "ok",
      sentence: expect.stringMatching(
        /is whoever submits .*look once more with their credentials$/,
      ),
    });
  });
});

describe("what follows from an answer", () => {
  const { client_id, run_as } = stageOf().databricks;
  const seen = (change: Partial<RunSeen["run"]> = {}, more: Partial<RunSeen> = {}): RunSeen => ({
    run: { ...run, creator: client_id, runName: "signalbox/p/R/1.1 trace", ...change },
    runName: "signalbox/p/R/1.1 trace",
    expected: {
      controllers: [client_id],
      namePrefix: "signalbox/p/R/1.1 ",
      payload: JSON.stringify({ tasks: [{ task_key: "main" }] }),
    },
    output: { kind: "found", seconds: 3, isTruncated: false },
    ...more,
  });

  test.each([
    {
      given: "the run_as principal",
      creator: run_as,
      status: "fail",
      says: /is the run_as principal/,
    },
    { given: "nobody", creator: undefined, status: "fail", says: /does not say who/ },
    { given: "somebody else", creator: "eve", status: "fail", says: /is eve, and ada submitted/ },
    {
      given: "the controllers in capitals",
      creator: client_id.toUpperCase(),
      status: "ok",
      says: /client_id/,
    },
  ] as const)("the creator is $given: $status", ({ creator, status, says }) => {
    const finding = creatorFinding({
      ...{ stage: stageOf(), submittedBy: "ada", runAs: run_as },
      good: seen({ creator }),
    });
    expect(finding.status).toBe(status);
    expect(finding.sentence).toMatch(says);
    if (status === "fail")
      expect(finding).toHaveProperty("remedy", expect.stringMatching(/do not put a plane/));
  });

  test("with a personal token the creator is its user", () => {
    const text = stageText.replace("kind: oauth-m2m", "kind: pat");
    const finding = creatorFinding({
      ...{ stage: stageOf(text), submittedBy: "ada", runAs: run_as },
      good: seen({ creator: "ada" }),
    });
    expect(finding.sentence).toMatch(/is the token's user \(ada\)/);
  });

  test("names that are cut or changed, and what is not shown", () => {
    expect(shownFinding(seen({ runName: "signalbox/p/R/1.1 tr" })).sentence).toMatch(
      /the name, cut/,
    );
    expect(shownFinding(seen({ runName: "other" })).status).toBe("fail");
    expect(shownFinding(seen({ runType: undefined })).sentence).toMatch(
      /not run_type, python_file, parameters/,
    );
  });

  test("a run that would be refused is found before one is", () => {
    expect(oursFinding(seen({ runType: "WORKFLOW_RUN" }))).toMatchObject({
      status: "fail",
      sentence: expect.stringMatching(
        /^it would be refused as NOT_OURS: run .* is a "WORKFLOW_RUN"/,
      ),
    });
  });

  test.each([
    {
      output: { kind: "found", seconds: 121, isTruncated: false },
      status: "fail",
      says: /only 121 s after/,
    },
    {
      output: { kind: "broken", why: "it is cut off", seconds: 180, isTruncated: true },
      status: "fail",
      says: /was not whole for 180 s \(it is cut off\), and what is shown is cut/,
    },
    {
      output: { kind: "too-large", why: "over 16 bytes", seconds: 1, isTruncated: true },
      status: "fail",
      says: /too large to be read \(over 16 bytes\)/,
    },
  ] as const)("output that is $output.kind after $output.seconds s", ({ output, status, says }) => {
    const finding = outputFinding(stageOf(), seen({ resultState: "SUCCESS" }, { output }));
    expect([finding.status, finding.sentence]).toEqual([status, expect.stringMatching(says)]);
  });

  test("a stage that judges files is only reminded", () => {
    const text = stageText.replace("catalog: main", "catalog: main\n  evidence: file");
    const output = { kind: "absent", seconds: 180, isTruncated: false } as const;
    const finding = outputFinding(stageOf(text), seen({ resultState: "SUCCESS" }, { output }));
    expect(finding.status).toBe("warn");
  });

  test("a probe that fails, and a failure that does not", () => {
    expect(outputFinding(stageOf(), seen({ resultState: "FAILED" })).status).toBe("fail");
    expect(failureFinding(seen({ resultState: "SUCCESS" })).status).toBe("fail");
  });
});
