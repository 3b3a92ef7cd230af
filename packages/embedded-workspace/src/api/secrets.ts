// `/api/2.0/secrets/…`
import * as z from "zod";
import type { WorkspaceContext } from "../context.ts";
import { parseQuery } from "../http/json.ts";
import { ApiError, type ApiRequest, type Route } from "../route.ts";
import type { SecretScopes } from "../state/secrets.ts";

export function secretRoutes(_context: WorkspaceContext, secrets: SecretScopes): Route[] {
  const base = "/api/2.0/secrets";
  const perSecondMax = 1100 / 60;
  const get = (
    path: string,
    handle: (request: ApiRequest) => unknown | Promise<unknown>,
  ): Route => ({
    method: "GET",
    path: `${base}/${path}`,
    perSecondMax,
    handle: async (request) => ({ status: 200, body: await handle(request) }),
  });
  const post = <T>(
    path: string,
    schema: z.ZodType<T>,
    handle: (input: T, request: ApiRequest) => void,
  ): Route => ({
    method: "POST",
    path: `${base}/${path}`,
    perSecondMax,
    handle: async (request) => {
      handle(await request.json(schema), request);
      return { status: 200, body: {} };
    },
  });
  return [
    post("scopes/create", CreateScope, (input, { principal }) =>
      secrets.createScope(principal, input.scope, input.initial_manage_principal === "users"),
    ),
    post("scopes/delete", InScope, ({ scope }, { principal }) =>
      secrets.deleteScope(principal, scope),
    ),
    get("scopes/list", ({ principal }) => {
      const names = secrets.readableScopes(principal);
      return {
        ...(names.length > 0 && {
          scopes: names.map((name) => ({ name, backend_type: "DATABRICKS" })),
        }),
      };
    }),
    post("put", PutSecret, (input, { principal }) =>
      secrets.put(principal, input.scope, input.key, bytesOf(input)),
    ),
    post("delete", SecretKey, ({ scope, key }, { principal }) =>
      secrets.delete(principal, scope, key),
    ),
    get("list", ({ query, principal }) => {
      const held = secrets.list(principal, parseQuery(query, InScope).scope);
      return { ...(held.length > 0 && { secrets: held }) };
    }),
    get("get", ({ query, principal }) => {
      const { scope, key } = parseQuery(query, SecretKey);
      return { key, value: secrets.get(scope, key, principal).toString("base64") };
    }),
    ...aclRoutes(secrets, get, post),
  ];
}

type Get = (path: string, handle: (request: ApiRequest) => unknown) => Route;
type Post = <T>(
  path: string,
  schema: z.ZodType<T>,
  handle: (input: T, request: ApiRequest) => void,
) => Route;

function aclRoutes(secrets: SecretScopes, get: Get, post: Post): Route[] {
  return [
    post("acls/put", PutAcl, (input, { principal }) =>
      secrets.putAcl(principal, input.scope, input.principal, input.permission),
    ),
    post("acls/delete", AclOf, (input, { principal }) =>
      secrets.deleteAcl(principal, input.scope, input.principal),
    ),
    // By the schema the list is called `items`; an example of the documentation says `acls`.
    get("acls/list", ({ query, principal }) => ({
      items: Object.entries(secrets.acls(principal, parseQuery(query, InScope).scope)).map(
        ([held, permission]) => ({ principal: held, permission }),
      ),
    })),
    get("acls/get", ({ query, principal }) => {
      const wanted = parseQuery(query, AclOf);
      const permission = secrets.acls(principal, wanted.scope)[wanted.principal];
      if (permission === undefined)
        throw new ApiError(
          404,
          "RESOURCE_DOES_NOT_EXIST",
          `No ACL for ${wanted.principal} exists on scope ${wanted.scope}.`,
        );
      return { principal: wanted.principal, permission };
    }),
  ];
}

const InScope = z.object({ scope: z.string() });
const CreateScope = z.object({
  scope: z.string(),
  initial_manage_principal: z
    .literal("users", "initial_manage_principal must be 'users' or absent")
    .optional(),
  scope_backend_type: z
    .literal("DATABRICKS", "only scopes of type DATABRICKS exist here")
    .optional(),
});
const SecretKey = z.object({ scope: z.string(), key: z.string() });
const AclOf = z.object({ scope: z.string(), principal: z.string() });
const PutAcl = AclOf.extend({ permission: z.enum(["READ", "WRITE", "MANAGE"]) });
const PutSecret = SecretKey.extend({
  string_value: z.string().optional(),
  bytes_value: z.base64("bytes_value must be base64").optional(),
});

function bytesOf({ string_value, bytes_value }: z.infer<typeof PutSecret>): Buffer {
  if ((string_value === undefined) === (bytes_value === undefined))
    throw new ApiError(
      400,
      "MALFORMED_REQUEST",
      "Exactly one of string_value and bytes_value must be given.",
    );
  return string_value === undefined
    ? Buffer.from(bytes_value ?? "", "base64")
    : Buffer.from(string_value, "utf8");
}
