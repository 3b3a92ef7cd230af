// The package as somebody gets it who has no repository: packed, installed into an empty folder, and used as its README
// says. No network: the declared dependencies are linked from where they are installed here, and no others.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..");
const repository = join(root, "../..");
const { name, dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const readme = readFileSync(join(root, "README.md"), "utf8");

const place = mkdtempSync(join(tmpdir(), "tarball-"));
/** Where somebody works who installs it. */
const folder = join(place, "empty");
/** What npm must not take from this machine: a user's settings, what it has cached, and another Node. */
const env = {
  PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
  HOME: place,
  TMPDIR: place,
  npm_config_cache: join(place, "cache"),
  npm_config_offline: "true",
  npm_config_audit: "false",
  npm_config_fund: "false",
};
const npm = (cwd: string, ...args: readonly string[]) => run("npm", [...args], { cwd, env });

/** Packs a copy: packing exchanges package.json for a moment, and other tests are at work beside this one. */
async function packed(): Promise<string> {
  const copy = join(place, "repository");
  const ours = join(copy, "packages", basename(root));
  const left = new Set(["node_modules", "dist", "test", ".local"]);
  cpSync(root, ours, { recursive: true, filter: (path) => !left.has(basename(path)) });
  cpSync(join(repository, "tsconfig.json"), join(copy, "tsconfig.json"));
  symlinkSync(join(repository, "node_modules"), join(copy, "node_modules"));
  await npm(ours, "pack", "--pack-destination", place);
  expect(existsSync(join(ours, "package.repository.json"))).toBe(false);
  expect(readFileSync(join(ours, "package.json"), "utf8")).toBe(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  return join(place, readdirSync(place).find((file) => file.endsWith(".tgz")) ?? "");
}

/** As `npm install` would find them; the rest of their own dependencies they find from where they are. */
function linkDependencies(names: readonly string[]): void {
  const require = createRequire(join(root, "package.json"));
  for (const each of names) {
    const link = join(folder, "node_modules", each);
    mkdirSync(dirname(link), { recursive: true });
    const found = (require.resolve.paths(each) ?? [])
      .map((path) => join(path, each))
      .find((path) => existsSync(path));
    symlinkSync(found ?? each, link);
  }
}

beforeAll(async () => {
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  linkDependencies(Object.keys(dependencies));
  // What is linked would be prepared anew.
  await npm(folder, "install", "--ignore-scripts", "--no-package-lock", await packed());
});

/** The first block of the README in that language. */
const block = (language: string): string =>
  new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "m").exec(readme)?.[1] ?? "";

test("it has what it needs to run, and neither sources nor tests", () => {
  const installed = join(folder, "node_modules", name);
  expect(readdirSync(installed).sort()).toEqual(
    ["CHANGELOG.md", "LICENSE", "README.md", "dist", "docs", "package.json"].sort(),
  );
  const files = readdirSync(join(installed, "dist"), { recursive: true, encoding: "utf8" });
  expect(files.filter((file) => /(?<!\.d)\.ts$|__pycache__|\.test\./.test(file))).toEqual([]);
  for (const file of ["index.js", "index.d.ts", "execution/python/launcher.py"])
    expect(files).toContain(file);
  const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  expect(manifest.dependencies).toEqual(dependencies);
  expect([manifest.scripts, manifest.devDependencies]).toEqual([undefined, undefined]);
  expect(JSON.stringify(manifest)).not.toContain("src/");
});

test("every link of its documents leads to something that is in it", () => {
  const installed = join(folder, "node_modules", name);
  const documents = readdirSync(installed, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => join(installed, file));
  const links = documents.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map(([, to = ""]) =>
      join(dirname(file), to),
    ),
  );
  expect(links.length).toBeGreaterThan(10);
  expect(links.filter((link) => !existsSync(link))).toEqual([]);
});

test("the README's six lines run", async () => {
  writeFileSync(
    join(folder, "your-program.js"),
    `import { request } from "node:https";
const body = JSON.stringify({ run_name: "r", idempotency_token: "t", tasks: [
  { task_key: "main", spark_python_task: { python_file: "/Workspace/none.py" }, environment_key: "e" },
], environments: [{ environment_key: "e", spec: { client: "2" } }] });
const submit = ({ env, ca }) => new Promise((resolve, reject) => {
  const headers = { authorization: "Bearer " + env.DATABRICKS_TOKEN };
  const sent = request(env.DATABRICKS_HOST + "/api/2.2/jobs/runs/submit", { method: "POST", ca, headers });
  sent.on("response", (answer) => answer.resume().on("end", () => resolve(answer.statusCode)));
  sent.on("error", reject).end(body);
});
export const yourProgram = (to) => submit(to).catch(() => submit(to));
`,
  );
  expect(block("js").split("\n\n")[1]?.trim().split("\n")).toHaveLength(6);
  writeFileSync(join(folder, "six-lines.js"), block("js"));
  const { stderr } = await run(process.execPath, ["six-lines.js"], { cwd: folder, env });
  expect(stderr).toBe("");
});

test("the README's one command starts it, and a client in that shell finds it", async () => {
  const bin = join(place, "bin");
  mkdirSync(bin);
  // Stands for whichever client there is: it knows what the environment says, and no more.
  writeFileSync(
    join(bin, "databricks"),
    `#!/usr/bin/env node
const url = process.env.DATABRICKS_HOST + "/api/2.0/preview/scim/v2/Me";
fetch(url, { headers: { authorization: "Bearer " + process.env.DATABRICKS_TOKEN } })
  .then((answer) => answer.json())
  .then(({ userName }) => console.log(process.argv.slice(2).join(" "), userName === process.env.DATABRICKS_CLIENT_ID));
`,
  );
  chmodSync(join(bin, "databricks"), 0o755);
  const shell = spawn("sh", ["-eu"], {
    cwd: folder,
    env: { ...env, PATH: [bin, env.PATH].join(delimiter) },
    detached: true,
  });
  shell.stdin.end(block("sh"));
  const [stdout] = await Promise.all([shell.stdout.toArray(), once(shell, "exit")]).finally(() =>
    process.kill(-(shell.pid ?? 0), "SIGTERM"),
  );
  expect(Buffer.concat(stdout).toString()).toBe("current-user me true\n");
});

test("a program that uses it type-checks", async () => {
  linkDependencies(["@types/node", "undici-types"]);
  writeFileSync(
    join(folder, "uses.ts"),
    `import { issueCertificates, startWorkspace, type Workspace } from "${name}";
await using workspace: Workspace = await startWorkspace({ sql: "duckdb", settings: { rateLimits: true } });
const { caPem }: { caPem: string } = issueCertificates(Date.now());
// @ts-expect-error there is no such kind
workspace.fail({ route: caPem, kind: "no such kind" });
`,
  );
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022"];
  const more = ["--lib", "es2023,esnext.disposable", "--types", "node", "--skipLibCheck"];
  await run(join(repository, "node_modules", ".bin", "tsc"), [...options, ...more, "uses.ts"], {
    cwd: folder,
    env,
  });
});
