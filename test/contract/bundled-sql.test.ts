// The SQL driver as it is deployed: minified, in a chunk that is loaded late, where CommonJS
// packages look different.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { leaveOut } from "../../infra/left-out.ts";
import type * as adapter from "../../shared/adapters/databricks-sql.ts";
import { type Fixture, startFixture } from "./workspace-fixture.ts";

const ROOT = join(import.meta.dirname, "..", "..");
let fixture: Fixture;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "bundled-sql-"));
  fixture = await startFixture();
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test("the bundled adapter finds the driver, and a statement is answered", async () => {
  await build({
    entryPoints: [join(ROOT, "shared/adapters/databricks-sql.ts")],
    outdir: folder,
    bundle: true,
    minify: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    outExtension: { ".js": ".mjs" },
    banner: {
      js: 'import{createRequire as c}from"node:module";const require=c(import.meta.url);',
    },
    plugins: [leaveOut],
  });
  const bundled: typeof adapter = await import(
    pathToFileURL(join(folder, "databricks-sql.mjs")).href
  );
  const { workspace } = fixture;
  const sql = bundled.createDatabricksSql({
    host: workspace.url,
    httpPath: `/sql/1.0/warehouses/${workspace.context.warehouseId}`,
    tokens: fixture.connect().tokens,
    caPem: workspace.caPem,
    catalog: "main",
    schema: "ops",
    userAgent: "bundled",
  });
  await using session = await sql.open();
  expect(await session.execute("SELECT :n + 1 AS n", { n: 41 })).toEqual([{ n: 42 }]);
});
