// Compares the secrets that recipes need with what their scopes hold, before a run fails for want
// of one. It reads names and permissions; nobody can list values.
import * as z from "zod";
import type { Stage } from "../../infra/stage.ts";
import type { Workload } from "../../infra/workloads.ts";
import type { DatabricksHttp } from "../../shared/adapters/databricks-http.ts";
import type { Recipe } from "../../shared/domain/recipe.ts";
import { ask } from "../ask.ts";
import { type Check, type Finding, fail, ok, skipped, warn } from "./check.ts";

/** A secret that a workload needs, and the principal that reads it. */
type Need = {
  readonly workload: string;
  readonly scope: string;
  readonly key: string;
  readonly required: boolean;
  readonly reader: string;
};

export const secretsCheck = (
  http: DatabricksHttp,
  stage: Pick<Stage, "databricks">,
  workloads: readonly Workload[],
): Check => ({
  id: "secrets",
  remedy: "look as somebody who may read the secret scopes that recipes name",
  needs: "credentials",
  look: () => secretsFinding(http, stage, workloads),
});

async function secretsFinding(
  http: DatabricksHttp,
  { databricks }: Pick<Stage, "databricks">,
  workloads: readonly Workload[],
): Promise<Finding> {
  const needs = workloads.flatMap(({ workload, recipe }) =>
    secretsOf(recipe).map((secret) => ({
      workload,
      ...secret,
      reader: recipe.run_as ?? databricks.run_as,
    })),
  );
  if (needs.length === 0) return ok("no workload needs a secret");
  const faults: Fault[] = [];
  for (const [scope, those] of Map.groupBy(needs, (need) => need.scope))
    faults.push(...(await faultsOf(http, scope, those)));
  const unseen = faults.filter(({ kind }) => kind === "unseen");
  const missing = faults.filter(({ kind }) => kind === "missing");
  const doubtful = faults.filter(({ kind }) => kind === "doubtful");
  const optional = faults.filter(({ kind }) => kind === "optional");
  if (missing.length > 0) return of(fail, missing);
  if (unseen.length > 0) return of(skipped, unseen);
  if (doubtful.length > 0) return of(warn, doubtful);
  if (optional.length > 0)
    return ok(`no required secret is missing; ${optional.map((f) => f.sentence).join("; ")}`);
  return ok(`all ${needs.length} secrets that workloads need are there and may be read`);
}

type Fault = {
  readonly kind: "missing" | "optional" | "doubtful" | "unseen";
  readonly sentence: string;
  readonly remedy: string;
};

const of = (say: (sentence: string, remedy: string) => Finding, faults: readonly Fault[]) =>
  say(
    faults.map(({ sentence }) => sentence).join("; "),
    [...new Set(faults.map(({ remedy }) => remedy))].join("; "),
  );

async function faultsOf(
  http: DatabricksHttp,
  scope: string,
  needs: readonly Need[],
): Promise<readonly Fault[]> {
  const listed = await secretsApi(http, "list", { scope });
  if (listed.kind === "refused") {
    const isRequired = needs.some(({ required }) => required);
    const sentence = `${workloadsOf(needs)} ${isRequired ? "needs" : "would read"} the secret scope ${scope}: ${listed.error.message}`;
    const remedy = `databricks secrets create-scope ${scope}, or look as somebody who may read it`;
    if (listed.error.code !== "RESOURCE_DOES_NOT_EXIST")
      return [{ kind: "unseen", sentence, remedy }];
    return [{ kind: isRequired ? "missing" : "optional", sentence, remedy }];
  }
  const { secrets } = Keys.parse(listed.json);
  const held = new Set(secrets.map(({ key }) => key));
  const absent = needs.filter(({ key }) => !held.has(key));
  return [
    ...absent.map(({ workload, key, required }) => ({
      kind: required ? ("missing" as const) : ("optional" as const),
      sentence: `${workload} ${required ? "needs" : "would read"} the secret ${key}, which the scope ${scope} does not hold`,
      remedy: `databricks secrets put-secret ${scope} ${key}`,
    })),
    ...(await unreadable(http, scope, needs)),
  ];
}

/** Readers that may not read the scope. Who does not manage it cannot look at its permissions. */
async function unreadable(
  http: DatabricksHttp,
  scope: string,
  needs: readonly Need[],
): Promise<readonly Fault[]> {
  const faults: Fault[] = [];
  for (const [reader, those] of Map.groupBy(needs, (need) => need.reader)) {
    const acl = await secretsApi(http, "acls/get", { scope, principal: reader });
    if (acl.kind === "ok" || acl.error.code !== "RESOURCE_DOES_NOT_EXIST") continue;
    faults.push({
      kind: "doubtful", // A group of the reader's may have what itself has not.
      sentence: `${reader}, as which ${workloadsOf(those)} run, has no READ of its own on the scope ${scope}`,
      remedy: `databricks secrets put-acl ${scope} ${reader} READ`,
    });
  }
  return faults;
}

const workloadsOf = (needs: readonly Need[]): string =>
  [...new Set(needs.map(({ workload }) => workload))].join(", ");

const secretsApi = (http: DatabricksHttp, path: string, query: Readonly<Record<string, string>>) =>
  ask(http, {
    method: "GET",
    path: `/api/2.0/secrets/${path}?${new URLSearchParams(query)}`,
    rate: "list",
  });

const Keys = z.object({ secrets: z.array(z.object({ key: z.string() })).default([]) });

/** Those that the executor reads, and those that a new cluster resolves. */
function secretsOf({ secrets = [], task }: Recipe): readonly Omit<Need, "workload" | "reader">[] {
  const ofCluster = "new_cluster" in task.compute ? [task.env, task.compute.new_cluster] : [];
  return [
    ...secrets.map(({ scope, key, required }) => ({ scope, key, required })),
    ...[...JSON.stringify(ofCluster).matchAll(REFERENCE)].map(([, scope = "", key = ""]) => ({
      scope,
      key,
      required: true,
    })),
  ];
}

const REFERENCE = /\{\{secrets\/([^/{}"]+)\/([^/{}"]+)\}\}/g;
