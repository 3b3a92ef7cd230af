// Chat completions, `/serving-endpoints/…` (docs/facts/databricks.md#chat-completions), and their
// hooks for tests below `$DATABRICKS_WORKSPACE_ADMIN/chat`.
import * as z from "zod";
import { type ChatModels, ChatRequest, createChatModels, Upstream } from "../chat/models.ts";
import { ChatScript } from "../chat/scripts.ts";
import type { WorkspaceContext } from "../context.ts";
import type { ApiRequest, Route } from "../route.ts";

const NamedRequest = ChatRequest.extend({ model: z.string().min(1) });

export function chatRoutes(context: WorkspaceContext): Route[] {
  const models = createChatModels(context);
  addAdminRoutes(context, models);
  const { requireEntitled } = context.principals;
  return [
    {
      method: "POST",
      path: "/serving-endpoints/chat/completions",
      handle: async (request) => {
        requireEntitled(request.principal);
        const { model, ...asked } = await request.json(NamedRequest);
        return await models.ask(model, asked, request.gone());
      },
    },
    {
      method: "POST",
      path: "/serving-endpoints/:name/invocations",
      handle: async (request) => {
        requireEntitled(request.principal);
        const { name = "" } = request.params;
        const { model: _, ...asked } = await request.json(ChatRequest);
        const reply = await models.ask(name, asked, request.gone());
        return { ...reply, headers: { ...reply.headers, "served-model-name": name } };
      },
    },
  ];
}

function addAdminRoutes({ adminRoute }: WorkspaceContext, models: ChatModels): void {
  const add = (
    method: "GET" | "POST" | "PUT" | "DELETE",
    name: string,
    perform: (request: ApiRequest) => unknown,
  ): void =>
    adminRoute({
      method,
      path: `/chat/${name}`,
      handle: async (request) => ({ status: 200, body: (await perform(request)) ?? {} }),
    });
  const { scripts } = models;
  add("POST", "scripts", async (request) => ({ id: scripts.add(await request.json(ChatScript)) }));
  add("GET", "scripts", () => ({ scripts: scripts.list() }));
  add("DELETE", "scripts", ({ query }) => scripts.remove(query.get("id") ?? undefined));
  add("GET", "bills", () => ({ bills: models.bills() }));
  add("DELETE", "bills", () => models.forgetBills());
  add("PUT", "upstream", async (request) => models.setUpstream(await request.json(Upstream)));
  add("GET", "upstream", () => ({ url: models.upstream()?.url ?? null }));
  add("DELETE", "upstream", () => models.setUpstream(undefined));
}
