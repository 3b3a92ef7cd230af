// What the doctor makes of what it sees: a table for each finding, each with the sentence and the remedy.
import { describe, expect, test } from "vitest";
import type { Finding } from "../../cli/doctor/check.ts";
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
import { queueNames, shapeOf } from "../../infra/constructs/traffic.ts";
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
  expect(finding.said).toMatch(says);
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
  const holding = (principal: string, ...privileges: string[]): Holding => ({
    principal,
    privileges,
  });
  const reads = holding(run_as, "READ_VOLUME");
  const needs = (code: readonly Holding[]) => [
    { on: "company_codebase", privilege: "READ_VOLUME", holdings: code },
  ];
  test.each([
    { given: "what bootstrap grants", facts: [reads], code: [reads], status: "ok", says: /alone$/ },
    {
      given: "facts that executors write",
      facts: [holding(run_as, "READ_VOLUME", "WRITE_VOLUME")],
      code: [reads],
      status: "fail",
      says: /may write the facts: WRITE_VOLUME$/,
      remedy: /REVOKE WRITE VOLUME ON VOLUME `main`\.ops\.facts FROM/,
    },
    {
      given: "facts that everybody writes",
      facts: [reads, holding("account users", "ALL_PRIVILEGES")],
      code: [reads],
      status: "fail",
      says: /ALL_PRIVILEGES of account users/,
      remedy: /those of account users/,
    },
    {
      given: "code that others read",
      facts: [reads],
      code: [holding("somebody", "READ_VOLUME")],
      status: "fail",
      says: /lack READ VOLUME on company_codebase$/,
      remedy: /signalbox bootstrap --stage test$/,
    },
  ] as const)("of executors, $given: $status", ({ facts, code, ...expected }) => {
    expectFinding(executorFinding(stage, run_as, facts, needs(code)), expected);
  });

  test.each([
    { privileges: ["MODIFY"], status: "ok", says: /have what they need/ },
    { privileges: ["ALL_PRIVILEGES"], status: "ok", says: /have what they need/ },
    {
      privileges: ["SELECT"],
      status: "fail",
      says: /lack MODIFY on run_state$/,
      remedy: /bootstrap/,
    },
  ] as const)("of the controllers, $privileges: $status", ({ privileges, ...expected }) => {
    const holdings = [holding(client_id, ...privileges)];
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
  const restores = /cdk deploy signalbox-test restores/;
  test.each([
    { given: "as deployed", status: "ok", says: /no dead letters/ },
    {
      given: "another visibility",
      source: { VisibilityTimeout: "30" },
      status: "fail",
      says: /visibility is 30, and must be 360/,
      remedy: restores,
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
      remedy: restores,
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

  test("a longer window of the stage is longer out of sight", () => {
    const slow = stageOf(`${stageText}limits: { ledger_window_seconds: 300 }\n`);
    expect(shapeOf(slow, "records").visibilitySeconds).toBe(660);
  });
});

describe("functions", () => {
  const facts: FunctionFacts = {
    recursiveLoop: "Allow",
    runtime: "nodejs24.x",
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
      remedy: /cdk deploy/,
    },
    {
      change: { reserved: 5 },
      status: "fail",
      says: /reserved 5 executions at once for it, and its queues may start 6/,
      remedy: /delete-function-concurrency --function-name signalbox-test-ingester/,
    },
    { change: { reserved: 6 }, status: "ok", says: /may loop/ },
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
      says: /watches: concurrency is 1000, and must be 4/,
      remedy: /restores/,
    },
    {
      given: "no partial failures",
      found: change("reports", { responses: [] }),
      status: "fail",
      says: /reports: failures of single messages are not reported/,
      remedy: /restores/,
    },
  ] as const)("$given: $status", ({ found, ...expected }) => {
    expectFinding(mappingsFinding(stage, found), expected);
  });
});

describe("the account's concurrency", () => {
  test.each([
    { free: 21, text: stageText, status: "ok", says: /21 executions at once .*; 21 are needed/ },
    {
      free: 10,
      text: stageText,
      status: "warn",
      says: /10 executions at once are free, and 21 may be needed/,
      remedy: /Service Quotas, Lambda, Concurrent executions/,
    },
    {
      free: 19,
      text: `${stageText}limits: { concurrency: { watches: 40 } }\n`,
      status: "warn",
      says: /57 may be needed/,
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
