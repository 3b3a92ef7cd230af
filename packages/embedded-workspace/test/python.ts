// Asks the Python side of the workspace directly, one process for a whole table.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Json } from "./client.ts";

const folder = join(import.meta.dirname, "../src/execution/python");

/** What `program` leaves in `answer`, given `rows`. It may import `_workspace`. */
export function python(program: string, rows: readonly unknown[]): Json[] {
  const head = `import json, sys\nsys.path.insert(0, ${JSON.stringify(folder)})`;
  const whole = `${head}\nrows = json.load(sys.stdin)\n${program}\njson.dump(answer, sys.stdout)`;
  const options = {
    input: JSON.stringify(rows),
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
    encoding: "utf8" as const,
  };
  return JSON.parse(execFileSync("python3", ["-c", whole], options));
}

/** Whether this machine's Python has a module, by which ours is held against the original. */
export function hasModule(name: string): boolean {
  try {
    execFileSync("python3", ["-c", `import ${name}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
