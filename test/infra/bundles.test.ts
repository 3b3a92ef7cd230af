// The budgets of size, measured on the very bundles that are deployed; and that each of them
// starts.
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bundles, buildBundles } from "../../infra/bundles.ts";
import type { ServiceName } from "../../shared/topology.ts";
import { functionEnvironment } from "./function-environment.ts";

const budgets = [
  { service: "orchestrator", bytesMax: 1_000_000 },
  { service: "run-poller", bytesMax: 1_000_000 },
  { service: "ingester", bytesMax: 2_700_000 },
] as const;

let bundles: Bundles;
const out = mkdtempSync(join(tmpdir(), "signalbox-bundles-"));
beforeAll(async () => {
  bundles = await buildBundles({ out });
}, 120_000);
afterAll(() => rmSync(out, { recursive: true }));

/** Everything that Node may load: the handler and its chunks, without source maps and workloads. */
const codeOf = (service: ServiceName): readonly string[] =>
  readdirSync(bundles[service].folder)
    .filter((name) => name.endsWith(".mjs"))
    .map((name) => join(bundles[service].folder, name));

const bytesOf = (files: readonly string[]) =>
  files.reduce((sum, file) => sum + statSync(file).size, 0);

describe.each(budgets)("the $service", ({ service, bytesMax }) => {
  test(`has at most ${bytesMax} bytes`, () => {
    const bytes = bytesOf(codeOf(service));
    expect(bytes).toBeGreaterThan(300_000); // a budget on an empty folder is none
    expect(bytes).toBeLessThanOrEqual(bytesMax);
  });

  test("starts in the folder of its code, with the variables of the template and nothing else", async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["-e", 'import("./handler.mjs").then(({ handler }) => console.log(typeof handler))'],
      {
        cwd: bundles[service].folder,
        env: functionEnvironment(service),
      },
    );
    expect(stdout).toBe("function\n");
  });

  test("has source maps that name its own files, and no source text", () => {
    const map: unknown = JSON.parse(
      readFileSync(join(bundles[service].folder, "handler.mjs.map"), "utf8"),
    );
    expect(map).toHaveProperty(
      "sources",
      expect.arrayContaining([expect.stringMatching(`services/${service}/handler.ts$`)]),
    );
    expect(map).not.toHaveProperty("sourcesContent");
  });
});

test("only the ingester carries the SQL driver, in a chunk that is loaded when a record comes", () => {
  const chunksWithDriver = (service: ServiceName) =>
    Object.entries(bundles[service].metafile.outputs)
      .filter(([, { inputs }]) =>
        Object.keys(inputs).some((path) => path.includes("node_modules/@databricks/sql/")),
      )
      .map(([path]) => path);
  expect(chunksWithDriver("orchestrator")).toEqual([]);
  expect(chunksWithDriver("run-poller")).toEqual([]);
  const [driver, ...others] = chunksWithDriver("ingester");
  expect(others).toEqual([]);
  expect(driver).not.toMatch(/handler\.mjs$/);
});

test("the same sources give the same bytes, wherever they are written", async () => {
  const deeper = join(out, "a", "b");
  const again = await buildBundles({ out: deeper });
  for (const { service } of budgets) {
    const { folder } = bundles[service];
    const names = readdirSync(folder).filter((name) => name.includes(".mjs")); // maps, too
    expect(names.length).toBeGreaterThan(2);
    for (const name of names) {
      const other = readFileSync(join(again[service].folder, name));
      expect(readFileSync(join(folder, name)).equals(other)).toBe(true);
    }
  }
});
