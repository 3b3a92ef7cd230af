// Runs the executor's own suite (unittest, standard library only), a few files at a time: npm run
// test:executor
import { spawn, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { findPython, type Python } from "./python.ts";

const folder = join(import.meta.dirname, "../../services/executor/tests");

process.exitCode = await main();

async function main(): Promise<number> {
  const python = findPython((command, args) => spawnSync(command, args, { encoding: "utf8" }));
  if (typeof python === "string") {
    console.error(python);
    return 1;
  }
  const waiting = readdirSync(folder).filter((name) => /^test_.*\.py$/.test(name));
  const files = waiting.length;
  const startedMs = performance.now();
  const ran: Ran[] = [];
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      ran.push(await runFile(python, file));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return conclude(ran, files, python, Math.round((performance.now() - startedMs) / 1000));
}

type Ran = { readonly file: string; readonly code: number; readonly tests: number };

/** One file in a process of its own; what it says is shown whole once it is over. */
function runFile(python: Python, file: string): Promise<Ran> {
  const { promise, resolve, reject } = Promise.withResolvers<Ran>();
  const args = ["-m", "unittest", "discover", "-s", folder, "-p", file];
  const child = spawn(python.command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  child.on("error", reject);
  child.on("close", (code) => {
    const tests = Number(/^Ran (\d+) tests?/m.exec(output)?.[1] ?? 0);
    console.log(code === 0 ? `${file}: ${tests} passed` : `${file}:\n${output}`);
    resolve({ file, code: code ?? 1, tests });
  });
  return promise;
}

function conclude(ran: readonly Ran[], files: number, python: Python, seconds: number): number {
  // A file in which no test was found must not look like one that passed.
  const failed = ran.filter(({ code, tests }) => code !== 0 || tests === 0);
  const tests = ran.reduce((sum, each) => sum + each.tests, 0);
  const verdict =
    failed.length === 0 && ran.length === files && files > 0
      ? "passed"
      : `failed in ${failed.map(({ file }) => file).join(", ") || "no file at all"}`;
  console.log(
    `executor: ${tests} tests in ${files} files with Python ${python.version}, ${seconds} s: ${verdict}`,
  );
  return verdict === "passed" ? 0 : 1;
}
