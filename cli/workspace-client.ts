// A person's client of a workspace: REST through the adapters that the services use, and SQL
// through the official driver.
import { createTokenSource, type TokenSource } from "../shared/adapters/databricks-auth.ts";
import { createDatabricksHttp, type DatabricksHttp } from "../shared/adapters/databricks-http.ts";
import { createDatabricksSql, type DatabricksSql } from "../shared/adapters/databricks-sql.ts";
import { createRateLimiter, wholeRates } from "../shared/adapters/rate-limit.ts";
import { systemClock, systemRandom } from "../shared/adapters/system.ts";
import { createVolumeFiles, type VolumeFiles } from "../shared/adapters/volume-files.ts";
import { createWire } from "../shared/adapters/wire.ts";
import { caPemOf, type Login } from "./login.ts";

export type WorkspaceClient = AsyncDisposable & {
  readonly login: Login;
  readonly http: DatabricksHttp;
  readonly files: VolumeFiles;
  /** Statements in this catalog and schema, which must exist. */
  readonly sql: (catalog: string, schema: string) => DatabricksSql;
};

/** Creates a client. It makes no call before the first one is asked for. */
export function workspaceClient(login: Login): WorkspaceClient {
  const caPem = caPemOf(login);
  const wire = createWire({ origin: login.host, caPem, connectionsMax: 8 });
  const tokens = tokensOf(login, wire);
  const http = createDatabricksHttp({
    ...systemClock,
    wire,
    tokens,
    limiter: createRateLimiter(wholeRates, systemClock),
    userAgent,
    random: systemRandom,
  });
  return {
    login,
    http,
    files: createVolumeFiles(http),
    sql: (catalog, schema) =>
      createDatabricksSql({
        host: login.host,
        httpPath: login.httpPath,
        tokens,
        caPem,
        catalog,
        schema,
        userAgent,
      }),
    [Symbol.asyncDispose]: () => wire[Symbol.asyncDispose](),
  };
}

const userAgent = "signalbox";

/** The services keep their credentials as a secret; a person's are at hand, in the same form. */
function tokensOf({ credentials, from }: Login, wire: ReturnType<typeof createWire>): TokenSource {
  const text = secretOf(credentials);
  const read = async () => text;
  return createTokenSource({
    ...systemClock,
    wire,
    secrets: { read, reread: read },
    auth: { kind: credentials.kind, secretId: from ?? "the environment's credentials" },
    webIdentityToken: () => Promise.reject(new Error("a person has no role's token")),
  });
}

/** The JSON that a service's secret holds. */
export const secretOf = (credentials: Login["credentials"]): string =>
  JSON.stringify(
    credentials.kind === "pat"
      ? { token: credentials.token }
      : { client_id: credentials.clientId, client_secret: credentials.clientSecret },
  );
