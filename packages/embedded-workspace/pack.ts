// Around `npm pack`: in the repository the package is its sources, so that nothing is ever stale; in the tarball it is what
// was built of them. package.json says which, so it is another one while npm packs. `--undo` puts the first one back.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const manifest = join(import.meta.dirname, "package.json");
const kept = join(import.meta.dirname, "package.repository.json");

if (existsSync(kept)) renameSync(kept, manifest); // also what a pack that was killed left behind
if (!process.argv.includes("--undo")) {
  await import("./build.ts");
  const own = readFileSync(manifest, "utf8");
  renameSync(manifest, kept);
  writeFileSync(manifest, `${JSON.stringify(published(JSON.parse(own)), null, 2)}\n`);
}

type Manifest = Readonly<Record<string, unknown>>;

/** Names what was built; tests and scripts stay in the repository. */
function published({ scripts, devDependencies, ...own }: Manifest): Manifest {
  return {
    ...own,
    exports: {
      ".": { types: "./dist/index.d.ts", default: "./dist/index.js" },
      "./package.json": "./package.json",
    },
    bin: { "embedded-databricks-workspace": "dist/main.js" },
  };
}
