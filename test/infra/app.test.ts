// The app as an operator starts it: without an account, without a network, without a variable of
// AWS.
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");

async function synthesise(context: Readonly<Record<string, string>>) {
  const out = mkdtempSync(join(tmpdir(), "signalbox-synth-"));
  const env = { CDK_OUTDIR: out, CDK_CONTEXT_JSON: JSON.stringify(context) };
  const run = promisify(execFile)(process.execPath, ["infra/app.ts"], { cwd: root, env });
  const { code = 0, stderr } = await run.then(
    (done) => ({ ...done, code: 0 }),
    (error: { code: number; stderr: string }) => error,
  );
  return { out, code, stderr };
}

test("the example stage is synthesised with real bundles, offline", async () => {
  const { out, code, stderr } = await synthesise({ stage: "dev" });
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const template = readFileSync(join(out, "signalbox-dev.template.json"), "utf8");
  expect(template).toContain("signalbox-dev-tickets");
  expect(template).toMatch(/company_codebase\/executor\/[0-9a-f]{16}\/run_executor\.py/);
}, 60_000);

test("a wrong stage is said in a line for each fault, and no stack trace", async () => {
  const stages = mkdtempSync(join(tmpdir(), "signalbox-stages-"));
  const dev = readFileSync(join(root, "infra", "stages", "dev.yaml"), "utf8");
  writeFileSync(
    join(stages, "dev.yaml"),
    dev.replace("https://", "http://").replace("catalog:", "catalogue:"),
  );
  const { code, stderr } = await synthesise({ stages });
  expect(code).toBe(1);
  expect(stderr.trim().split("\n")).toEqual([
    expect.stringMatching(/dev\.yaml: databricks\.host is "http:/),
    expect.stringMatching(/dev\.yaml: databricks\.catalog is missing/),
    expect.stringMatching(/dev\.yaml: databricks\.catalogue is not known here/),
  ]);
});

test("a recipe that runs as the controllers, in whatever case, is refused, unless the stage allows it", async () => {
  const stages = mkdtempSync(join(tmpdir(), "signalbox-stages-"));
  const controllers = "abcdef00-0000-4000-8000-000000000001";
  const dev = readFileSync(join(root, "infra", "stages", "dev.yaml"), "utf8").replace(
    "00000000-0000-4000-8000-000000000001",
    controllers,
  );
  writeFileSync(join(stages, "dev.yaml"), dev);
  const workloads = mkdtempSync(join(tmpdir(), "signalbox-workloads-"));
  cpSync(join(root, "workloads"), workloads, { recursive: true });
  const recipe = join(workloads, "weather-report", "recipe.yaml");
  const own = `${readFileSync(recipe, "utf8")}run_as: ${controllers.toUpperCase()}\n`;
  writeFileSync(recipe, own);
  const { code, stderr } = await synthesise({ stages, workloads });
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /weather-report\/recipe\.yaml: run_as is the controllers' own client_id of the stage dev, .*allow_same_identity: true in the stage\n$/,
  );
  const allowing = dev.replace("catalog: main", "catalog: main\n  allow_same_identity: true");
  writeFileSync(join(stages, "dev.yaml"), allowing);
  expect(await synthesise({ stages, workloads })).toMatchObject({ code: 0, stderr: "" });
}, 60_000);

test("a folder of workloads that is not there is said without a stack trace", async () => {
  const { code, stderr } = await synthesise({ stage: "dev", workloads: "/nowhere" });
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^the workloads cannot be read: ENOENT: .*: name their folder \(--workloads, or -c workloads=<folder>\)\n$/,
  );
}, 60_000);

test("two stages are synthesised side by side, each with its own limits", async () => {
  const stages = mkdtempSync(join(tmpdir(), "signalbox-stages-"));
  const dev = readFileSync(join(root, "infra", "stages", "dev.yaml"), "utf8");
  writeFileSync(join(stages, "blue.yaml"), dev);
  const green = dev
    .replace("schema: signalbox_dev", "schema: signalbox_green\n  volumes: { facts: green_facts }")
    .replace(/watches: \d+/, "watches: 20");
  writeFileSync(join(stages, "green.yaml"), green);
  const { out, code, stderr } = await synthesise({ stages });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const template = (stage: string) =>
    readFileSync(join(out, `signalbox-${stage}.template.json`), "utf8");
  expect(template("green")).toMatch(/"SIGNALBOX_FACTS_VOLUME": "green_facts"/);
  expect(template("green")).toMatch(/"MaximumConcurrency": 20/);
  expect(template("green")).not.toContain("signalbox-blue");
  expect(template("blue")).not.toMatch(/green|"MaximumConcurrency": 20/);
}, 60_000);

test("a recipe that the orchestrator would refuse is never deployed", async () => {
  const workloads = mkdtempSync(join(tmpdir(), "signalbox-workloads-"));
  cpSync(join(root, "workloads"), workloads, { recursive: true });
  const recipe = join(workloads, "weather-report", "recipe.yaml");
  writeFileSync(recipe, readFileSync(recipe, "utf8").replace("attempts: 2", "attempts: 0"));
  const { code, stderr } = await synthesise({ stage: "dev", workloads });
  expect(code).toBe(1);
  expect(stderr).toMatch(/weather-report\/recipe\.yaml is no recipe: limits\.attempts.*\n$/);
}, 60_000);
