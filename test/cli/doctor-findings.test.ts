// What the doctor makes of what it sees: a table for each finding, each with the sentence and the
// remedy.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Finding } from "../../cli/doctor/check.ts";
import {
  type Closed,
  codeFinding,
  factsFinding,
  plansFinding,
  rawAccessFinding,
  usersFinding,
} from "../../cli/doctor/closed.ts";
import { endFinding, skewFinding } from "../../cli/doctor/credentials.ts";
import {
  concurrencyFinding,
  type FunctionFacts,
  functionFinding,
  type MappingFacts,
  mappingsFinding,
  type ScheduleFacts,
  schedulesFinding,
  secretFinding,
  sweepFinding,
} from "../../cli/doctor/function-findings.ts";
import {
  controllersFinding,
  executorFinding,
  type Holding,
  warehouseFinding,
} from "../../cli/doctor/grants.ts";
import { type Attributes, queueFinding } from "../../cli/doctor/queue-findings.ts";
import { evidenceFinding, sharingFinding } from "../../cli/doctor/workload-checks.ts";
import { queueNames, shapeOf } from "../../infra/constructs/traffic.ts";
import { Recipe } from "../../shared/domain/recipe.ts";
import { stageOf, stageText } from "../infra/support.ts";

const stage = stageOf();
const { client_id, run_as } = stage.databricks;
const nowMs = Date.parse("2026-11-21T06:00:00Z");
const inDays = (days: number) => nowMs + days * 86_400_000;

type Expected = {
  readonly status: Finding["status"];
  readonly says: RegExp;
  readonly remedy?: RegExp;
};

function expectFinding(finding: Finding, { status, says, remedy }: Expected): void {
  expect(finding.status).toBe(status);
  expect(finding.sentence).toMatch(says);
  if (remedy !== undefined) expect(finding).toHaveProperty("remedy", expect.stringMatching(remedy));
  else expect(status).toBe("ok"); // what is not ok has a remedy
}

describe("clock", () => {
  test.each([
    { ms: 29_000, status: "ok", says: /differ by 29 s/ },
    { ms: -31_000, status: "fail", says: /differ by 31 s/, remedy: /NTP/ },
  ] as const)("$ms ms apart is $status", ({ ms, ...expected }) => {
    expectFinding(skewFinding(ms), expected);
  });
});

describe("the end of credentials", () => {
  const rotate = /rotate with overlap/;
  test.each([
    { given: "none", ends: [], status: "ok", says: /lists none/ },
    { given: "one for ever", ends: [undefined], status: "ok", says: /none of them ends/ },
    { given: "one in a year", ends: [365], status: "ok", says: /ends on 2027-11-21 \(365 days/ },
    {
      given: "the first of two",
      ends: [365, 12],
      status: "warn",
      says: /secret 1 ends on 2026-12-03 \(12 days from now\)/,
      remedy: rotate,
    },
    { given: "one of yesterday", ends: [-1], status: "warn", says: /ended on/, remedy: rotate },
  ] as const)("$given: $status", ({ ends, ...expected }) => {
    const list = ends.map((days, i) => ({
      what: `secret ${i}`,
      endMs: days === undefined ? undefined : inDays(days),
    }));
    expectFinding(endFinding(list, nowMs), expected);
  });

  test.each([
    { days: 10, status: "ok", says: /s\/x was stored 10 days ago$/ },
    { days: 700, status: "warn", says: /stored 700 days ago, .* at most 730/, remedy: rotate },
    { days: undefined, status: "ok", says: /does not say how old/ },
  ] as const)("a secret stored $days days ago is $status", ({ days, ...expected }) => {
    const storedMs = days === undefined ? undefined : inDays(-days);
    expectFinding(secretFinding("s/x", storedMs, nowMs), expected);
  });
});

describe("grants", () => {
  const holding = (principal: string, privilege: string, from?: string): Holding => ({
    ...{ principal, privilege },
    ...(from !== undefined && { from }),
  });
  const OWNER = "data-owners";
  const ON_CALL = "44444444-4444-4444-8444-444444444444";
  const withOnCall = stageOf(
    stageText.replace("catalog: main", `catalog: main\n  on_call: { client_id: ${ON_CALL} }`),
  );
  const own = [holding(client_id, "READ_VOLUME"), holding(client_id, "WRITE_VOLUME")];
  const closed = (more: readonly Holding[]): Closed => ({
    ...{ stage: withOnCall, executors: [run_as], owners: [OWNER] },
    holdings: [...own, holding(ON_CALL, "READ_VOLUME"), ...more],
  });

  test.each([
    {
      given: "what bootstrap grants",
      more: [],
      status: "ok",
      says: /^only the controllers read and write the facts; data-owners may grant it/,
    },
    {
      given: "owners who also hold it",
      more: [holding(OWNER, "ALL_PRIVILEGES")],
      status: "ok",
      says: /^only the controllers/,
    },
    {
      given: "executors that write",
      more: [holding(run_as, "WRITE_VOLUME")],
      status: "fail",
      says: /may write the facts, but 2222\S+ \(WRITE VOLUME\): whoever does can forge an outcome$/,
      remedy: /^REVOKE WRITE VOLUME ON VOLUME `main`\.ops\.facts FROM `2222\S+`$/,
    },
    {
      given: "executors that read",
      more: [holding(run_as, "READ_VOLUME")],
      status: "fail",
      says: /^executed code may read the facts \(2222\S+ \(READ VOLUME\)\), and so the seeds/,
      remedy: /signalbox bootstrap --stage test, or REVOKE READ VOLUME ON VOLUME/,
    },
    {
      given: "executors that must read a while longer",
      more: [holding(run_as, "READ_VOLUME")],
      why: "a run that was accepted before is open (R-1, chapter 1)",
      status: "warn",
      says: /may still read the facts, because a run that was accepted before is open \(R-1, chapter 1\)$/,
      remedy: /signalbox bootstrap --stage test, after the deploy, when that is over/,
    },
    {
      given: "everybody who reads, by the catalog, whatever executors must",
      more: [holding("account users", "READ_VOLUME", "CATALOG main")],
      why: "a run that was accepted before is open (R-1, chapter 1)",
      status: "fail",
      says: /account users \(READ VOLUME on CATALOG main\)/,
      remedy: /REVOKE READ VOLUME ON CATALOG main FROM `account users`$/,
    },
    {
      given: "everybody who may do everything, by the schema",
      more: [holding("account users", "ALL_PRIVILEGES", "SCHEMA main.ops")],
      status: "fail",
      says: /account users \(ALL PRIVILEGES on SCHEMA main\.ops\): whoever does can forge/,
      remedy: /^REVOKE ALL PRIVILEGES ON SCHEMA main\.ops FROM `account users`$/,
    },
    {
      given: "a group that may grant",
      more: [holding("analysts", "MANAGE")],
      status: "fail",
      says: /analysts \(MANAGE\)/,
      remedy: /REVOKE MANAGE/,
    },
    {
      given: "a group that reads",
      more: [holding("analysts", "READ_VOLUME")],
      status: "warn",
      says: /may read the facts, but analysts \(READ VOLUME\): they know the tokens of every run$/,
      remedy: /REVOKE READ VOLUME/,
    },
    {
      given: "on-call that writes",
      more: [holding(ON_CALL, "WRITE_VOLUME")],
      status: "fail",
      says: /4444\S+ \(WRITE VOLUME\)/,
      remedy: /REVOKE WRITE VOLUME/,
    },
    {
      given: "what is no privilege on volumes",
      more: [holding("analysts", "SELECT", "SCHEMA main.ops")],
      status: "ok",
      says: /^only the controllers/,
    },
  ] as const)("on facts, $given: $status", ({ more, ...expected }) => {
    const why = "why" in expected ? expected.why : undefined;
    expectFinding(factsFinding(closed(more), why), expected);
  });

  test("on-call without a principal of its own is a stranger like any other", () => {
    const finding = factsFinding({ ...closed([]), stage }, undefined);
    expectFinding(finding, { status: "warn", says: /4444/, remedy: /REVOKE/ });
  });

  test("the controllers of before may still be there", () => {
    const text = stageText.replace(
      "catalog: main",
      `catalog: main\n  former_client_ids: [${ON_CALL}]`,
    );
    const former = [...own, holding(ON_CALL, "WRITE_VOLUME")];
    const finding = factsFinding(
      { ...closed([]), stage: stageOf(text), holdings: former },
      undefined,
    );
    expect(finding.status).toBe("ok");
  });

  test.each([
    {
      given: "executors that read",
      more: [holding(run_as, "READ_VOLUME")],
      status: "ok",
      says: /^only the controllers write what was planned/,
    },
    {
      given: "executors that write",
      more: [holding(run_as, "WRITE_VOLUME")],
      status: "fail",
      says: /2222\S+ \(WRITE VOLUME\): results that were judged lie there/,
      remedy: /^REVOKE WRITE VOLUME ON VOLUME `main`\.ops\.plans FROM/,
    },
    {
      given: "everybody who writes",
      more: [holding("account users", "WRITE_VOLUME", "SCHEMA main.ops")],
      status: "fail",
      says: /account users \(WRITE VOLUME on SCHEMA main\.ops\)/,
      remedy: /ON SCHEMA main\.ops FROM/,
    },
  ] as const)("on plans, $given: $status", ({ more, ...expected }) => {
    expectFinding(plansFinding(closed(more)), expected);
  });

  test.each([
    {
      given: "executors that read, and an owner who may do everything",
      more: [holding(run_as, "READ_VOLUME"), holding(OWNER, "ALL_PRIVILEGES")],
      status: "ok",
      says: /^only owners write the executor and reviewed code; data-owners may grant it/,
    },
    {
      given: "executors that write",
      more: [holding(run_as, "WRITE_VOLUME")],
      status: "fail",
      says: /^executed code may write the executor that judges it, .*2222\S+ \(WRITE VOLUME\)$/,
      remedy: /^REVOKE WRITE VOLUME ON VOLUME `main`\.ops\.company_codebase FROM `2222/,
    },
    {
      given: "everybody who writes, by the schema",
      more: [holding("account users", "ALL_PRIVILEGES", "SCHEMA main.ops")],
      status: "fail",
      says: /account users \(ALL PRIVILEGES on SCHEMA main\.ops\)/,
      remedy: /ON SCHEMA main\.ops FROM/,
    },
    {
      given: "a group that writes",
      more: [holding("analysts", "WRITE_VOLUME")],
      status: "warn",
      says: /any verdict, may be written by analysts/,
      remedy: /^leave it to whoever deploys; REVOKE/,
    },
  ] as const)("on code, $given: $status", ({ more, ...expected }) => {
    expectFinding(codeFinding(closed(more)), expected);
  });

  test.each([
    {
      given: "nobody",
      holdings: [holding("analysts", "USE_SCHEMA")],
      status: "ok",
      says: /^nobody may take/,
    },
    {
      given: "somebody, by the catalog",
      holdings: [holding("analysts", "EXTERNAL_USE_SCHEMA", "CATALOG main")],
      status: "fail",
      says: /past all grants on volumes, may be taken by analysts \(EXTERNAL USE SCHEMA on CATALOG main\)$/,
      remedy: /^REVOKE EXTERNAL USE SCHEMA ON CATALOG main FROM `analysts`$/,
    },
    {
      given: "the controllers themselves",
      holdings: [holding(client_id, "EXTERNAL_USE_SCHEMA")],
      status: "fail",
      says: /1111/,
      remedy: /ON SCHEMA `main`\.ops FROM/,
    },
  ] as const)("raw credentials for $given: $status", ({ holdings, ...expected }) => {
    expectFinding(rawAccessFinding(stage, holdings), expected);
  });

  test.each([
    { holders: [], status: "ok", says: /^no role lets anybody else act as the controllers/ },
    { holders: [`servicePrincipals/${client_id}`], status: "ok", says: /^no role/ },
    {
      holders: ["users/ada@example.com", "groups/engineers"],
      status: "warn",
      says: /may also act: users\/ada@example\.com, groups\/engineers$/,
      remedy: /^Service principals → 1111\S+ → Permissions/,
    },
  ] as const)("as the controllers may act $holders: $status", ({ holders, ...expected }) => {
    expectFinding(usersFinding(stage, holders), expected);
  });

  test.each([
    {
      given: "what bootstrap grants",
      privilege: "READ_VOLUME",
      status: "ok",
      says: /read plans and code, and write the scratchpad$/,
    },
    {
      given: "nothing",
      privilege: "APPLY_TAG",
      status: "fail",
      says: /lack READ VOLUME on plans$/,
      remedy: /signalbox bootstrap --stage test$/,
    },
  ] as const)("of executors, $given: $status", ({ privilege, ...expected }) => {
    const holdings = [holding(run_as, privilege)];
    const need = { on: "plans", privilege: "READ_VOLUME", holdings };
    expectFinding(executorFinding(stage, run_as, [need]), expected);
  });

  test.each([
    { privilege: "MODIFY", status: "ok", says: /have what they need/ },
    { privilege: "ALL_PRIVILEGES", status: "ok", says: /have what they need/ },
    {
      privilege: "SELECT",
      status: "fail",
      says: /lack MODIFY on run_state$/,
      remedy: /bootstrap/,
    },
  ] as const)("of the controllers, $privilege: $status", ({ privilege, ...expected }) => {
    const holdings = [holding(client_id, privilege)];
    const need = { on: "run_state", privilege: "MODIFY", holdings };
    expectFinding(controllersFinding(stage, [need]), expected);
  });

  const level = (permission_level: string) => ({ all_permissions: [{ permission_level }] });
  test.each([
    { entry: { service_principal_name: client_id, ...level("CAN_USE") }, status: "ok" },
    { entry: { group_name: "users", ...level("CAN_USE") }, status: "ok" },
    { entry: { service_principal_name: client_id, ...level("CAN_VIEW") }, status: "warn" },
    { entry: { group_name: "analysts", ...level("CAN_MANAGE") }, status: "warn" },
  ] as const)("on the warehouse, $entry: $status", ({ entry, status }) => {
    const finding = warehouseFinding({ access_control_list: [entry] }, "w1", client_id);
    expect(finding.status).toBe(status);
    if (finding.status !== "ok") expect(finding.remedy).toMatch(/Permissions: Can use/);
  });
});

describe("workloads", () => {
  const recipe = (compute: object, run_as?: string): Recipe =>
    Recipe.parse({
      v: 1,
      planner: { kind: "artifact", artifact: "a.py" },
      task: { kind: "spark_python_task", compute },
      limits: { iterations: 1, attempts: 1, timeout_seconds: 60, queue_seconds: 60 },
      run_as,
    });
  const own = { serverless: { environment_version: "4" } };
  const report = { workload: "report", recipe: recipe(own) };
  const model = { workload: "model", recipe: recipe({ existing_cluster_id: "c-1" }) };
  const fileText = stageText.replace("catalog: main", "catalog: main\n  evidence: file");

  test.each([
    {
      given: "output of runs by themselves",
      text: stageText,
      workloads: [report],
      status: "ok",
      says: /own output$/,
    },
    {
      given: "a cluster that others use",
      text: stageText,
      workloads: [report, model],
      status: "warn",
      says: /write into the output of model \(existing_cluster_id\)$/,
      remedy: /serverless compute or a new_cluster/,
    },
    {
      given: "files",
      text: fileText,
      workloads: [report],
      status: "warn",
      says: /can rewrite before they are judged \(evidence: file\)$/,
      remedy: /databricks\.evidence: output in test\.yaml/,
    },
    {
      given: "files, and such a cluster",
      text: fileText,
      workloads: [model],
      status: "warn",
      says: /\(evidence: file\); what else runs on its cluster/,
      remedy: /; give it serverless compute/,
    },
  ] as const)("judged from $given: $status", ({ text, workloads, ...expected }) => {
    expectFinding(evidenceFinding(stageOf(text), workloads), expected);
  });

  test("who shares a principal with whom is said", () => {
    const alone = {
      workload: "alone",
      recipe: recipe(own, "33333333-3333-4333-8333-333333333333"),
    };
    expect(sharingFinding(stage, [report, model, alone]).sentence).toMatch(
      /^report, model share the principal 2222\S+; alone has the principal 3333\S+ alone; report, model, alone share the scratchpad scratchpad; who shares a scratchpad can spoil/,
    );
  });
});

const arn = (name: string) => `arn:aws:sqs:eu-central-1:111122223333:${name}`;

describe("queues", () => {
  const tls = { Effect: "Deny", Condition: { Bool: { "aws:SecureTransport": "false" } } };
  const policy = (...more: object[]) => JSON.stringify({ Statement: [tls, ...more] });
  const source: Attributes = {
    QueueArn: arn("signalbox-test-tickets"),
    VisibilityTimeout: "360",
    MessageRetentionPeriod: "345600",
    DelaySeconds: "0",
    RedrivePolicy: JSON.stringify({
      maxReceiveCount: 5,
      deadLetterTargetArn: arn("signalbox-test-tickets-dead-letters"),
    }),
    Policy: policy(),
  };
  const letters: Attributes = {
    QueueArn: arn("signalbox-test-tickets-dead-letters"),
    MessageRetentionPeriod: "1209600",
    RedriveAllowPolicy: JSON.stringify({
      redrivePermission: "byQueue",
      sourceQueueArns: [arn("signalbox-test-tickets")],
    }),
    Policy: policy(),
  };
  const open = { Effect: "Allow", Principal: { AWS: "*" }, Action: "sqs:SendMessage" };
  const restores = /^npx cdk deploy signalbox-test --revert-drift restores it/;
  test.each([
    { given: "as deployed", status: "ok", says: /no dead letters/ },
    {
      given: "another visibility",
      source: { VisibilityTimeout: "30" },
      status: "fail",
      says: /visibility is 30, and must be 360/,
      remedy:
        /^aws sqs set-queue-attributes .*--queue-name signalbox-test-tickets .* --attributes VisibilityTimeout=360$/,
    },
    {
      given: "another visibility, and dead letters",
      source: { VisibilityTimeout: "30" },
      letters: { ApproximateNumberOfMessages: "2" },
      status: "fail",
      says: /^visibility is 30, and must be 360; 2 dead letters$/,
      remedy: /VisibilityTimeout=360$/,
    },
    {
      given: "too few receives",
      source: { RedrivePolicy: JSON.stringify({ maxReceiveCount: 1 }) },
      status: "fail",
      says: /receives is 1, and must be 5; dead letters' queue is undefined/,
      remedy: restores,
    },
    {
      given: "a delay of every message",
      source: { DelaySeconds: "900" },
      status: "fail",
      says: /delay of every message is 900/,
      remedy: /--attributes DelaySeconds=0$/,
    },
    {
      given: "dead letters that are forgotten early",
      letters: { MessageRetentionPeriod: "345600" },
      status: "fail",
      says: /dead letters' retention is 345600, and must be 1209600/,
      remedy: restores,
    },
    {
      given: "dead letters of strangers",
      letters: { RedriveAllowPolicy: JSON.stringify({ redrivePermission: "allowAll" }) },
      status: "fail",
      says: /other queues than ours/,
      remedy: restores,
    },
    {
      given: "no TLS policy",
      source: { Policy: "{}" },
      status: "fail",
      says: /the queue: no policy refuses what comes without TLS/,
      remedy: restores,
    },
    {
      given: "a policy for everybody",
      source: { Policy: policy(open) },
      status: "fail",
      says: /the queue: a policy lets everybody in/,
      remedy: restores,
    },
    {
      given: "a policy for everybody, under a condition",
      source: { Policy: policy({ ...open, Condition: { ArnEquals: { "aws:SourceArn": "x" } } }) },
      status: "ok",
      says: /as deployed/,
    },
    {
      given: "a crowd in flight",
      source: { ApproximateNumberOfMessagesNotVisible: "110000" },
      status: "warn",
      says: /110000 messages are in flight, and SQS stops at 120,000/,
      remedy: /Queue age/,
    },
    {
      given: "dead letters",
      letters: { ApproximateNumberOfMessages: "2" },
      status: "warn",
      says: /^2 dead letters$/,
      remedy: /dead-letters list --stage test --queue tickets/,
    },
  ] as const)("$given: $status", (row) => {
    const change = { source: {}, letters: {}, ...row };
    const of = { ...source, ...change.source };
    expectFinding(queueFinding(stage, "tickets", of, { ...letters, ...change.letters }), row);
  });

  const services = { Effect: "Deny", Condition: { Bool: { "aws:PrincipalIsAWSService": "true" } } };
  const others = { Effect: "Deny", Condition: { ArnNotLike: { "aws:PrincipalArn": ["x"] } } };
  const naming = `${stageText}people: { orders: ["arn:aws:iam::111122223333:role/on-call"] }\n`;
  test.each([
    {
      given: "as deployed",
      statements: [services],
      text: stageText,
      status: "ok",
      says: /no dead/,
    },
    {
      given: "services let in",
      statements: [],
      text: stageText,
      status: "fail",
      says: /no policy keeps services of AWS from giving orders$/,
      remedy: restores,
    },
    {
      given: "others than the stage names",
      statements: [services],
      text: naming,
      status: "fail",
      says: /no policy keeps orders to those whom the stage names \(people\.orders\)$/,
      remedy: restores,
    },
    {
      given: "people alone",
      statements: [services, others],
      text: naming,
      status: "ok",
      says: /./,
    },
  ] as const)("of orders, $given: $status", ({ statements, text, ...expected }) => {
    const named = (attributes: Attributes): Attributes =>
      JSON.parse(JSON.stringify(attributes).replaceAll("-tickets", "-orders")) as Attributes;
    const of = { ...named(source), Policy: policy(...statements) };
    expectFinding(queueFinding(stageOf(text), "orders", of, named(letters)), expected);
  });

  test("a longer window of the stage is longer out of sight", () => {
    const slow = stageOf(`${stageText}limits: { ledger_window_seconds: 300 }\n`);
    expect(shapeOf(slow, "records").visibilitySeconds).toBe(660);
  });
});

test("the flag that a remedy names is one that the installed CDK knows", () => {
  const cdk = createRequire(import.meta.url).resolve("aws-cdk/package.json");
  expect(readFileSync(join(dirname(cdk), "lib", "index.js"), "utf8")).toContain("revert-drift");
});

describe("functions", () => {
  const facts: FunctionFacts = {
    recursiveLoop: "Allow",
    runtime: "nodejs24.x",
    handler: "handler.handler",
    state: "Active",
    stateReason: undefined,
    modified: "2026-11-21",
    executorPath: "/Volumes/a",
    reserved: undefined,
  };
  test.each([
    { change: {}, status: "ok", says: /nodejs24\.x, deployed 2026-11-21, may loop/ },
    {
      change: { recursiveLoop: "Terminate" },
      status: "fail",
      says: /after 16 rounds \(RecursiveLoop: Terminate\)/,
      remedy:
        /put-function-recursion-config --function-name signalbox-test-ingester --recursive-loop Allow/,
    },
    {
      change: { state: "Failed", stateReason: "the subnet is gone" },
      status: "fail",
      says: /it is Failed: the subnet is gone/,
      remedy: /cdk deploy/,
    },
    {
      change: { runtime: "nodejs20.x" },
      status: "fail",
      says: /runs on nodejs20\.x/,
      remedy:
        /update-function-configuration --function-name signalbox-test-ingester --runtime nodejs24/,
    },
    {
      change: { handler: "nope.handler" },
      status: "fail",
      says: /^it starts nope\.handler, and its code has handler\.handler: every message fails$/,
      remedy: /--function-name signalbox-test-ingester --handler handler\.handler$/,
    },
    {
      change: { reserved: 3 },
      status: "fail",
      says: /reserved 3 executions at once for it, and its queues may start 4/,
      remedy: /delete-function-concurrency --function-name signalbox-test-ingester/,
    },
    { change: { reserved: 4 }, status: "ok", says: /may loop/ },
    {
      change: { executorPath: "/Volumes/b" },
      status: "warn",
      says: /submits the executor \/Volumes\/b, and this checkout has \/Volumes\/a/,
      remedy: /after npx signalbox bootstrap --stage test/,
    },
  ] as const)("$change: $status", ({ change, ...expected }) => {
    expectFinding(
      functionFinding(stage, "ingester", { ...facts, ...change }, "/Volumes/a"),
      expected,
    );
  });
});

describe("mappings", () => {
  const mappings = queueNames.map((queue): MappingFacts => {
    const { batchSize, windowSeconds, concurrencyMax } = shapeOf(stage, queue);
    return {
      uuid: `uuid-${queue}`,
      source: arn(`signalbox-test-${queue}`),
      state: "Enabled",
      ...{ batchSize, windowSeconds, concurrencyMax },
      responses: ["ReportBatchItemFailures"],
    };
  });
  const change = (queue: string, to: Partial<MappingFacts>) =>
    mappings.map((each) => (each.uuid === `uuid-${queue}` ? { ...each, ...to } : each));
  test.each([
    { given: "as deployed", found: mappings, status: "ok", says: /all 6 queues/ },
    {
      given: "one too few",
      found: mappings.slice(1),
      status: "fail",
      says: /nothing consumes tickets/,
      remedy: /cdk deploy/,
    },
    {
      given: "two disabled",
      found: change("turns", { state: "Disabled" }).map((each) =>
        each.uuid === "uuid-records" ? { ...each, state: "Disabled" } : each,
      ),
      status: "fail",
      says: /not enabled: turns \(Disabled\), records \(Disabled\)/,
      remedy: /--uuid uuid-turns --enabled && aws .* --uuid uuid-records --enabled/,
    },
    {
      given: "another concurrency",
      found: change("watches", { concurrencyMax: 1000 }),
      status: "fail",
      says: /watches: concurrency is 1000, and must be 2/,
      remedy:
        /^aws lambda update-event-source-mapping --uuid uuid-watches --batch-size 10 --maximum-batching-window-in-seconds 0 --scaling-config MaximumConcurrency=2 --function-response-types ReportBatchItemFailures$/,
    },
    {
      given: "no partial failures",
      found: change("reports", { responses: [] }),
      status: "fail",
      says: /reports: failures of single messages are not reported/,
      remedy:
        /^aws lambda update-event-source-mapping --uuid uuid-reports --batch-size 10 .*ReportBatchItemFailures$/,
    },
  ] as const)("$given: $status", ({ found, ...expected }) => {
    expectFinding(mappingsFinding(stage, found), expected);
  });
});

describe("the account's concurrency", () => {
  test.each([
    { free: 13, text: stageText, status: "ok", says: /13 executions at once .*; 13 are needed/ },
    {
      free: 10,
      text: stageText,
      status: "warn",
      says: /10 executions at once are free, and 13 may be needed/,
      remedy: /Service Quotas, Lambda, Concurrent executions/,
    },
    {
      free: 19,
      text: `${stageText}limits: { concurrency: { watches: 40 } }\n`,
      status: "warn",
      says: /51 may be needed/,
      remedy: /limits\.concurrency of the stage/,
    },
  ] as const)("$free free: $status", ({ free, text, ...expected }) => {
    expectFinding(concurrencyFinding(stageOf(text), free), expected);
  });
});

describe("schedules", () => {
  const wanted = [{ name: "signalbox-test-sweep", expression: "rate(5 minutes)" }];
  const sweep: ScheduleFacts = {
    name: "signalbox-test-sweep",
    state: "ENABLED",
    expression: "rate(5 minutes)",
    target: "arn:aws:lambda:eu-central-1:111122223333:function:signalbox-test-orchestrator",
  };
  test.each([
    { given: "as deployed", found: [sweep], status: "ok", says: /enabled, and they start/ },
    { given: "gone", found: [], status: "fail", says: /sweep is not there/ },
    {
      given: "disabled",
      found: [{ ...sweep, state: "DISABLED" }],
      status: "fail",
      says: /sweep is DISABLED/,
    },
    {
      given: "rarer",
      found: [{ ...sweep, expression: "rate(1 day)" }],
      status: "fail",
      says: /comes at rate\(1 day\), and here is rate\(5 minutes\)/,
    },
    {
      given: "bent",
      found: [{ ...sweep, target: "arn:aws:lambda:x:1:function:other" }],
      status: "fail",
      says: /starts arn:aws:lambda:x:1:function:other/,
    },
  ] as const)("$given: $status", ({ found, status, says }) => {
    const finding = schedulesFinding(stage, wanted, found);
    expectFinding(finding, { status, says, ...(status === "fail" && { remedy: /cdk deploy/ }) });
  });
});

describe("a sweep that the doctor asks for", () => {
  const failed = (sees: string) => ({
    status: "fail" as const,
    says: new RegExp(`^as the function itself sees it: ${sees}$`),
    remedy: /signalbox bootstrap --stage test/,
  });
  test.each([
    { text: "null", isError: false, status: "ok", says: /signed in to Databricks/ },
    { text: "", isError: false, status: "ok", says: /signed in to Databricks/ },
    {
      text: '{"waited":"there is no plane.json"}',
      isError: false,
      ...failed("there is no plane.json"),
    },
    {
      text: '{"errorMessage":"no memory","errorType":"Error"}',
      isError: true,
      ...failed("no memory"),
    },
    { text: '{"errorType":"Unhandled"}', isError: true, ...failed('{"errorType":"Unhandled"}') },
  ] as const)("answers $text: $status", ({ text, isError, ...expected }) => {
    expectFinding(sweepFinding(stage, { text, isError }), expected);
  });
});
