// Who may import whom. This table is the architecture; first match wins, everything absent is forbidden.
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

const core = ["shared/domain", "shared/ports.ts"];
const story = [...core, "shared/story", "shared/topology.ts", "zod"];
const roots = ["shared", "zod"];

const mayImport: Readonly<Record<string, readonly string[]>> = {
  "shared/domain": ["zod"],
  "shared/topology.ts": ["shared/domain", "zod"],
  "shared/log.ts": [],
  "shared/ports.ts": ["shared/domain", "shared/topology.ts", "shared/log.ts"],
  "shared/story": core,
  "shared/edge": [...core, "shared/topology.ts", "@middy/core", "aws-lambda", "zod"],
  "shared/adapters": [
    ...core,
    "shared/topology.ts",
    "shared/log.ts",
    "node:",
    "@aws-sdk/",
    "@smithy/",
    "@databricks/sql",
    "undici",
    "yaml",
    "zod",
  ],
  "services/orchestrator/handler.ts": ["services/orchestrator", ...roots],
  "services/orchestrator": [...story, "shared/edge"],
  "services/run-poller/handler.ts": ["services/run-poller", ...roots],
  "services/run-poller": [...story, "shared/edge"],
  "services/ingester/handler.ts": ["services/ingester", ...roots],
  "services/ingester": [...story, "shared/edge"],
  "services/executor": ["shared/domain", "node:", "zod"],
  infra: [
    "shared/topology.ts",
    // Stages and recipes are read as strictly as the services read recipes.
    "shared/adapters/strict-yaml.ts",
    "shared/domain",
    "node:",
    "aws-cdk-lib",
    "cdk-nag",
    "constructs",
    "esbuild",
    "yaml",
    "zod",
  ],
  // The embedded workspace is a package of its own: it knows nothing of Signalbox.
  "packages/embedded-workspace/src": ["node:", "@databricks/sql", "@duckdb/node-api", "zod"],
  "local/aws": [
    "shared/topology.ts",
    "shared/domain",
    "node:",
    "@aws-sdk/",
    "aws-lambda",
    "fauxqs",
    "zod",
  ],
  "local/plane": [""],
  "local/main.ts": [""],
  cli: [""],
};

const root = join(import.meta.dirname, "..");
const within = (path: string, place: string) =>
  place === "" || path === place || path.startsWith(/[:/]$/.test(place) ? place : `${place}/`);
const unitOf = (path: string) => Object.keys(mayImport).find((unit) => within(path, unit));

// `import … from "x"`, `export … from "x"`, `import "x"` at the start of a line, and `import("x")` anywhere.
const IMPORT =
  /^(?:import|export)\s(?:[^;"=()]*?\bfrom\s)?\s*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;

function importsOf(file: string): string[] {
  const source = readFileSync(join(root, file), "utf8");
  return [...source.matchAll(IMPORT)].map((match) => {
    const specifier = match[1] ?? match[2] ?? "";
    return specifier.startsWith(".")
      ? relative(root, join(root, dirname(file), specifier))
      : specifier;
  });
}

const files = globSync("{infra,services,shared,local,cli,packages/*/src}/**/*.ts", {
  cwd: root,
}).filter((file) => !file.includes("node_modules") && !file.endsWith(".d.ts"));

test("every import follows an allowed edge", () => {
  expect(files.length).toBeGreaterThan(40); // a checker that sees no files passes everything
  const violations = files.flatMap((file) => {
    const unit = unitOf(file);
    const allowed = unit === undefined ? [] : [unit, ...(mayImport[unit] ?? [])];
    return importsOf(file)
      .filter((target) => !allowed.some((place) => within(target, place)))
      .map((target) => `${file} -> ${target}`);
  });
  expect(violations).toEqual([]);
});

test("nothing but tests imports tests", () => {
  const violations = files.flatMap((file) =>
    importsOf(file)
      .filter((target) => /^(test|packages\/[^/]+\/test)\//.test(target))
      .map((target) => `${file} -> ${target}`),
  );
  expect(violations).toEqual([]);
});

test("no service imports another", () => {
  const services = ["orchestrator", "run-poller", "ingester"];
  const violations = files.flatMap((file) => {
    const own = services.find((service) => within(file, `services/${service}`));
    if (own === undefined) return [];
    return importsOf(file)
      .filter((target) =>
        services.some((other) => other !== own && within(target, `services/${other}`)),
      )
      .map((target) => `${file} -> ${target}`);
  });
  expect(violations).toEqual([]);
});

test("only composition roots and edges read the environment", () => {
  const mayRead = ["services/*/handler.ts", "local/", "packages/", "cli/", "infra/app.ts"];
  const allowed = (file: string) =>
    mayRead.some((place) => new RegExp(`^${place.replace("*", "[^/]+")}`).test(file));
  const violations = files.filter(
    (file) => !allowed(file) && readFileSync(join(root, file), "utf8").includes("process.env"),
  );
  expect(violations).toEqual([]);
});
