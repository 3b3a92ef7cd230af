// A stage file says what is wrong by its key, and what to do.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseStage, readStages, StageError } from "../../infra/stage.ts";
import { checkIdentities } from "../../infra/workloads.ts";
import type { Recipe } from "../../shared/domain/recipe.ts";
import { KMS_KEY_ARN, stageText } from "./support.ts";

const ON_CALL = "client_id: 44444444-4444-4444-8444-444444444444";
const withOnCall = (keys: string) =>
  stageText.replace("catalog: main", `catalog: main\n  on_call: { ${keys} }`);
const without = (line: RegExp) => stageText.replace(line, "");

test.each([
  {
    given: "a host with a path",
    text: stageText.replace("5678.cloud.databricks.com", "5678.cloud.databricks.com/?o=1"),
    says: /databricks\.host is "https:\/\/dbc-1234abcd-5678\.cloud\.databricks\.com\/\?o=1", and must be .* without a path/,
  },
  {
    given: "no warehouse",
    text: without(/ {2}warehouse_id: .*\n/),
    says: /databricks\.warehouse_id is missing, and must be the id of the SQL warehouse/,
  },
  {
    given: "digits without quotes",
    text: stageText.replace('"0123456789abcdef"', "123456789"),
    says: /databricks\.warehouse_id is 123456789, and must be .* in quotes/,
  },
  {
    given: "a misspelt key",
    text: stageText.replace("catalog: main", "catalogue: main"),
    says: /databricks\.catalogue is not known here: remove it, or look for the right name/,
  },
  {
    given: "an unknown way to sign in",
    text: stageText.replace("oauth-m2m", "password"),
    says: /databricks\.auth.* must have kind: federation \(recommended\), oauth-m2m or pat/,
  },
  {
    given: "an ARN for a secret's name",
    text: stageText.replace(
      "signalbox/test/databricks",
      "'arn:aws:secretsmanager:eu-central-1:111122223333:secret:x-AbCdEf'",
    ),
    says: /databricks\.auth\.secret .* must be the name \(not the ARN\)/,
  },
  {
    given: "an alias for the secret's key",
    text: stageText.replace(
      "secret: signalbox/test/databricks",
      "secret: signalbox/test/databricks, kms_key_arn: 'arn:aws:kms:eu-central-1:111122223333:alias/x'",
    ),
    says: /databricks\.auth\.kms_key_arn is "[^"]+alias\/x", and must be the ARN of the KMS key .*\(not an alias\)/,
  },
  {
    given: "the controllers' own identity for executors",
    text: stageText.replace(
      "22222222-2222-4222-8222-222222222222",
      "11111111-1111-4111-8111-111111111111",
    ),
    says: /databricks\.run_as is the controllers' own client_id.*name another service principal, or say allow_same_identity: true/,
  },
  {
    given: "the same identity in capital letters",
    text: stageText
      .replace("11111111-1111-4111-8111-111111111111", "abcdef00-0000-4000-8000-00000000000a")
      .replace("22222222-2222-4222-8222-222222222222", "ABCDEF00-0000-4000-8000-00000000000A"),
    says: /databricks\.run_as is the controllers' own client_id/,
  },
  {
    given: "a principal's name for its id",
    text: stageText.replace("22222222-2222-4222-8222-222222222222", "executors"),
    says: /databricks\.run_as is "executors", and must be a UUID such as/,
  },
  {
    given: "the controllers' own identity for on-call",
    text: withOnCall("client_id: 11111111-1111-4111-8111-111111111111"),
    says: /databricks\.on_call\.client_id is the controllers' own client_id, so whoever is on call could write facts: name another/,
  },
  {
    given: "the executors' identity for on-call",
    text: withOnCall("client_id: 22222222-2222-4222-8222-222222222222"),
    says: /databricks\.on_call\.client_id is also run_as, so whoever is on call could write results/,
  },
  {
    given: "the functions' secret for on-call",
    text: withOnCall(`${ON_CALL}, secret: signalbox/test/databricks`),
    says: /databricks\.on_call\.secret is the functions' own secret, with which facts can be written/,
  },
  {
    given: "a key for on-call's secret that is not there",
    text: withOnCall(`${ON_CALL}, kms_key_arn: "${KMS_KEY_ARN}"`),
    says: /databricks\.on_call\.secret is missing, and kms_key_arn says that there is one/,
  },
  {
    given: "a session for who gives orders",
    text: `${stageText}people: { orders: ["arn:aws:sts::111122223333:assumed-role/on-call/ada"] }\n`,
    says: /people\.orders\.0 is "arn:aws:sts:[^"]+", and must be the ARN of a role or user of IAM/,
  },
  {
    given: "nobody who gives orders",
    text: `${stageText}people: { orders: [] }\n`,
    says: /people\.orders is \[\], and must name somebody, or be absent/,
  },
  {
    given: "an evidence that there is not",
    text: stageText.replace("schema: ops", "schema: ops\n  evidence: faith"),
    says: /databricks\.evidence is "faith", and must be output or file/,
  },
  {
    given: "nobody named for alarms",
    text: without(/alarms: .*\n/),
    says: /alarms is missing, and must say who hears alarms/,
  },
  {
    given: "one subnet",
    text: stageText.replace(
      "region: eu-central-1",
      "vpc: { subnet_ids: [subnet-0123456789abcdef0], security_group_ids: [sg-0123456789abcdef0] }",
    ),
    says: /aws\.vpc\.subnet_ids .* must name at least two private subnets/,
  },
  {
    given: "one subnet twice",
    text: stageText.replace(
      "region: eu-central-1",
      "vpc: { subnet_ids: [subnet-0123456789abcdef0, subnet-0123456789abcdef0], security_group_ids: [sg-0123456789abcdef0] }",
    ),
    says: /aws\.vpc\.subnet_ids .* must name each subnet once/,
  },
  {
    given: "one security group twice",
    text: stageText.replace(
      "region: eu-central-1",
      "vpc: { subnet_ids: [subnet-0123456789abcdef0, subnet-0123456789abcdef1], security_group_ids: [sg-0123456789abcdef0, sg-0123456789abcdef0] }",
    ),
    says: /aws\.vpc\.security_group_ids .* must name each security group once/,
  },
  {
    given: "a retention that CloudWatch has not",
    text: `${stageText}limits: { log_retention_days: 91 }\n`,
    says: /limits\.log_retention_days is 91, and must be 7, 14, 30/,
  },
  {
    given: "a volume's path for its name",
    text: stageText.replace(
      "schema: ops",
      "schema: ops\n  volumes: { facts: /Volumes/main/ops/f }",
    ),
    says: /databricks\.volumes\.facts is "\/Volumes\/main\/ops\/f", and must be the facts volume's name in lower-case/,
  },
  {
    given: "one volume for facts and results",
    text: stageText.replace("schema: ops", "schema: ops\n  volumes: { scratchpad: facts }"),
    says: /databricks\.volumes is \{"scratchpad":"facts"\}, and must name four different volumes/,
  },
  {
    given: "a volume that there is not",
    text: stageText.replace("schema: ops", "schema: ops\n  volumes: { results: r }"),
    says: /databricks\.volumes\.results is not known here/,
  },
  {
    given: "a concurrency that Lambda has not",
    text: `${stageText}limits: { concurrency: { watches: 1 } }\n`,
    says: /limits\.concurrency\.watches is 1, and must be at least 2 \(Lambda's ScalingConfig\)/,
  },
  {
    given: "the concurrency of a queue that there is not",
    text: `${stageText}limits: { concurrency: { polls: 4 } }\n`,
    says: /limits\.concurrency\.polls is not known here/,
  },
  {
    given: "facts that messages could outlive",
    text: `${stageText}limits: { retention_days: 7 }\n`,
    says: /limits\.retention_days is 7, and must be at least 30: messages live up to 18/,
  },
  {
    given: "a window that Lambda has not",
    text: `${stageText}limits: { ledger_window_seconds: 301 }\n`,
    says: /limits\.ledger_window_seconds is 301, and must be at most 300/,
  },
  {
    given: "a region with a slip of the pen",
    text: stageText.replace("eu-central-1", "eu-centrall-1"),
    says: /aws\.region is "eu-centrall-1", and must be a region such as eu-central-1/,
  },
  {
    given: "a runbook that no phone opens",
    text: stageText.replace("https://example.com/runbook.md", "javascript:alert(1)"),
    says: /runbook_url is "javascript:alert\(1\)", and must be .* https:\/\//,
  },
  {
    given: "a runbook's address that does not fit into an alarm",
    text: stageText.replace("runbook.md", "r".repeat(800)),
    says: /runbook_url .* must have at most 700 characters/,
  },
  {
    given: "a list",
    text: "- databricks",
    says: /the file is \["databricks"\], and must be a map/,
  },
  { given: "a word", text: "dev", says: /the file is "dev", and must be a map of databricks/ },
  {
    given: "an alias that leads nowhere",
    text: "databricks: *others",
    says: /x\.yaml: is not YAML that can be read: Unresolved alias/,
  },
  {
    given: "aliases that grow beyond all bounds",
    text: `a: &a [x, x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
c: [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
`,
    says: /x\.yaml: is not YAML that can be read: Excessive alias count/,
  },
  {
    given: "a number that would be rounded",
    text: stageText.replace('"0123456789abcdef"', "1152921504606846977"),
    says: /the number 1152921504606846977 cannot be held exactly: write it in quotes$/,
  },
  {
    given: "a key of the object's prototype",
    text: `${stageText}__proto__: { polluted: true }\n`,
    says: /it has a key "__proto__", which is refused$/,
  },
  {
    given: "a key twice",
    text: `${stageText}alarms: { nobody: true }\n`,
    says: /is not YAML that can be read: Map keys must be unique/,
  },
  {
    given: "a hundred thousand brackets",
    text: "[".repeat(100_000),
    says: /^infra\/stages\/x\.yaml: is not YAML that can be read: it nests deeper than 64 levels$/,
  },
  { given: "no YAML", text: "databricks: [", says: /infra\/stages\/x\.yaml: is not YAML/ },
  { given: "nothing", text: "", says: /the file is null/ },
])("$given is refused with its key and the fix", ({ text, says }) => {
  const parse = () => parseStage("infra/stages/x.yaml", text);
  expect(parse).toThrow(StageError);
  expect(parse).toThrow(says);
});

test.each(["us-gov-west-1", "ap-southeast-5", "us-isob-east-1", "eusc-de-east-1", "cn-north-1"])(
  "%s is a region",
  (region) => {
    expect(parseStage("x", stageText.replace("eu-central-1", region)).aws.region).toBe(region);
  },
);

test("a catalog's name may have a dash, a schema's may not", () => {
  const named = stageText.replace("catalog: main", "catalog: prod-eu");
  expect(parseStage("x", named).databricks.catalog).toBe("prod-eu");
  expect(() => parseStage("x", stageText.replace("schema: ops", "schema: o-ps"))).toThrow(/schema/);
});

test("a folder that is not there is said in a sentence", () => {
  expect(() => readStages("/nowhere/stages")).toThrow(StageError);
  expect(() => readStages("/nowhere/stages")).toThrow(
    /^the stages cannot be read: ENOENT.*: name their folder \(--stages, or -c stages=<folder>\)$/,
  );
});

test("every fault is said, one a line, each with the file", () => {
  const text = stageText.replace("catalog: main", "catalog: Main").replace("schema: ops", "");
  const parse = () => parseStage("infra/stages/x.yaml", text);
  expect(parse).toThrow(/^infra\/stages\/x\.yaml: .*catalog.*\ninfra\/stages\/x\.yaml: .*schema/);
});

test("the guide's example of faults is said in the guide's words", () => {
  const root = join(import.meta.dirname, "..", "..");
  const lines = readFileSync(join(root, "docs", "deploy.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("infra/stages/dev.yaml: "));
  expect(lines).toHaveLength(3);
  const text = readFileSync(join(root, "infra", "stages", "dev.yaml"), "utf8")
    .replace('"0123456789abcdef"', "123456789")
    .replace(
      "run_as: 00000000-0000-4000-8000-000000000002",
      "run_as: 00000000-0000-4000-8000-000000000001",
    )
    .replace("watches: 2", "watches: 1");
  const parse = () => parseStage("infra/stages/dev.yaml", text);
  expect(parse).toThrow(new StageError(lines.join("\n")));
});

test("the same identity for both is possible where the stage says so", () => {
  const text = stageText
    .replace("22222222-2222-4222-8222-222222222222", "11111111-1111-4111-8111-111111111111")
    .replace("catalog: main", "catalog: main\n  allow_same_identity: true");
  expect(parseStage("x", text).databricks.allow_same_identity).toBe(true);
});

test("what is left away has a default", () => {
  const { limits, aws, databricks } = parseStage("x", stageText);
  expect(limits).toEqual({
    log_retention_days: 90,
    queue_age_seconds: 900,
    warehouse_hours_per_day: 8,
    workload_schedules: true,
    time_scale: 1,
    concurrency: {},
    retention_days: 90,
    ledger_window_seconds: 2,
  });
  expect(databricks.volumes).toEqual({
    facts: "facts",
    plans: "plans",
    scratchpad: "scratchpad",
    company_codebase: "company_codebase",
  });
  expect(databricks.allow_same_identity).toBe(false);
  expect(aws).toEqual({ region: "eu-central-1" });
});

describe("two stages", () => {
  const folderOf = (files: Readonly<Record<string, string>>) => {
    const folder = mkdtempSync(join(tmpdir(), "signalbox-stages-"));
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(folder, `${name}.yaml`), text);
    return folder;
  };

  test.each([
    { given: "one copied from the other", text: stageText },
    {
      given: "one with volumes, but no ledger of its own",
      text: stageText.replace("schema: ops", "schema: ops\n  volumes: { facts: other_facts }"),
    },
  ])("in one schema are refused, with both their files: $given", ({ text }) => {
    const folder = folderOf({ blue: stageText, green: text });
    expect(() => readStages(folder)).toThrow(StageError);
    expect(() => readStages(folder)).toThrow(
      /green\.yaml: databricks\.schema leads to main\.ops in https:\/\/dbc-1234abcd-5678\.cloud\.databricks\.com, as it does in blue\.yaml: give each stage a schema of its own$/,
    );
  });

  test.each([
    { given: "schema", text: stageText.replace("schema: ops", "schema: green") },
    { given: "catalog", text: stageText.replace("catalog: main", "catalog: green") },
    { given: "workspace", text: stageText.replace("dbc-1234abcd", "dbc-ffffffff") },
  ])("with a $given of its own stand side by side", ({ text }) => {
    const stages = readStages(folderOf({ blue: stageText, green: text }));
    expect(stages.map(({ name }) => name)).toEqual(["blue", "green"]);
  });
});

test("the example stage is valid, and its file names its stack", () => {
  const folder = join(import.meta.dirname, "..", "..", "infra", "stages");
  expect(readStages(folder, "dev").map(({ stack }) => stack)).toEqual(["signalbox-dev"]);
  expect(() => readStages(folder, "production")).toThrow(
    /there is no stage "production" in .*there is dev/,
  );
});

test("a recipe that runs as on-call is refused", () => {
  const text = withOnCall(ON_CALL);
  const stage = { ...parseStage("x", text), name: "test", stack: "signalbox-test" };
  const recipe = { run_as: "44444444-4444-4444-8444-444444444444" } as Recipe;
  expect(() => checkIdentities(stage, [{ workload: "report", recipe }], "workloads")).toThrow(
    /workloads\/report\/recipe\.yaml: run_as is on-call's client_id of the stage test, so executed code could read the facts/,
  );
});

test.each(["facts", "plans", "company_codebase"])(
  "a recipe whose scratchpad is the volume %s is refused",
  (scratchpad) => {
    const stage = { ...parseStage("x", stageText), name: "test", stack: "signalbox-test" };
    const recipe = { scratchpad } as Recipe;
    expect(() => checkIdentities(stage, [{ workload: "report", recipe }], "workloads")).toThrow(
      `workloads/report/recipe.yaml: scratchpad: ${scratchpad} is a volume of the stage test that executed code must never write: name another volume`,
    );
  },
);
