// The workloads of a plane, as their folder is now. A change that is whole is taken at once; one
// with a fault changes nothing, and says what is wrong.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { readWorkloads, type Workload } from "../../infra/workloads.ts";
import { createWorkloads } from "../../shared/adapters/workloads.ts";
import { messageOf } from "../../shared/domain/body.ts";

export type WorkloadChange =
  | { readonly kind: "taken"; readonly workloads: readonly Workload[]; readonly sentence: string }
  | { readonly kind: "faulty"; readonly sentence: string };

export type WorkloadFolder = {
  /** As they were when they were last whole. */
  readonly current: () => readonly Workload[];
  /** The change since the last call, or undefined. It costs a listing of the folder. */
  readonly look: () => WorkloadChange | undefined;
};

/** @throws Error that names the file, the key and the fault: a plane starts with whole workloads */
export function openWorkloadFolder(folder: string): WorkloadFolder {
  let stamps = stampsIn(folder);
  let workloads = readWhole(folder);
  return {
    current: () => workloads,
    look: () => {
      const now = stampsIn(folder);
      if (isSame(stamps, now)) return undefined;
      const touched = workloadsTouched(stamps, now);
      stamps = now;
      try {
        const before = new Set(workloads.map(({ workload }) => workload));
        workloads = readWhole(folder);
        return { kind: "taken", workloads, sentence: sentenceOf(before, workloads, touched) };
      } catch (error) {
        return {
          kind: "faulty",
          sentence: `workloads stay as they were, until this is mended: ${messageOf(error)}`,
        };
      }
    },
  };
}

/** As the functions read them, too: what they would refuse at their start is refused here. */
function readWhole(folder: string): readonly Workload[] {
  createWorkloads(folder);
  return readWorkloads(folder);
}

type Stamps = ReadonlyMap<string, string>;

/** Each file with its time and size. */
function stampsIn(folder: string): Stamps {
  const stamps = new Map<string, string>();
  try {
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted()) {
      if (name.split("/").some((part) => part.startsWith(".") || part === "__pycache__")) continue;
      const stat = statSync(join(folder, name), { throwIfNoEntry: false });
      if (stat?.isFile() === true) stamps.set(name, `${stat.mtimeMs} ${stat.size} ${stat.ino}`);
    }
  } catch {
    // The folder is being replaced: what is not there yet comes with the next look.
  }
  return stamps;
}

const isSame = (a: Stamps, b: Stamps): boolean =>
  a.size === b.size && [...a].every(([name, stamp]) => b.get(name) === stamp);

function workloadsTouched(before: Stamps, now: Stamps): ReadonlySet<string> {
  const names = [...new Set([...before.keys(), ...now.keys()])];
  const changed = names.filter((name) => before.get(name) !== now.get(name));
  return new Set(changed.map((name) => name.split("/")[0] ?? ""));
}

function sentenceOf(
  before: ReadonlySet<string>,
  workloads: readonly Workload[],
  touched: ReadonlySet<string>,
): string {
  const names = workloads.map(({ workload }) => workload);
  const parts = [
    ["new", names.filter((name) => !before.has(name))],
    ["changed", names.filter((name) => before.has(name) && touched.has(name))],
    ["gone", [...before].filter((name) => !names.includes(name))],
  ] as const;
  const said = parts.flatMap(([what, which]) =>
    which.length === 0 ? [] : [`${what}: ${which.join(", ")}`],
  );
  return `workloads: ${said.length === 0 ? "nothing that a run would notice" : said.join("; ")}`;
}
