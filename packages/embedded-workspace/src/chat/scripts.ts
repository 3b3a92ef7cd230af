// Scripted answers of chat models. `POST $DATABRICKS_WORKSPACE_ADMIN/chat/scripts`; the newest
// script that matches answers.
import { randomUUID } from "node:crypto";
import * as z from "zod";
import { like } from "../patterns.ts";

const Tokens = z.int().min(0);

export const ChatScript = z.strictObject({
  /**
   * Names with `*` for any text; what is left out matches everything. `prompt` is held against the
   * text of all messages, a line break between them.
   */
  match: z
    .strictObject({ model: z.string().min(1).optional(), prompt: z.string().min(1).optional() })
    .default({}),
  content: z.string().default(""),
  /** As they go into the message; the answer then finishes with `tool_calls`. */
  tool_calls: z.array(z.looseObject({})).optional(),
  /** Default: `stop`, or `length` where `max_tokens` cuts the content. */
  finish_reason: z.string().optional(),
  /** null: the answer says nothing of it. Default: a token for each four bytes. */
  usage: z.strictObject({ prompt_tokens: Tokens, completion_tokens: Tokens }).nullable().optional(),
  /** Workspace seconds before the answer. */
  seconds: z.number().min(0).default(0),
  /** How many answers it gives before it is spent. */
  times: z.int().min(1).optional(),
});
export type ChatScript = z.infer<typeof ChatScript>;

export type ChatScripts = {
  readonly add: (script: ChatScript) => string;
  readonly list: () => readonly { readonly id: string; readonly script: ChatScript }[];
  /** One, or all of them. */
  readonly remove: (id?: string) => void;
  /** The script that answers, which has one answer less from now on. */
  readonly take: (model: string, prompt: string) => ChatScript | undefined;
};

export function createChatScripts(): ChatScripts {
  const held = new Map<string, { readonly script: ChatScript; left: number }>();
  return {
    add: (script) => {
      const id = randomUUID();
      held.set(id, { script, left: script.times ?? Number.POSITIVE_INFINITY });
      return id;
    },
    list: () => [...held].map(([id, { script }]) => ({ id, script })),
    remove: (id) => {
      if (id === undefined) held.clear();
      else held.delete(id);
    },
    take: (model, prompt) => {
      const found = [...held.values()]
        .reverse()
        .find(({ script, left }) => left > 0 && matches(script, model, prompt));
      if (found === undefined) return undefined;
      found.left -= 1;
      return found.script;
    },
  };
}

const matches = ({ match }: ChatScript, model: string, prompt: string): boolean =>
  (match.model === undefined || like(match.model, model)) &&
  (match.prompt === undefined || like(match.prompt, prompt));
