// Installs Spark if need be, then runs the suites that need it.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { sparkFolder } from "../../src/sql/spark/process.ts";

const root = join(import.meta.dirname, "../..");
const run = (command: string, args: readonly string[]) => {
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};
run("src/sql/spark/install.sh", [sparkFolder()]);
run("vitest", ["run", "--config", "test/spark/vitest.config.ts", "--root", "."]);
