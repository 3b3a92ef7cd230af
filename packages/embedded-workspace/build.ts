// `npm run build`: the sources as JavaScript with declarations, in dist. Node strips no types
// inside node_modules.
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, rmSync } from "node:fs";
import { extname, join } from "node:path";

const root = import.meta.dirname;
const sources = join(root, "src");
const built = join(root, "dist");

/** Files that are no TypeScript, and are needed where they are. */
const ASSETS = [".py", ".sh"];

rmSync(built, { recursive: true, force: true });
execFileSync("tsc", ["-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
cpSync(sources, built, {
  recursive: true,
  filter: (path) =>
    path.endsWith("__pycache__") === false &&
    (extname(path) === "" || ASSETS.includes(extname(path))),
});
chmodSync(join(built, "main.js"), 0o755);
