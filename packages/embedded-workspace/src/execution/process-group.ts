// Processes as groups: started together, killed together, and recognised after a restart.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { ProcessMark } from "../runs/model.ts";

/**
 * In the environment of each process of an attempt, whatever group or session it has moved to. Its
 * value is the attempt's folder, because ids alone are the same in every workspace of this machine.
 */
const markVariable = "WORKSPACE_TASK_RUN";

export type GroupProcess = {
  readonly mark: ProcessMark;
  /** File 3 of the child. */
  readonly channel: Duplex;
  /** When the first process is gone, and with it the group. */
  readonly exited: Promise<Exit>;
  /** SIGINT to the group: Python stops what it does, where its code lets it. */
  readonly interrupt: () => void;
  /** SIGTERM to the group, and SIGKILL after the grace. */
  readonly terminate: (graceMs: number) => Promise<void>;
};

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type GroupOptions = {
  readonly executable: string;
  readonly arguments: readonly string[];
  readonly folder: string;
  /** Names the attempt on this machine, see `markVariable`. */
  readonly label: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly onOutput: (chunk: Buffer) => void;
};

/**
 * The output is read to its end; only a process that got away could hold the pipe open for
 * longer.
 */
const drainMs = 10_000;

/** @throws Error when the program cannot be started */
export async function startGroup(options: GroupOptions): Promise<GroupProcess> {
  const child = spawn(options.executable, options.arguments, {
    cwd: options.folder,
    env: { ...options.environment, [markVariable]: options.label },
    detached: true, // a group and session of its own
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const closed = once(child, "close");
  const exit = new Promise<Exit>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", options.onOutput);
  const pid = child.pid;
  if (pid === undefined) {
    await exit; // rejects with the reason
    throw new Error(`${options.executable} did not start`);
  }
  const channel = child.stdio[3];
  if (channel === null || channel === undefined || !("write" in channel))
    throw new Error("a child without its channel");
  const exited = exit.then(async (how) => {
    signalGroup(pid, "SIGKILL"); // what the task left in the background ends with it,
    killMarked([options.label]); // also where it has left the group
    await Promise.race([closed, delay(drainMs, undefined, { ref: false })]);
    return how;
  });
  return {
    mark: { pid, startedAt: startOf(pid) ?? "" },
    channel: channel as Duplex,
    exited,
    interrupt: () => signalGroup(pid, "SIGINT"),
    terminate: async (graceMs) => {
      signalGroup(pid, "SIGTERM");
      const timer = setTimeout(() => {
        killDescendants(pid); // while their leader lives: afterwards nobody knows whose they were
        signalGroup(pid, "SIGKILL");
      }, graceMs);
      await exited.finally(() => clearTimeout(timer));
    },
  };
}

const once = (child: ChildProcess, event: string): Promise<void> =>
  new Promise((resolve) => child.once(event, () => resolve()));

/**
 * After a restart: kills what is left of process groups, and everything that carries one of the
 * labels. A process that merely has the same pid is left alone.
 */
export function killLeftovers(marks: readonly ProcessMark[], labels: readonly string[]): void {
  for (const mark of marks)
    if (mark.startedAt !== "" && startOf(mark.pid) === mark.startedAt) {
      killDescendants(mark.pid);
      signalGroup(mark.pid, "SIGKILL");
    }
  killMarked(labels);
}

/**
 * Kills processes that carry a label in their environment: those that left the group. Linux only.
 */
function killMarked(labels: readonly string[]): void {
  if (labels.length === 0) return;
  const wanted = new Set(labels.map((label) => `${markVariable}=${label}`));
  for (const name of processNames()) {
    if (!environmentOf(name).some((pair) => wanted.has(pair))) continue;
    signalTo(Number(name), "SIGKILL");
  }
}

/** They may begin others faster than they are ended. */
const roundsMax = 20;

/** Kills what the process has begun, whatever group, session and environment it has. Linux only. */
function killDescendants(pid: number): void {
  for (let round = 0; round < roundsMax; round++) {
    const left = descendantsOf(pid);
    if (left.length === 0) return;
    for (const each of left) signalTo(each, "SIGKILL");
  }
}

function descendantsOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of processNames()) {
    const [state, parent] = statOf(name);
    if (state === undefined || state === "Z") continue;
    const known = children.get(Number(parent)) ?? [];
    children.set(Number(parent), [...known, Number(name)]);
  }
  const found: number[] = [];
  for (const left = [pid]; left.length > 0; ) {
    const next = children.get(left.pop() ?? 0) ?? [];
    found.push(...next);
    left.push(...next);
  }
  return found;
}

/** The fields after the program's name in `/proc/…/stat`: state, parent, … (field 3 and on). */
function statOf(name: string): string[] {
  try {
    const line = readFileSync(`/proc/${name}/stat`, "latin1");
    return line.slice(line.lastIndexOf(")") + 2).split(" ");
  } catch {
    return []; // gone, or no /proc on this system
  }
}

function processNames(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return []; // no /proc on this system
  }
}

function environmentOf(name: string): string[] {
  try {
    return readFileSync(`/proc/${name}/environ`, "latin1").split("\0");
  } catch {
    return []; // gone, or somebody else's
  }
}

/**
 * Something that differs between two processes that had the same pid, or undefined if there is none
 * now.
 */
function startOf(pid: number): string | undefined {
  const started = statOf(String(pid))[19]; // field 22
  return started === undefined ? startByPs(pid) : `${bootId()}/${started}`;
}

const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();

function startByPs(pid: number): string | undefined {
  if (process.platform === "linux") return undefined;
  try {
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

const signalGroup = (pid: number, signal: NodeJS.Signals): void => signalTo(-pid, signal);

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // already gone
  }
}
