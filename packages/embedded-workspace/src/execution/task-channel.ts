// What a task says to the workspace while it runs, and what it asks: one JSON object a line
// (python/_workspace/channel.py).
import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";
import * as z from "zod";

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
  z.object({ kind: z.literal("setTaskValue"), key: z.string(), value: z.unknown() }),
  z.object({ kind: z.literal("taskValue"), taskKey: z.string(), key: z.string() }),
  z.object({ kind: z.literal("secret"), scope: z.string(), key: z.string() }),
  z.object({ kind: z.literal("secretKeys"), scope: z.string() }),
  z.object({ kind: z.literal("secretScopes") }),
  z.object({ kind: z.literal("credentials") }),
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
};

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
        values[said.key] = said.value;
        return undefined;
      case "taskValue": {
        const value = questions.taskValue(said.taskKey, said.key);
        return value === undefined ? {} : { value };
      }
      case "secret":
        return questions.secret(said.scope, said.key).toString("base64");
      case "secretKeys":
        return questions.secretKeys(said.scope);
      case "secretScopes":
        return questions.secretScopes();
      case "credentials":
        return questions.credentials();
    }
  };
  channel.on("error", () => undefined); // a task may die in the middle of a line
  createInterface({ input: channel }).on("line", (line) => {
    const message = parse(line);
    if (message === undefined) return;
    const reply = attempt(() => answer(message.said));
    if (message.asks) channel.write(`${JSON.stringify(reply)}\n`);
  });
  return { report: () => report, taskValues: () => values };
}

function attempt(answer: () => unknown): { value?: unknown; error?: string } {
  try {
    return { value: answer() };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function parse(line: string): { readonly said: Said; readonly asks: boolean } | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const said = Said.safeParse(value);
    const asks = typeof value === "object" && value !== null && "ask" in value;
    return said.success ? { said: said.data, asks } : undefined;
  } catch {
    return undefined;
  }
}
