// Runs a workload's artifact through the real executor, iteration by iteration, on a folder that
// stands for /Volumes.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { withWholeFolder } from "../../shared/adapters/workload-folder.ts";
import type { Capsule } from "../../shared/domain/capsule.ts";
import type { ExecutorManifest, Result } from "../../shared/domain/contract.ts";
import { Recipe } from "../../shared/domain/recipe.ts";
import { resultOf } from "../../shared/domain/result.ts";

const root = join(import.meta.dirname, "../..");
const codebase = "/Volumes/main/ops/company_codebase";

export const workloadFolder = (workload: string): string => join(root, "workloads", workload);

/** A data set of the npm package vega-datasets. */
export const dataset = (name: string): string =>
  readFileSync(join(root, "node_modules/vega-datasets/data", name), "utf8");

export const recipeOf = (workload: string): Recipe =>
  withWholeFolder(
    workloadFolder(workload),
    Recipe.parse(parse(readFileSync(join(workloadFolder(workload), "recipe.yaml"), "utf8"))),
  );

/**
 * One run of a workload: its data where its recipe expects it, and the capsule where the last
 * iteration left it.
 */
export class Loop implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "signalbox-workload-"));
  readonly #workload: string;
  readonly #recipe: Recipe;
  capsule: Capsule = {};
  iteration = 0;

  constructor(workload: string, data: string) {
    this.#workload = workload;
    this.#recipe = recipeOf(workload);
    this.put(this.dataPath, data);
  }

  get dataPath(): string {
    return String(this.#recipe.parameters["data"]);
  }

  /**
   * Runs the next iteration. Its result has passed the same checks as one that comes from
   * Databricks.
   */
  async next(parameters: Readonly<Record<string, unknown>> = {}): Promise<Result> {
    this.iteration++;
    const manifest = this.#manifest({ ...this.#recipe.parameters, ...parameters });
    const path = `/Volumes/main/ops/facts/${this.iteration}.manifest.json`;
    const text = JSON.stringify(manifest);
    this.put(path, text);
    const code = await this.#execute(path);
    const { run_id, iter_n, attempt } = manifest;
    const expected = { run_id, iter_n, attempt, manifest_sha256: sha256(text) };
    const reading = resultOf(this.read(`${manifest.scratchpad}/result.json`), expected);
    if (reading.kind !== "valid") throw new Error(`the result is ${JSON.stringify(reading)}`);
    if ((code === 0) !== (reading.result.status === "SUCCESS"))
      throw new Error(`exit code ${code} and ${reading.result.status} contradict each other`);
    this.capsule = reading.result.capsule;
    return reading.result;
  }

  put(path: string, content: string): void {
    mkdirSync(dirname(this.#real(path)), { recursive: true });
    writeFileSync(this.#real(path), content);
  }

  read(path: string): string {
    return readFileSync(this.#real(path), "utf8");
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }

  #real(path: string): string {
    return join(this.#folder, path);
  }

  #manifest(parameters: ExecutorManifest["parameters"]): ExecutorManifest {
    const { planner, limits, writes, allowed_modules, gate, secrets } = this.#recipe;
    return {
      v: 1,
      plane_id: "0b8f2a52-6f0d-4f0e-9a3e-0d8d6a1d7c11",
      run_id: "r-1",
      workload: this.#workload,
      chapter: 1,
      iter_n: this.iteration,
      attempt: 1,
      try: 1,
      created_at: "2026-11-21T06:00:00.000Z",
      submit_before: "2026-11-28T06:00:00.000Z",
      files: [planner.artifact, ...planner.files].map((name) => this.#planned(name)),
      entry: planner.artifact,
      ...(planner.run !== undefined && { run: planner.run }),
      ...(secrets !== undefined && { secrets }),
      state_path: "/Volumes/main/ops/scratchpad/state",
      code_paths: [codebase],
      parameters,
      capsule: this.capsule,
      policy: { timeout_seconds: limits.timeout_seconds, allowed_modules, writes },
      mode: "PROD",
      limits,
      gate,
      single_iteration: limits.iterations === 1,
      allow_failures: false,
      scratchpad: `/Volumes/main/ops/scratchpad/iter_${this.iteration}`,
      traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    };
  }

  #planned(name: string): ExecutorManifest["files"][number] {
    const content = readFileSync(join(workloadFolder(this.#workload), name), "utf8");
    const path = `/Volumes/main/ops/facts/files/${name}`;
    this.put(path, content);
    return { name, path, sha256: sha256(content), bytes: Buffer.byteLength(content) };
  }

  #execute(manifestPath: string): Promise<number> {
    const executor = join(root, "services/executor");
    const env = {
      ...process.env,
      PYTHONPATH: join(executor, "tests/volume_shim"),
      SIGNALBOX_TEST_VOLUMES: join(this.#folder, "Volumes"),
    };
    const script = join(executor, "src/run_executor.py");
    return new Promise((resolve, reject) => {
      execFile("python3", [script, manifestPath], { env }, (error) => {
        if (error === null) resolve(0);
        else if (typeof error.code === "number") resolve(error.code);
        else reject(error);
      });
    });
  }
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
