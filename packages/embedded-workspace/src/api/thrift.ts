// SQL over Thrift, as the warehouses' JDBC endpoint speaks it: one POST carries one call
// (docs/facts/databricks.md#thrift-over-https).
import type { WorkspaceContext } from "../context.ts";
import { ApiError, type ApiRequest, type Route } from "../route.ts";
import { type OpenSql, sqlOf } from "../sql/open.ts";

/** A statement may be 16 MiB, and its parameters come on top. */
const BYTES_MAX = 64 * 1024 * 1024;

export function thriftRoutes(context: WorkspaceContext): Route[] {
  const open = sqlOf(context);
  let loading: ReturnType<typeof loadThrift> | undefined;
  const handle = async (request: ApiRequest) => {
    context.principals.requireEntitled(request.principal);
    loading ??= loadThrift(context, open);
    const { answerThrift, service } = await loading;
    const body = await answerThrift(
      service.handlersFor(request.principal, request.gone()),
      await request.body(),
    ).catch((thrown: unknown) => {
      throw new ApiError(400, "BAD_REQUEST", "The body is not a Thrift call of TCLIService.", {
        cause: thrown,
      });
    });
    return { status: 200, headers: { "content-type": "application/x-thrift" }, body };
  };
  const forWarehouse = (request: ApiRequest) => {
    const id = request.params["id"];
    if (id === context.warehouseId) return handle(request);
    throw new ApiError(404, "NOT_FOUND", `The warehouse ${id} does not exist.`);
  };
  return [
    { method: "POST", path: "/sql/1.0/warehouses/:id", bytesMax: BYTES_MAX, handle: forWarehouse },
    { method: "POST", path: "/sql/1.0/endpoints/:id", bytesMax: BYTES_MAX, handle: forWarehouse },
    {
      method: "POST",
      path: "/sql/protocolv1/o/:workspace/:cluster",
      bytesMax: BYTES_MAX,
      handle,
    },
  ];
}

/** With the first call, as the engine: the driver's generated code is large, and many a client never speaks it. */
async function loadThrift({ settings }: WorkspaceContext, open: OpenSql) {
  const { answerThrift } = await import("../sql/thrift/codec.ts");
  const { createThriftService } = await import("../sql/thrift/service.ts");
  return { answerThrift, service: createThriftService(open, settings) };
}
