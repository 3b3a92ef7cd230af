// npm run sim:mutants [-- name …] Shows that each rule bites: every patch in mutants/ takes one
// rule out of a copy of the tree, and the simulation of that copy must break. Prints how many seeds
// that took, and what broke.
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";

const run = promisify(execFile);

/** A rule that needs more worlds than that to be missed is as good as none. */
const SEEDS_MAX = 8_000;
const CALM_SEEDS = 30;
const AT_ONCE = availableParallelism();
const root = join(import.meta.dirname, "../..");
const patches = join(import.meta.dirname, "mutants");

const { values, positionals } = parseArgs({
  options: { seeds: { type: "string", default: String(SEEDS_MAX) } },
  allowPositionals: true,
});

type Found = {
  readonly name: string;
  /** The patch's first line: the rule that it takes out. */
  readonly rule: string;
  readonly kind: "found" | "survived" | "does not apply" | "does not run";
  readonly seeds: number;
  readonly broke: string;
};

const names = (await readdir(patches))
  .filter((file) => file.endsWith(".patch"))
  .map((file) => file.slice(0, -".patch".length))
  .filter((name) => positionals.length === 0 || positionals.includes(name))
  .toSorted();
const found = await inParallel(names, tryMutant);
for (const mutant of found) console.log(lineOf(mutant));
const missed = found.filter(({ kind }) => kind !== "found");
console.log(`\n${found.length - missed.length} of ${found.length} mutants were found`);
if (missed.length > 0 || found.length === 0) process.exitCode = 1;

async function tryMutant(name: string): Promise<Found> {
  const patch = join(patches, `${name}.patch`);
  const rule = (await readFile(patch, "utf8")).split("\n")[0] ?? "";
  const folder = await mkdtemp(join(tmpdir(), `signalbox-mutant-${name}-`));
  try {
    await copyTree(folder);
    const isApplied = await applies(folder, patch);
    if (!isApplied) return { name, rule, kind: "does not apply", seeds: 0, broke: "" };
    const found = { name, rule, ...(await simulated(folder)) };
    console.error(lineOf(found));
    return found;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function copyTree(folder: string): Promise<void> {
  for (const part of ["package.json", "shared", "services", "test/simulation"])
    await cp(join(root, part), join(folder, part), { recursive: true });
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
}

async function applies(folder: string, patch: string): Promise<boolean> {
  try {
    await run("git", ["apply", patch], { cwd: folder });
    return true;
  } catch (error) {
    console.error(String(error));
    return false;
  }
}

/** A few calm worlds first: some rules show there, where nothing else goes wrong. */
async function simulated(folder: string): Promise<Pick<Found, "kind" | "seeds" | "broke">> {
  const worlds = ["--calm-first", String(CALM_SEEDS), "--seeds", values.seeds];
  const command = ["test/simulation/main.ts", "--until-broken", "--jobs", "1", ...worlds];
  const output = await run(process.execPath, command, { cwd: folder }).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string; stderr?: string }) => `${error.stdout ?? ""}${error.stderr ?? ""}`,
  );
  const seeds = Number(/^(\d+) seeds in/m.exec(output)?.[1] ?? 0);
  const broke = /^seed \d+ broke.*?( --calm)?\n {2}(.*?) at /m.exec(output);
  if (broke !== null)
    return { kind: "found", seeds, broke: `${broke[2]}${broke[1] === undefined ? "" : " (calm)"}` };
  if (output.includes("nothing broke")) return { kind: "survived", seeds, broke: "" };
  console.error(output.slice(-2_000));
  return { kind: "does not run", seeds, broke: "" };
}

async function inParallel<In, Out>(
  inputs: readonly In[],
  work: (input: In) => Promise<Out>,
): Promise<readonly Out[]> {
  const outputs: Out[] = [];
  const waiting = inputs.entries();
  const worker = async (): Promise<void> => {
    for (const [i, input] of waiting) outputs[i] = await work(input);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return outputs;
}

function lineOf({ name, rule, kind, seeds, broke }: Found): string {
  const result = kind === "found" ? `${seeds} seeds: ${broke}` : kind.toUpperCase();
  return `${name.padEnd(34)} ${result.padEnd(70)} ${rule}`;
}
