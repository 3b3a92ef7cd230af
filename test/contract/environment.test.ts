// The environment of the handlers, and the sentences where something of it is missing.
import { describe, expect, test } from "vitest";
import {
  consumedBy,
  deadLetterVariable,
  queuesOf,
  queueVariable,
  readEnvironment,
} from "../../shared/adapters/environment.ts";
import type { ServiceName } from "../../shared/topology.ts";

const services = ["orchestrator", "run-poller", "ingester"] as const;

/** All that any service needs. */
function variables(service: ServiceName): Record<string, string> {
  const url = (name: string) => `https://sqs.eu-central-1.amazonaws.com/123456789012/box-${name}`;
  return {
    DATABRICKS_HOST: "https://dbc-1.cloud.databricks.com",
    DATABRICKS_SECRET_ID: "box/databricks",
    DATABRICKS_HTTP_PATH: "/sql/1.0/warehouses/0123456789abcdef",
    SIGNALBOX_CATALOG: "main",
    SIGNALBOX_SCHEMA: "ops",
    SIGNALBOX_STACK: "box",
    SIGNALBOX_CONTROLLERS: "controllers, the-controllers-of-before",
    SIGNALBOX_EXECUTOR_PATH: "/Volumes/main/ops/company_codebase/executor/run_executor.py",
    SIGNALBOX_WORKLOADS: "./workloads",
    EVENT_BUS_NAME: "box",
    ...Object.fromEntries(queuesOf(service).map((name) => [queueVariable(name), url(name)])),
    ...Object.fromEntries(
      consumedBy(service).map((name) => [deadLetterVariable(name), url(`${name}-dead-letters`)]),
    ),
  };
}

const faultsWithout = (service: ServiceName, name: string, value?: string): string => {
  try {
    readEnvironment(service, { ...variables(service), [name]: value });
    return "";
  } catch (error) {
    return String(error);
  }
};

test("in Lambda, who works there is known by function and log stream", () => {
  const lambda = {
    AWS_LAMBDA_FUNCTION_NAME: "box-ingester",
    AWS_LAMBDA_LOG_STREAM_NAME: "2026/11/21/[$LATEST]5841",
  };
  const { settings } = readEnvironment("ingester", { ...variables("ingester"), ...lambda });
  expect(settings.worker).toBe("box-ingester 2026/11/21/[$LATEST]5841");
});

test.each(services)("the environment of the %s is read", (service) => {
  const environment = readEnvironment(service, variables(service));
  expect(environment).toMatchObject({
    databricksHost: "https://dbc-1.cloud.databricks.com",
    databricksAuth: { kind: "oauth-m2m", secretId: "box/databricks" },
    stack: "box",
    controllers: ["controllers", "the-controllers-of-before"],
    settings: {
      factsVolume: "/Volumes/main/ops/facts",
      plansVolume: "/Volumes/main/ops/plans",
      scratchpadVolume: "/Volumes/main/ops/scratchpad",
      codebaseVolume: "/Volumes/main/ops/company_codebase",
      runAs: undefined,
      evidence: "output",
      ownSenders: [],
      worker: service,
      retentionDays: 90,
      announceAfter: "fact",
      ledgerWindowSeconds: 0,
      timeScale: 1,
    },
  });
  for (const queue of queuesOf(service)) expect(environment.queueUrls[queue]).toContain(queue);
  for (const queue of consumedBy(service))
    expect(environment.deadLetterUrls[queue]).toContain(`${queue}-dead-letters`);
});

test.each([
  {
    service: "orchestrator",
    queues: ["tickets", "orders", "turns", "watches", "reports", "records"],
  },
  { service: "run-poller", queues: ["watches", "reports"] },
  { service: "ingester", queues: ["turns", "watches", "reports", "records"] },
] as const)("by topology the $service sends to $queues", ({ service, queues }) => {
  expect(queuesOf(service)).toEqual(queues);
});

test("volumes have the names that the stage gives them", () => {
  const environment = readEnvironment("ingester", {
    ...variables("ingester"),
    SIGNALBOX_FACTS_VOLUME: "blue_facts",
    SIGNALBOX_PLANS_VOLUME: "blue_plans",
    SIGNALBOX_OWN_ROLES: "AROA1,AROA2",
    SIGNALBOX_SCRATCHPAD_VOLUME: "blue_results",
    SIGNALBOX_CODEBASE_VOLUME: "code",
  });
  expect(environment.settings).toMatchObject({
    factsVolume: "/Volumes/main/ops/blue_facts",
    plansVolume: "/Volumes/main/ops/blue_plans",
    ownSenders: ["AROA1", "AROA2"],
    scratchpadVolume: "/Volumes/main/ops/blue_results",
    codebaseVolume: "/Volumes/main/ops/code",
  });
  expect(faultsWithout("ingester", "SIGNALBOX_FACTS_VOLUME", "../facts")).toMatch(
    /SIGNALBOX_FACTS_VOLUME: .*; set it to the volume of the facts, by its name alone/,
  );
});

describe("each variable that is missing is named, with its remedy", () => {
  test.each(
    services.flatMap((service) =>
      Object.keys(variables(service)).map((name) => ({ service, name })),
    ),
  )("$service: $name", ({ service, name }) => {
    const optional =
      (name === "DATABRICKS_HTTP_PATH" && service !== "ingester") ||
      (name === "SIGNALBOX_WORKLOADS" && service !== "orchestrator") ||
      (name === "EVENT_BUS_NAME" && service === "run-poller");
    const faults = faultsWithout(service, name);
    if (optional) expect(faults).toBe("");
    else expect(faults).toMatch(new RegExp(`\\n  ${name}: .*; set it to `));
  });

  test("all at once, one line each; an empty one is a missing one", () => {
    const { SIGNALBOX_STACK: _, ...rest } = variables("ingester");
    const given = { ...rest, DATABRICKS_HOST: "", SIGNALBOX_SCHEMA: " " };
    expect(() => readEnvironment("ingester", given)).toThrow(
      /of the ingester is not complete:\n {2}DATABRICKS_HOST.*\n {2}SIGNALBOX_SCHEMA.*\n {2}SIGNALBOX_STACK/,
    );
  });
});

describe("each variable that is wrong is named, with its remedy", () => {
  test.each([
    ["DATABRICKS_HOST", "dbc-1.cloud.databricks.com"],
    ["DATABRICKS_HOST", "http://dbc-1.cloud.databricks.com"],
    ["DATABRICKS_HOST", "https://dbc-1.cloud.databricks.com/?o=1"],
    ["DATABRICKS_AUTH", "basic"],
    ["DATABRICKS_HTTP_PATH", "0123456789abcdef"],
    ["SIGNALBOX_CATALOG", "main.ops"],
    ["SIGNALBOX_SCHEMA", "ops; DROP TABLE run_state"],
    ["SIGNALBOX_SCHEMA", "../../secrets"],
    ["SIGNALBOX_EXECUTOR_PATH", "executor.py"],
    ["SIGNALBOX_TIME_SCALE", "0"],
    ["SIGNALBOX_RETENTION_DAYS", "29"],
    ["SIGNALBOX_RETENTION_DAYS", "90.5"],
    ["SIGNALBOX_ANNOUNCE_AFTER", "never"],
    ["SIGNALBOX_LEDGER_WINDOW_SECONDS", "3601"],
    ["SIGNALBOX_TIME_SCALE", "fast"],
    ["SIGNALBOX_TIME_SCALE", "2"],
    ["SIGNALBOX_INSTANCES", "0"],
    ["QUEUE_URL_REPORTS", "box-reports"],
    ["DEAD_LETTER_URL_RECORDS", "arn:aws:sqs:eu-central-1:1:x"],
  ])("%s = %s", (name, value) => {
    expect(faultsWithout("ingester", name, value)).toMatch(new RegExp(`${name}: .*; set it to `));
  });
});

test("a slash after the host is forgiven", () => {
  const given = { ...variables("ingester"), DATABRICKS_HOST: "https://dbc-1.example/" };
  expect(readEnvironment("ingester", given).databricksHost).toBe("https://dbc-1.example");
});

describe("the way to sign in", () => {
  const without = () => {
    const { DATABRICKS_SECRET_ID: _, ...rest } = variables("run-poller");
    return rest;
  };

  test("federation needs no secret, but a client id and an audience", () => {
    const given = {
      ...without(),
      DATABRICKS_AUTH: "federation",
      DATABRICKS_CLIENT_ID: "sp-1",
      DATABRICKS_TOKEN_AUDIENCE: "account-1",
    };
    expect(readEnvironment("run-poller", given).databricksAuth).toEqual({
      kind: "federation",
      clientId: "sp-1",
      audience: "account-1",
    });
    expect(() =>
      readEnvironment("run-poller", { ...without(), DATABRICKS_AUTH: "federation" }),
    ).toThrow(/DATABRICKS_CLIENT_ID: is missing.*\n.*DATABRICKS_TOKEN_AUDIENCE: is missing/);
  });

  test("a personal access token is a secret as well", () => {
    const given = { ...variables("run-poller"), DATABRICKS_AUTH: "pat" };
    expect(readEnvironment("run-poller", given).databricksAuth).toEqual({
      kind: "pat",
      secretId: "box/databricks",
    });
  });
});
