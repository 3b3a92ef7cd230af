// Takes the telemetry of clients and throws it away. Feature flags: none are set.
import type { Route } from "../route.ts";

export function telemetryRoutes(): Route[] {
  return [
    // The drivers send with a token, or without one to the second path.
    ...["/telemetry-ext", "/telemetry-unauth"].map(
      (path): Route => ({
        method: "POST",
        path,
        open: path === "/telemetry-unauth",
        handle: async (request) => {
          await request.body();
          return { status: 200, body: { errors: [], numSuccess: 0, numProtoSuccess: 1 } };
        },
      }),
    ),
    {
      method: "GET",
      path: "/api/2.0/connector-service/feature-flags/:driver/:version",
      handle: async () => ({ status: 200, body: { flags: [], ttl_seconds: 900 } }),
    },
  ];
}
