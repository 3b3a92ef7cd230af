// Command Execution, `/api/1.2/…`: names in camelCase, errors as `{"error": "…"}`
// (docs/facts/databricks.md#command-calls).
import * as z from "zod";
import { type Command, type Contexts, createContexts } from "../commands/contexts.ts";
import type { WorkspaceContext } from "../context.ts";
import { parseQuery } from "../http/json.ts";
import { ApiError, type ApiReply, type ApiRequest, type Principal, type Route } from "../route.ts";

type Answer<Input> = (input: Input, caller: Principal) => object | Promise<object>;

export function commandRoutes(context: WorkspaceContext): Route[] {
  const contexts = createContexts(context);
  const route = <Input>(
    method: "GET" | "POST",
    name: string,
    schema: z.ZodType<Input>,
    answer: Answer<Input>,
  ): Route => ({
    method,
    path: `/api/1.2/${name}`,
    handle: (request) =>
      inOldForm(async () => {
        context.principals.requireEntitled(request.principal);
        const input = await inputOf(request, schema);
        return { status: 200, body: await answer(input, request.principal) };
      }),
  });
  return [
    route("POST", "contexts/create", ContextCreate, ({ clusterId, language }, caller) => {
      requirePython(language);
      return { id: contexts.create(caller, clusterId) };
    }),
    route("GET", "contexts/status", ContextNamed, (named, caller) => ({
      id: named.contextId,
      status: contexts.status(caller, named),
    })),
    route("POST", "contexts/destroy", ContextNamed, async (named, caller) => {
      await contexts.destroy(caller, named);
      return { id: named.contextId };
    }),
    route("POST", "commands/execute", CommandGiven, ({ language, command, ...named }, caller) => {
      requirePython(language);
      return { id: contexts.execute(caller, named, command) };
    }),
    ...commandsThemselves(route, contexts),
  ];
}

type MakeRoute = (
  method: "GET" | "POST",
  name: string,
  schema: typeof CommandNamed,
  answer: Answer<z.infer<typeof CommandNamed>>,
) => Route;

const commandsThemselves = (route: MakeRoute, contexts: Contexts): Route[] => [
  route("GET", "commands/status", CommandNamed, ({ commandId, ...named }, caller) =>
    shownCommand(contexts.command(caller, named, commandId)),
  ),
  route("POST", "commands/cancel", CommandNamed, ({ commandId, ...named }, caller) => {
    contexts.cancel(caller, named, commandId);
    return { id: commandId };
  }),
];

const ContextNamed = z.object({ clusterId: z.string(), contextId: z.string() });
const CommandNamed = ContextNamed.extend({ commandId: z.string() });
const Language = z.enum(["python", "scala", "sql", "r"]);
const ContextCreate = z.object({ clusterId: z.string(), language: Language });
const CommandGiven = ContextNamed.extend({ language: Language, command: z.string() });

const inputOf = <Input>(request: ApiRequest, schema: z.ZodType<Input>): Input | Promise<Input> =>
  request.method === "GET" ? parseQuery(request.query, schema) : request.json(schema);

/** @throws ApiError */
function requirePython(language: z.infer<typeof Language>): void {
  if (language === "python") return;
  throw new ApiError(
    501,
    "NOT_IMPLEMENTED",
    `the embedded workspace executes commands in python, not in ${language}. For SQL there are its warehouse and notebooks`,
  );
}

/** The form of errors that API 1.2 has. */
async function inOldForm(answer: () => Promise<ApiReply>): Promise<ApiReply> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { status: error.status, body: { error: `${error.errorCode}: ${error.message}` } };
  }
}

function shownCommand({ id, status, end }: Command) {
  if (end === undefined || status === "Cancelled") return { id, status, results: null };
  const truncated = end.truncated && { truncated: true };
  if (end.how !== "failed")
    return {
      id,
      status,
      results: { resultType: "text", data: end.output.trimEnd(), ...truncated },
    };
  const { summary, trace = summary, output } = end;
  // A notebook shows what was printed before its error.
  const cause = output.trim() === "" ? trace : `${output.trimEnd()}\n${trace}`;
  return { id, status, results: { resultType: "error", summary, cause, ...truncated } };
}
