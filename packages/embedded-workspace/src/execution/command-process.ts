// The Python process of an execution context: it keeps its names from command to command.
import { randomUUID } from "node:crypto";
import type { WorkspaceContext } from "../context.ts";
import type { Principal } from "../route.ts";
import { environmentOfCluster } from "./compute.ts";
import { placeOf } from "./notebook-context.ts";
import { questionsOfPrincipal, withoutSecrets } from "./principal-questions.ts";
import { classicRuntime, launching, processEnvironment } from "./process-environment.ts";
import { startGroup } from "./process-group.ts";
import { findPython } from "./python-runtime.ts";
import { type CommandDone, listenToTask, type NextCommand } from "./task-channel.ts";
import { createTaskFolder } from "./task-folder.ts";

/** More of what one command prints is thrown away. How much the platform keeps is unknown. */
const OUTPUT_BYTES_MAX = 1024 * 1024;

/** Real milliseconds that a command may go on after it was cancelled. */
const GRACE_MS = 5000;
const INTERRUPT_EVERY_MS = 100;

export type CommandEnd = {
  /** stdout and stderr, secrets hidden. */
  readonly output: string;
  readonly truncated: boolean;
} & (
  | { readonly how: "done" | "cancelled" }
  /** `trace` is absent where the process itself is gone. */
  | { readonly how: "failed"; readonly summary: string; readonly trace?: string }
);

export type CommandProcess = {
  /** When Python is ready. @throws Error when it ended before */
  readonly ready: Promise<void>;
  /** One at a time. Never rejects: where the process ends, so does the command. */
  readonly execute: (source: string) => Promise<CommandEnd>;
  /** Interrupts what runs; code that does not let itself be interrupted loses its process. */
  readonly cancel: () => void;
  /** Resolves when no process of the context is left. */
  readonly end: () => Promise<void>;
  /** Resolves with the exit code when the process is gone, by whomever. */
  readonly exited: Promise<number | null>;
};

type Given = {
  readonly context: WorkspaceContext;
  readonly principal: Principal;
  readonly clusterId: string;
  /** Names its folder on this machine. */
  readonly id: string;
};

/** As whoever made the context, with what its cluster brings. @throws Error, ApiError */
export async function startCommandProcess(given: Given): Promise<CommandProcess> {
  const { context, principal, clusterId, id } = given;
  const python = await findPython();
  const chosen = environmentOfCluster(context, principal, clusterId);
  const folder = createTaskFolder(context, principal, id);
  const secrets = new Set<string>();
  const turns = takeTurns();
  const collected = collect();
  const process = await startGroup({
    executable: python.executable,
    arguments: launching(folder, { kind: "commands", libraries: [] }),
    folder: folder.working,
    label: folder.path,
    environment: processEnvironment(folder, classicRuntime, chosen),
    onOutput: collected.add,
  }).catch((error) => {
    folder.remove();
    throw error;
  });
  listenToTask(process.channel, {
    ...questionsOfPrincipal(context, principal, secrets),
    taskValue: () => undefined,
    context: (path) => placeOf({ context, principal, clusterId }, path),
    runNotebook: () => {
      throw new Error("dbutils.notebook.run needs a run, and a command is in none.");
    },
    commands: turns,
  });
  const exited = process.exited.then(({ code }) => {
    folder.remove();
    return code;
  });
  const ready = Promise.race([turns.idle, exited.then(failToStart)]);
  ready.catch(() => undefined);
  const execute = async (source: string): Promise<CommandEnd> => {
    const endMark = `\0${randomUUID()}\0`;
    const printed = collected.until(endMark);
    const done = await Promise.race([turns.give({ source, endMark }), exited]);
    if (typeof done === "number" || done === null) return gone(done, collected.now(), secrets);
    return endOf(done, await Promise.race([printed, exited.then(collected.now)]), secrets);
  };
  return {
    ready,
    execute,
    cancel: () => {
      const running = turns.running();
      const untilMs = performance.now() + GRACE_MS;
      // Again and again: Python may not have begun with the command, or may have caught the first.
      const interrupting = setInterval(() => {
        if (running === undefined || turns.running() !== running) clearInterval(interrupting);
        else if (performance.now() < untilMs) process.interrupt();
        else void process.terminate(0);
      }, INTERRUPT_EVERY_MS);
      void exited.finally(() => clearInterval(interrupting));
    },
    end: async () => {
      turns.close();
      await process.terminate(0);
      await exited;
    },
    exited,
  };
}

const failToStart = (code: number | null): never => {
  throw new Error(`The Python process exited with code ${code} before it was ready.`);
};

type Printed = { readonly bytes: Buffer; readonly truncated: boolean };

const shown = ({ bytes, truncated }: Printed, secrets: ReadonlySet<string>) => ({
  output: withoutSecrets(bytes.toString("utf8"), secrets),
  truncated,
});

function endOf(done: CommandDone, printed: Printed, secrets: ReadonlySet<string>): CommandEnd {
  const output = shown(printed, secrets);
  if (done.cancelled === true) return { ...output, how: "cancelled" };
  if (done.error === undefined) return { ...output, how: "done" };
  const summary = withoutSecrets(done.error, secrets);
  const trace = withoutSecrets(done.error_trace ?? done.error, secrets);
  return { ...output, how: "failed", summary, trace };
}

const gone = (code: number | null, printed: Printed, secrets: ReadonlySet<string>): CommandEnd => ({
  ...shown(printed, secrets),
  how: "failed",
  summary: `The Python process exited with code ${code}.`,
});

/** Hands commands to the process, one after the other. */
function takeTurns() {
  const idle = Promise.withResolvers<void>();
  let asking: ((next: NextCommand | null) => void) | undefined;
  let waiting: NextCommand | null | undefined;
  let current: PromiseWithResolvers<CommandDone> | undefined;
  const offer = (next: NextCommand | null): void => {
    if (asking === undefined) waiting = next;
    else asking(next);
    asking = undefined;
  };
  return {
    idle: idle.promise,
    next: () => {
      idle.resolve();
      if (waiting !== undefined) {
        const next = waiting;
        waiting = undefined;
        return Promise.resolve(next);
      }
      return new Promise<NextCommand | null>((resolve) => {
        asking = resolve;
      });
    },
    done: (how: CommandDone) => {
      current?.resolve(how);
      current = undefined;
    },
    give: (command: NextCommand) => {
      current = Promise.withResolvers();
      const { promise } = current;
      offer(command);
      return promise;
    },
    running: () => current,
    close: () => offer(null),
  };
}

/** Keeps the beginning of what is printed, until a mark ends it. */
function collect() {
  let mark: { readonly bytes: Buffer; readonly met: (printed: Printed) => void } | undefined;
  let held: Buffer = Buffer.alloc(0);
  let tail: Buffer = Buffer.alloc(0);
  const printed = (bytes: Buffer): Printed => ({
    bytes: bytes.subarray(0, OUTPUT_BYTES_MAX),
    truncated: bytes.length > OUTPUT_BYTES_MAX,
  });
  return {
    add: (chunk: Buffer) => {
      if (mark === undefined) return; // printed between commands, by a thread that goes on
      // The mark may come in two chunks, and behind much that is no longer kept.
      tail = Buffer.concat([tail, chunk]);
      const at = tail.indexOf(mark.bytes);
      const sure = at === -1 ? Math.max(0, tail.length - mark.bytes.length) : at;
      const room = OUTPUT_BYTES_MAX + 1 - held.length;
      if (room > 0) held = Buffer.concat([held, tail.subarray(0, Math.min(sure, room))]);
      tail = tail.subarray(sure);
      if (at === -1) return;
      mark.met(printed(held));
      mark = undefined;
    },
    until: (endMark: string) => {
      held = Buffer.alloc(0);
      tail = Buffer.alloc(0);
      return new Promise<Printed>((met) => {
        mark = { bytes: Buffer.from(endMark), met };
      });
    },
    now: () => printed(Buffer.concat([held, tail])),
  };
}
