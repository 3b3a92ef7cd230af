// Installs Spark if need be, then runs the suites that need it.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { sparkFolder } from "../../local/workspace/sql/spark/process.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = (command: string, args: readonly string[]) => {
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};
run("local/workspace/sql/spark/install.sh", [sparkFolder()]);
run("vitest", ["run", "--config", "test/spark/vitest.config.ts", "--root", "."]);
