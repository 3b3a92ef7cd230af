// The executor: what one attempt costs beside the code that it runs.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ExecutorManifest } from "../../shared/domain/contract.ts";
import { findPython } from "../executor/python.ts";
import { type Figure, ofTimes } from "./figure.ts";
import { inTurns, processMs } from "./processes.ts";

const ROUNDS = 15;
const executor = join(import.meta.dirname, "../../services/executor");
const FACTS = "/Volumes/main/ops/facts/run_bench";

/** An artifact of one word, from its manifest to its result. */
export async function measureExecutor(): Promise<readonly Figure[]> {
  const python = findPython((command, args) => spawnSync(command, args, { encoding: "utf8" }));
  if (typeof python === "string") throw new Error(python);
  const root = mkdtempSync(join(tmpdir(), "signalbox-bench-"));
  // As in its own tests: a folder that looks like /Volumes, and behaves as one does.
  const env = {
    ...process.env,
    PYTHONPATH: join(executor, "tests/volume_shim"),
    SIGNALBOX_TEST_VOLUMES: join(root, "Volumes"),
  };
  const run = (...args: readonly string[]) => processMs({ file: python.command, args, env }, "end");
  let attempts = 0;
  try {
    const ms = await inTurns(ROUNDS, {
      plain: () => run("-c", "pass"),
      attempt: () => {
        attempts++;
        return run(join(executor, "src/run_executor.py"), putAttempt(root, attempts));
      },
    });
    const plain = ofTimes(ms.plain);
    const attempt = ofTimes(ms.attempt);
    const beside = { what: "python3 -c pass", value: plain.value };
    return [
      { what: "one attempt, whose code is `pass`", ...attempt, unit: "ms", beside },
      { what: "of it the executor's own", value: attempt.value - plain.value, unit: "ms" },
    ];
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/**
 * The files of one attempt, as the orchestrator writes them. Returns the manifest's path, as
 * executors see it.
 */
function putAttempt(root: string, attempt: number): string {
  const content = Buffer.from("pass\n");
  const sha256 = createHash("sha256").update(content).digest("hex");
  const entry = { name: "pass.py", path: `${FACTS}/files/${sha256}/pass.py`, sha256 };
  const limits = { iterations: 1, attempts: 1, timeout_seconds: 60, queue_seconds: 0 };
  const manifest: ExecutorManifest = {
    v: 1,
    plane_id: "0b8f2a52-6f0d-4f0e-9a3e-0d8d6a1d7c11",
    run_id: "bench",
    workload: "bench",
    chapter: 1,
    iter_n: 1,
    attempt,
    try: attempt,
    created_at: "2026-11-21T06:00:00.000Z",
    submit_before: "2026-11-28T06:00:00.000Z",
    files: [{ ...entry, bytes: content.byteLength }],
    entry: entry.name,
    code_paths: [],
    parameters: {},
    capsule: {},
    policy: { timeout_seconds: 50, allowed_modules: null, writes: [] },
    mode: "PROD",
    limits,
    gate: [],
    allow_failures: false,
    single_iteration: true,
    scratchpad: `/Volumes/main/ops/scratchpad/run_bench/iter_001/attempt_${attempt}`,
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  };
  const path = `${FACTS}/iter_001.attempt_${attempt}.manifest.json`;
  put(root, entry.path, content);
  put(root, path, JSON.stringify(manifest));
  return path;
}

function put(root: string, path: string, content: string | Uint8Array): void {
  mkdirSync(join(root, dirname(path)), { recursive: true });
  writeFileSync(join(root, path), content);
}
