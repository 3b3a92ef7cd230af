// Who may import whom. This table is the architecture; first match wins, everything absent is
// forbidden.
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

const core = ["shared/domain", "shared/ports.ts"];
const story = [...core, "shared/story", "shared/topology.ts", "zod"];
const roots = ["shared", "zod"];
const words = ["cli/frame", "cli/terminal.ts", "cli/usage.ts", "@commander-js/"];
const stages = ["cli/stage-context.ts", "cli/workspace-client.ts", "cli/messages.ts"];

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
    "shared/adapters/workload-folder.ts",
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
  "local/aws": ["shared/topology.ts", "shared/domain", "node:", "@aws-sdk/", "aws-lambda", "zod"],
  // A plane is put together from what a deployment is made of; of the command line it takes the
  // bootstrap, the ways to a workspace, and the screen.
  "local/plane": [
    "local/aws",
    ...["bootstrap", "login", "secret-scope", "terminal", "workspace-client"].map(
      (name) => `cli/${name}.ts`,
    ),
    ...["executor", "local-stage", "names", "workloads"].map((name) => `infra/${name}.ts`),
    "shared/adapters",
    "shared/domain",
    "shared/topology.ts",
    "embedded-databricks-workspace",
    "@aws-sdk/client-sqs",
    "node:",
    "zod",
  ],
  "local/main.ts": [
    "local/plane",
    "cli/terminal.ts",
    "infra/executor.ts",
    "shared/domain",
    "node:",
  ],
  // The frame knows what a command line is, and nothing of Signalbox.
  "cli/frame": ["cli/terminal.ts", "cli/usage.ts", "shared/domain", "@commander-js/", "node:"],
  "cli/terminal.ts": ["shared/domain", "node:"],
  "cli/usage.ts": ["cli/terminal.ts", "shared/domain", "@commander-js/", "zod"],
  "cli/check": [
    ...words,
    "shared/adapters/strict-yaml.ts",
    "shared/adapters/workload-folder.ts",
    "shared/domain",
    "yaml",
    "node:",
    "zod",
  ],
  "cli/run": [
    ...words,
    ...stages,
    "cli/check",
    "cli/ask.ts",
    "infra/workloads.ts",
    "shared",
    "node:",
    "zod",
  ],
  "cli/letters": [
    ...words,
    ...stages,
    "cli/check",
    "cli/run",
    "infra/names.ts",
    "shared/domain",
    "shared/topology.ts",
    "@aws-sdk/client-sqs",
    "node:",
    "zod",
  ],
  "cli/doctor": [...stages, "cli", "infra", "shared", "@aws-sdk/", "node:", "zod"],
  "cli/commands": ["cli", "infra", "shared", "@commander-js/", "node:", "zod"],
  "cli/commands.ts": ["cli/commands", "cli/usage.ts"],
  "cli/main.ts": ["cli", "infra", "node:"],
  "cli/reference.ts": ["cli", "@commander-js/", "node:"],
  // What several parts of it stand on: a stage's login, its clients, its messages.
  cli: ["infra", "shared", "@aws-sdk/", "node:", "zod"],
};

const root = join(import.meta.dirname, "..");
const within = (path: string, place: string) =>
  place === "" || path === place || path.startsWith(/[:/]$/.test(place) ? place : `${place}/`);
const unitOf = (path: string) => Object.keys(mayImport).find((unit) => within(path, unit));

// `import … from "x"`, `export … from "x"`, `import "x"` at the start of a line, and `import("x")`
// anywhere.
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

test("no row allows everything", () => {
  expect(Object.values(mayImport).flat()).not.toContain("");
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

const WORKSPACE = "embedded-databricks-workspace";

test("the embedded workspace is imported by its name, at one place", () => {
  const importers = files.filter((file) => !within(file, "packages"));
  expect(importers.filter((file) => importsOf(file).includes(WORKSPACE))).toEqual([
    "local/plane/workspace-access.ts",
  ]);
  const tests = globSync("test/**/*.ts", { cwd: root });
  const inside = [...importers, ...tests].filter((file) =>
    importsOf(file).some((target) => within(target, "packages")),
  );
  expect(inside).toEqual([]);
});

// `from .x import y`, `from package.x import y`, `from package import x`, anywhere in a file of
// Python.
const PYTHON_IMPORT = /^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)/gm;

/**
 * The modules of its own package that a file imports. `base` is the folder that contains the
 * package.
 */
function pythonImportsOf(file: string, base: string): string[] {
  const source = readFileSync(join(root, file), "utf8");
  return [...source.matchAll(PYTHON_IMPORT)].flatMap(([, dots = "", module = "", names = ""]) => {
    const from = dots === "" ? base : join(dirname(file), ...Array(dots.length - 1).fill(".."));
    const path = join(from, ...module.split("."));
    const words = names.match(/\w+/g) ?? [];
    return [path, ...words.map((word) => join(path, word))].map((each) => `${each}.py`);
  });
}

type Graph = ReadonlyMap<string, readonly string[]>;

/** Each strongly connected part of more than one file, found by Tarjan's algorithm. */
function circlesOf(graph: Graph): readonly (readonly string[])[] {
  const indexes = new Map<string, number>();
  const open: string[] = [];
  const circles: string[][] = [];
  /** The least index that is reached from the file among those still open. */
  const visit = (file: string): number => {
    const index = indexes.size;
    indexes.set(file, index);
    open.push(file);
    let low = index;
    for (const target of graph.get(file) ?? []) {
      if (!indexes.has(target)) low = Math.min(low, visit(target));
      else if (open.includes(target)) low = Math.min(low, indexes.get(target) ?? low);
    }
    if (low < index) return low;
    const part = open.splice(open.indexOf(file));
    if (part.length > 1) circles.push(part.toSorted());
    return low;
  };
  for (const file of graph.keys()) if (!indexes.has(file)) visit(file);
  return circles;
}

const graphOf = (names: readonly string[], targetsOf: (file: string) => string[]): Graph => {
  const known = new Set(names);
  return new Map(
    names.map((file) => [file, targetsOf(file).filter((to) => to !== file && known.has(to))]),
  );
};

test("no import leads back to where it came from, not even one of types alone", () => {
  const tests = globSync("{test,packages/*/test}/**/*.ts", { cwd: root });
  expect(circlesOf(graphOf([...files, ...tests], importsOf))).toEqual([]);
});

test.each(["services/executor/src", "packages/embedded-workspace/src/execution/python"])(
  "no import of Python in %s leads back, not even one inside a function",
  (base) => {
    const graph = graphOf(globSync(`${base}/**/*.py`, { cwd: root }), (file) =>
      pythonImportsOf(file, base),
    );
    expect([...graph.values()].flat().length).toBeGreaterThan(10);
    expect(circlesOf(graph)).toEqual([]);
  },
);

test("a circle is found", () => {
  const graph = new Map([
    ["a", ["b", "x"]],
    ["b", ["c"]],
    ["c", ["a"]],
    ["x", ["y"]],
    ["y", []],
  ]);
  expect(circlesOf(graph)).toEqual([["a", "b", "c"]]);
});
