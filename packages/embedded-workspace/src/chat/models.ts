// Chat models: answers by script, or by a server of this machine that speaks the same protocol; and
// the bill of all that was answered (docs/facts/databricks.md#chat-completions).
import { randomUUID } from "node:crypto";
import * as z from "zod";
import type { WorkspaceContext } from "../context.ts";
import { ApiError, type ApiReply } from "../route.ts";
import { type ChatScript, type ChatScripts, createChatScripts } from "./scripts.ts";

const Part = z.looseObject({ type: z.string(), text: z.string().optional() });

export const ChatRequest = z.looseObject({
  messages: z
    .array(
      z.looseObject({ role: z.string(), content: z.union([z.string(), z.array(Part)]).nullish() }),
    )
    .min(1),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  stream: z.boolean().nullish(),
  n: z.literal(1).nullish(),
});
export type ChatRequest = z.infer<typeof ChatRequest>;

/** A server that answers in a model's place. */
export const Upstream = z.strictObject({
  /** Its base URL, as an OpenAI client gets it: `http://127.0.0.1:8080/v1`. */
  url: z.url({ protocol: /^https?$/, hostname: /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/ }),
  /** The name that it is asked for; default: the name that the client asks for. */
  model: z.string().min(1).optional(),
  /** Its bearer token. */
  key: z.string().min(1).optional(),
});
export type Upstream = z.infer<typeof Upstream>;

/** One answer that was given, whether or not its client ever got it. */
type Bill = {
  readonly model: string;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly atMs: number;
};

export type ChatModels = {
  readonly scripts: ChatScripts;
  readonly bills: () => readonly Bill[];
  readonly forgetBills: () => void;
  readonly upstream: () => Upstream | undefined;
  readonly setUpstream: (upstream: Upstream | undefined) => void;
  /**
   * @throws ApiError 404 for a model that nothing answers for, 502 for an upstream that does not
   * answer
   */
  readonly ask: (model: string, request: ChatRequest, gone: AbortSignal) => Promise<ApiReply>;
};

export function createChatModels({ clock }: WorkspaceContext): ChatModels {
  const scripts = createChatScripts();
  let bills: Bill[] = [];
  let upstream: Upstream | undefined;
  const bill = (model: string, usage: Usage): void => {
    const { prompt_tokens, completion_tokens } = usage;
    bills.push({ model, prompt_tokens, completion_tokens, atMs: clock.nowMs() });
  };
  return {
    scripts,
    bills: () => bills,
    forgetBills: () => {
      bills = [];
    },
    upstream: () => upstream,
    setUpstream: (given) => {
      upstream = given;
    },
    ask: async (model, request, gone) => {
      const prompt = promptOf(request);
      const script = scripts.take(model, prompt);
      if (script === undefined && upstream !== undefined)
        return await forward(upstream, model, request, gone, (usage) => bill(model, usage));
      if (script === undefined) throw unknownModel(model);
      // A service that has begun goes on, and bills, also when its client has left.
      await clock.sleep(script.seconds * 1000);
      const answer = answerOf(script, prompt, request);
      bill(model, answer.usage);
      return replyOf(completionOf(model, script, answer, clock.nowMs()), request.stream === true);
    },
  };
}

const unknownModel = (model: string): ApiError =>
  new ApiError(
    404,
    "RESOURCE_DOES_NOT_EXIST",
    `Endpoint with name '${model}' does not exist. In the embedded workspace a chat model answers by a script, or by a server of this machine: see $DATABRICKS_WORKSPACE_ADMIN/chat.`,
  );

/** The text of all messages, a line break between them. */
const promptOf = ({ messages }: ChatRequest): string =>
  messages
    .map(({ content }) =>
      typeof content === "string" ? content : (content ?? []).map(({ text = "" }) => text).join(""),
    )
    .join("\n");

type Usage = { readonly prompt_tokens: number; readonly completion_tokens: number };
type Answer = { readonly content: string; readonly finish: string; readonly usage: Usage };

const BYTES_A_TOKEN = 4;
const tokensOf = (text: string): number => Math.ceil(Buffer.byteLength(text) / BYTES_A_TOKEN);

function answerOf(script: ChatScript, prompt: string, request: ChatRequest): Answer {
  const most = request.max_completion_tokens ?? request.max_tokens ?? Number.POSITIVE_INFINITY;
  const isCut = tokensOf(script.content) > most;
  const content = isCut ? firstBytes(script.content, most * BYTES_A_TOKEN) : script.content;
  const whole = script.tool_calls === undefined ? "stop" : "tool_calls";
  return {
    content,
    finish: script.finish_reason ?? (isCut ? "length" : whole),
    usage: script.usage ?? {
      prompt_tokens: tokensOf(prompt),
      completion_tokens: tokensOf(content),
    },
  };
}

/** Whole characters of at most so many bytes. */
function firstBytes(text: string, bytesMax: number): string {
  const { written } = new TextEncoder().encodeInto(text, new Uint8Array(bytesMax));
  return Buffer.from(text).toString("utf8", 0, written);
}

function completionOf(model: string, script: ChatScript, answer: Answer, nowMs: number) {
  const { prompt_tokens, completion_tokens } = answer.usage;
  const { tool_calls } = script;
  return {
    id: `chatcmpl-${randomUUID()}`,
    object: "chat.completion",
    created: Math.floor(nowMs / 1000),
    model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: tool_calls !== undefined && answer.content === "" ? null : answer.content,
          ...(tool_calls !== undefined && { tool_calls }),
        },
        finish_reason: answer.finish,
      },
    ],
    ...(script.usage !== null && {
      usage: {
        prompt_tokens,
        completion_tokens,
        total_tokens: prompt_tokens + completion_tokens,
      },
    }),
  };
}

type Completion = ReturnType<typeof completionOf>;

const replyOf = (completion: Completion, isStream: boolean): ApiReply =>
  isStream
    ? {
        status: 200,
        headers: { "content-type": "text/event-stream" },
        body: eventsOf(completion),
      }
    : { status: 200, body: completion };

/** Two chunks and the end, as server-sent events: the message, and how it finished. */
function eventsOf({ choices, usage, ...rest }: Completion): string {
  const chunk = (choice: object): object => ({
    ...rest,
    object: "chat.completion.chunk",
    choices: [{ index: 0, ...choice }],
  });
  const [choice] = choices;
  const last = { ...chunk({ delta: {}, finish_reason: choice?.finish_reason }), usage };
  const events = [chunk({ delta: choice?.message, finish_reason: null }), last];
  return [...events.map((event) => JSON.stringify(event)), "[DONE]"]
    .map((data) => `data: ${data}\n\n`)
    .join("");
}

const Used = z.looseObject({
  usage: z.looseObject({ prompt_tokens: z.int(), completion_tokens: z.int() }),
});

/** Asks the upstream the same, and hands its answer on as it is. */
async function forward(
  upstream: Upstream,
  model: string,
  request: ChatRequest,
  gone: AbortSignal,
  bill: (usage: Usage) => void,
): Promise<ApiReply> {
  const response = await fetch(`${upstream.url.replace(/\/$/, "")}/chat/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(upstream.key !== undefined && { authorization: `Bearer ${upstream.key}` }),
    },
    body: JSON.stringify({ ...request, model: upstream.model ?? model }),
    signal: gone,
  }).catch((error: unknown) => {
    throw new ApiError(
      502,
      "BAD_GATEWAY",
      `The server at ${upstream.url} that answers for chat models does not answer: ${String(error)}`,
    );
  });
  const text = await response.text();
  const used = Used.safeParse(jsonIn(text));
  if (used.success) bill(used.data.usage);
  const type = response.headers.get("content-type") ?? "application/json";
  return { status: response.status, headers: { "content-type": type }, body: text };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
