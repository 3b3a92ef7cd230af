// The other side of the workspace: faults, the request log, switches. Only who knows its address
// may use it.
import * as z from "zod";
import type { Identities } from "./auth/principals.ts";
import type { Settings } from "./context.ts";
import { FaultRequest, type Faults } from "./http/faults.ts";
import { parseQuery } from "./http/json.ts";
import type { RequestLog } from "./http/request-log.ts";
import { ApiError, type Route } from "./route.ts";
import { SettingsChange } from "./settings.ts";

export type AdminOptions = {
  readonly faults: Faults;
  readonly requestLog: RequestLog;
  readonly settings: Settings;
  readonly identities: Identities;
  /** The admin's rights, of every family. */
  readonly list: () => readonly string[];
};

/** Paths are relative to `$DATABRICKS_WORKSPACE_ADMIN`. */
export function adminRoutes(options: AdminOptions): Route[] {
  const index: Route = {
    method: "GET",
    path: "/",
    handle: async () => ({ status: 200, body: { routes: options.list() } }),
  };
  return [index, ...faultRoutes(options), ...logRoutes(options), ...settingRoutes(options)];
}

function faultRoutes({ faults }: AdminOptions): Route[] {
  return [
    {
      method: "POST",
      path: "/faults",
      handle: async (request) => ({
        status: 200,
        body: faults.add(await request.json(FaultRequest)),
      }),
    },
    {
      method: "GET",
      path: "/faults",
      handle: async () => ({ status: 200, body: { faults: faults.list() } }),
    },
    {
      method: "DELETE",
      path: "/faults",
      handle: async ({ query }) => {
        const id = query.get("id") ?? undefined;
        return { status: 200, body: { removed: faults.remove(id) } };
      },
    },
    {
      method: "DELETE",
      path: "/faults/:id",
      handle: async ({ params }) => ({
        status: 200,
        body: { removed: faults.remove(params["id"]) },
      }),
    },
  ];
}

const LogQuery = z.strictObject({
  route: z.string().optional(),
  run_id: z.string().optional(),
  method: z.string().toUpperCase().optional(),
  status: z.coerce.number().int().optional(),
});

function logRoutes({ requestLog }: AdminOptions): Route[] {
  return [
    {
      method: "GET",
      path: "/requests",
      handle: async ({ query }) => {
        const { route, run_id, method, status } = parseQuery(query, LogQuery);
        const requests = requestLog.find({
          ...(route !== undefined && { route }),
          ...(run_id !== undefined && { runId: run_id }),
          ...(method !== undefined && { method }),
          ...(status !== undefined && { status }),
        });
        return {
          status: 200,
          body: { count: requests.length, counts: requestLog.counts(), requests },
        };
      },
    },
    {
      method: "GET",
      path: "/requests/counts",
      handle: async () => ({ status: 200, body: requestLog.counts() }),
    },
    {
      method: "DELETE",
      path: "/requests",
      handle: async () => {
        requestLog.clear();
        return { status: 200, body: {} };
      },
    },
  ];
}

const NewPrincipal = z.strictObject({
  displayName: z.string().min(1),
  id: z.uuid().optional(),
  admin: z.boolean().optional(),
  entitled: z.boolean().optional(),
});
const FederatedToken = z.strictObject({
  principal: z.string(),
  seconds: z.number().min(0).max(86_400).default(300),
});

function settingRoutes({ settings, identities }: AdminOptions): Route[] {
  return [
    {
      method: "GET",
      path: "/settings",
      handle: async () => ({ status: 200, body: settings }),
    },
    {
      method: "PATCH",
      path: "/settings",
      handle: async (request) => {
        const change = await request.json(SettingsChange);
        Object.assign(settings, change);
        return { status: 200, body: settings };
      },
    },
    {
      method: "POST",
      path: "/principals",
      handle: async (request) => {
        const { displayName, ...rest } = await request.json(NewPrincipal);
        const given = Object.fromEntries(
          Object.entries(rest).filter(([, value]) => value !== undefined),
        );
        return { status: 200, body: identities.add({ displayName, ...given }) };
      },
    },
    {
      method: "GET",
      path: "/principals",
      handle: async () => ({ status: 200, body: { principals: identities.credentials() } }),
    },
    {
      // A token of the test identity provider, to be exchanged at /oidc/v1/token (RFC 8693).
      method: "POST",
      path: "/federated-tokens",
      handle: async (request) => {
        const { principal, seconds } = await request.json(FederatedToken);
        const found = identities.byName(principal);
        if (found === undefined)
          throw new ApiError(404, "RESOURCE_DOES_NOT_EXIST", `There is no principal ${principal}.`);
        return { status: 200, body: { subject_token: identities.issueFederated(found, seconds) } };
      },
    },
  ];
}
