// The channel between a running task and the workspace: one JSON object a line
// (python/_workspace/channel.py).
import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";
import * as z from "zod";
import { jsonOf, keptValue } from "../runs/task-values.ts";
import type { NotebookPlace } from "./notebook-place.ts";

const Said = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("outcome"),
    error: z.string().optional(),
    error_trace: z.string().optional(),
    result: z.string().nullish(),
    truncated: z.boolean().optional(),
    /** The termination code of a task that could not be run as described. */
    refused: z.string().optional(),
  }),
  z.object({ kind: z.literal("setTaskValue"), key: z.string(), json: z.string() }),
  z.object({ kind: z.literal("taskValue"), taskKey: z.string(), key: z.string() }),
  z.object({ kind: z.literal("secret"), scope: z.string(), key: z.string() }),
  z.object({ kind: z.literal("secretKeys"), scope: z.string() }),
  z.object({ kind: z.literal("secretScopes") }),
  z.object({ kind: z.literal("credentials") }),
  z.object({ kind: z.literal("context"), path: z.string().nullish() }),
  z.object({ kind: z.literal("notebook"), path: z.string() }),
  z.object({
    kind: z.literal("runNotebook"),
    path: z.string(),
    arguments: z.record(z.string(), z.string()),
    timeoutSeconds: z.int().min(0),
  }),
  z.object({ kind: z.literal("nextCommand") }),
  z.object({
    kind: z.literal("commandDone"),
    error: z.string().optional(),
    error_trace: z.string().optional(),
    cancelled: z.boolean().optional(),
  }),
]);
type Said = z.infer<typeof Said>;
export type TaskReport = Extract<Said, { kind: "outcome" }>;

export type TaskQuestions = {
  readonly taskValue: (taskKey: string, key: string) => unknown;
  readonly secret: (scope: string, key: string) => Buffer;
  readonly secretKeys: (scope: string) => readonly string[];
  readonly secretScopes: () => readonly string[];
  /** By which an SDK inside of the task calls the workspace, as the run's identity. */
  readonly credentials: () => { readonly host: string; readonly token: string };
  /** The content of the notebook's context. */
  readonly context: (path: string | undefined) => unknown;
  /** Where a notebook lies, by the path that another one calls it by. */
  readonly notebook: (path: string) => NotebookPlace;
  /** dbutils.notebook.run: its exit value. Rejects when it fails or its time is over. */
  readonly runNotebook: (wanted: WantedNotebook) => Promise<{ readonly result: string }>;
  /** Of a process that executes commands; others never ask. */
  readonly commands?: CommandQuestions;
};

type CommandQuestions = {
  /** The next command once there is one; null: there will be none. */
  readonly next: () => Promise<NextCommand | null>;
  readonly done: (ending: CommandDone) => void;
};

/** The process prints `endMark` when all that the command has printed stands before it. */
export type NextCommand = { readonly source: string; readonly endMark: string };
export type CommandDone = Omit<Extract<Said, { kind: "commandDone" }>, "kind">;

export type WantedNotebook = Omit<Extract<Said, { kind: "runNotebook" }>, "kind">;

export type TaskChannel = {
  /** The last thing a task says, if it got so far. */
  readonly report: () => TaskReport | undefined;
  readonly taskValues: () => Readonly<Record<string, unknown>>;
};

/**
 * Listens until the channel ends. What the task sends is untrusted: anything unknown is dropped.
 */
export function listenToTask(channel: Duplex, questions: TaskQuestions): TaskChannel {
  let report: TaskReport | undefined;
  const values: Record<string, unknown> = {};
  const answer = (said: Said): unknown => {
    switch (said.kind) {
      case "outcome":
        report ??= said;
        return undefined;
      case "setTaskValue":
        values[said.key] = keptValue(said.json);
        return undefined;
      case "taskValue": {
        const value = questions.taskValue(said.taskKey, said.key);
        return value === undefined ? {} : { json: jsonOf(value) };
      }
      case "secret":
        return questions.secret(said.scope, said.key).toString("base64");
      case "secretKeys":
        return questions.secretKeys(said.scope);
      case "secretScopes":
        return questions.secretScopes();
      case "credentials":
        return questions.credentials();
      case "context":
        return questions.context(said.path ?? undefined);
      case "notebook":
        return questions.notebook(said.path);
      case "runNotebook":
        return questions.runNotebook(said);
      case "nextCommand":
        return questions.commands?.next();
      case "commandDone":
        return questions.commands?.done(said);
    }
  };
  const lines = createInterface({ input: channel });
  // A task may die in the middle of a line, and the reader of lines says so once more.
  for (const stream of [channel, lines]) stream.on("error", () => undefined);
  lines.on("line", (line) => {
    const message = parse(line);
    if (message === undefined) return;
    const { said, ask } = message;
    const reply = attempt(() => answer(said));
    if (ask === undefined) return;
    void reply.then((how) => channel.write(`${JSON.stringify({ ask, ...how })}\n`));
  });
  return { report: () => report, taskValues: () => values };
}

/** Begins at once, so that what a task says counts in the order in which it says it. */
async function attempt(answer: () => unknown): Promise<{ value?: unknown; error?: string }> {
  try {
    return { value: await answer() };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function parse(line: string): { readonly said: Said; readonly ask?: number } | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const said = Said.safeParse(value);
    if (!said.success) return undefined;
    const asked = Asked.safeParse(value);
    return { said: said.data, ...(asked.success && { ask: asked.data.ask }) };
  } catch {
    return undefined;
  }
}

/** The number of a question comes back with its answer. */
const Asked = z.object({ ask: z.int() });
