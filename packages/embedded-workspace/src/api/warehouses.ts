// `/api/2.0/sql/warehouses`: the one warehouse, which always runs.
import type { WorkspaceContext } from "../context.ts";
import { ApiError, type ApiRequest, type Route } from "../route.ts";

export function warehouseRoutes(context: WorkspaceContext): Route[] {
  const base = "/api/2.0/sql/warehouses";
  const warehouse = {
    id: context.warehouseId,
    name: "embedded",
    state: "RUNNING",
    cluster_size: "2X-Small",
    min_num_clusters: 1,
    max_num_clusters: 1,
    num_clusters: 1,
    num_active_sessions: 0,
    // The least that the text of the REST model allows; it never stops all the same.
    auto_stop_mins: 10,
    enable_serverless_compute: true,
    warehouse_type: "PRO",
    odbc_params: {
      hostname: new URL(context.url).hostname,
      path: `/sql/1.0/warehouses/${context.warehouseId}`,
      port: Number(new URL(context.url).port),
      protocol: new URL(context.url).protocol.replace(":", ""),
    },
  };
  const need = ({ params, principal }: ApiRequest) => {
    context.principals.requireEntitled(principal);
    if (params["id"] !== context.warehouseId)
      throw new ApiError(
        404,
        "RESOURCE_DOES_NOT_EXIST",
        `SQL warehouse ${params["id"]} does not exist.`,
      );
    return warehouse;
  };
  return [
    {
      method: "GET",
      path: base,
      handle: async ({ principal }) => {
        context.principals.requireEntitled(principal);
        return { status: 200, body: { warehouses: [warehouse] } };
      },
    },
    {
      method: "GET",
      path: `${base}/:id`,
      handle: async (request) => ({ status: 200, body: need(request) }),
    },
    {
      method: "GET",
      path: "/api/2.0/permissions/warehouses/:id",
      handle: async (request) => ({
        status: 200,
        body: {
          object_id: `/sql/warehouses/${need(request).id}`,
          object_type: "warehouses",
          // It is everybody's.
          access_control_list: [
            {
              group_name: "users",
              all_permissions: [{ permission_level: "CAN_USE", inherited: false }],
            },
          ],
        },
      }),
    },
    {
      method: "POST",
      path: `${base}/:id/start`,
      handle: async (request) => {
        need(request); // it runs already
        return { status: 200, body: {} };
      },
    },
  ];
}
