// Secrets that recipes need, compared with a workspace's scopes before a run fails for want of one.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { secretsCheck } from "../../cli/doctor/recipe-secrets.ts";
import { prepareSecretScope } from "../../cli/secret-scope.ts";
import { type WorkspaceClient, workspaceClient } from "../../cli/workspace-client.ts";
import { embeddedWorkspace, type WorkspaceAccess } from "../../local/plane/workspace-access.ts";
import type { Recipe } from "../../shared/domain/recipe.ts";
import { recipe } from "../domain/examples.ts";
import { stageOf } from "../infra/support.ts";

let access: WorkspaceAccess;
let operator: WorkspaceClient;
let controllers: WorkspaceClient;

beforeAll(async () => {
  access = await embeddedWorkspace(mkdtempSync(join(tmpdir(), "signalbox-secrets-")));
  operator = workspaceClient(access.operator);
  controllers = workspaceClient(access.controllers);
  await prepareSecretScope(operator.http, "team", [access.executorsId]);
  await prepareSecretScope(operator.http, "closed", []);
  for (const scope of ["team", "closed"])
    await operator.http.call({
      method: "POST",
      path: "/api/2.0/secrets/put",
      json: JSON.stringify({ scope, key: "held", string_value: "a-value-that-nobody-lists" }),
      rate: "list",
    });
}, 60_000);
afterAll(async () => {
  await operator[Symbol.asyncDispose]();
  await controllers[Symbol.asyncDispose]();
  await access[Symbol.asyncDispose]();
});

type Secret = NonNullable<Recipe["secrets"]>[number];
const secret = (scope: string, key: string, required = true): Secret => ({ scope, key, required });

const foundOf = async (more: Partial<Recipe>, client = operator) => {
  const { databricks } = stageOf();
  const stage = { databricks: { ...databricks, run_as: access.executorsId } };
  const workloads = [{ workload: "report", recipe: { ...recipe, ...more } }];
  return await secretsCheck(client.http, stage, workloads).look();
};

test.each<{ given: string; secrets: Secret[]; status: string; sentence: RegExp }>([
  { given: "none", secrets: [], status: "ok", sentence: /no workload needs a secret/ },
  {
    given: "one that is there",
    secrets: [secret("team", "held")],
    status: "ok",
    sentence: /all 1/,
  },
  {
    given: "one that its scope lacks",
    secrets: [secret("team", "held"), secret("team", "other")],
    status: "fail",
    sentence: /^report needs the secret other, which the scope team does not hold$/,
  },
  {
    given: "an optional one that its scope lacks",
    secrets: [secret("team", "other", false)],
    status: "ok",
    sentence:
      /^no required secret is missing; report would read the secret other, which .* does not hold$/,
  },
  {
    given: "a scope that is not there",
    secrets: [secret("nowhere", "k")],
    status: "fail",
    sentence: /report needs the secret scope nowhere/,
  },
  {
    given: "an optional one of a scope that is not there",
    secrets: [secret("nowhere", "k", false)],
    status: "ok",
    sentence: /^no required secret is missing; report would read the secret scope nowhere/,
  },
  {
    given: "a scope that its principal may not read",
    secrets: [secret("closed", "held")],
    status: "warn",
    sentence: /as which report run, has no READ of its own on the scope closed/,
  },
])("a recipe that needs $given: $status", async ({ secrets, status, sentence }) => {
  const found = await foundOf({ secrets });
  expect(found).toMatchObject({ status, sentence: expect.stringMatching(sentence) });
  expect(JSON.stringify(found)).not.toContain("a-value-that-nobody-lists");
});

test("what a new cluster resolves itself counts as well", async () => {
  const task = {
    ...recipe.task,
    compute: { new_cluster: { spark_conf: { a: "{{secrets/team/conf}}" } } },
    env: { B: "{{secrets/team/variable}}" },
  };
  const found = await foundOf({ task });
  expect(found.sentence).toMatch(/secret variable, .*; report needs the secret conf, /);
  expect(found).toMatchObject({ remedy: expect.stringContaining("put-secret team conf") });
});

test("who may not look says so, and not that all is well", async () => {
  const found = await foundOf({ secrets: [secret("team", "held")] }, controllers);
  expect(found.status).toBe("skipped");
});
