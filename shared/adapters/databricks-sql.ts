// SQL on a warehouse, through the official driver, which is loaded when the first statement needs
// it.
import type { DBSQLClient } from "@databricks/sql";
import type { TokenSource } from "./databricks-auth.ts";
import { isUnauthorized, sqlFailure } from "./sql-error.ts";

export type Row = Readonly<Record<string, unknown>>;
export type SqlParameters = Readonly<Record<string, string | number>>;

export type SqlSession = AsyncDisposable & {
  /**
   * Runs one statement to its end and returns its rows.
   * @throws SqlError, or PlatformTroubleError if waiting may mend it
   */
  readonly execute: (statement: string, parameters?: SqlParameters) => Promise<readonly Row[]>;
};

export type DatabricksSql = { readonly open: () => Promise<SqlSession> };

export type DatabricksSqlOptions = {
  /** `https://…` */
  readonly host: string;
  /** `/sql/1.0/warehouses/<id>` */
  readonly httpPath: string;
  readonly tokens: TokenSource;
  readonly caPem?: string | undefined;
  readonly catalog: string;
  readonly schema: string;
  readonly userAgent: string;
};

export const createDatabricksSql = (options: DatabricksSqlOptions): DatabricksSql => ({
  open: async () => {
    const tokens = remembering(options.tokens);
    try {
      return await openSession({ ...options, tokens });
    } catch (error) {
      // The driver never repeats OpenSession, so a token that expired early is replaced once here.
      if (!isUnauthorized(error)) throw sqlFailure("opening a session", error);
      tokens.refuseLast();
    }
    try {
      return await openSession({ ...options, tokens });
    } catch (error) {
      throw sqlFailure("opening a session", error);
    }
  },
});

/** The driver asks for a token at every call. Only this function knows which one was refused. */
function remembering(tokens: TokenSource) {
  let last = "";
  return {
    token: async () => {
      last = await tokens.token();
      return last;
    },
    refuseLast: () => tokens.refused(last),
  };
}

/**
 * The time of one exchange. A longer statement is asked about again and again, not waited for on
 * one socket.
 */
const SOCKET_MS_MAX = 30_000;

type RememberingOptions = Omit<DatabricksSqlOptions, "tokens"> & {
  readonly tokens: ReturnType<typeof remembering>;
};

async function openSession(options: RememberingOptions): Promise<SqlSession> {
  // CommonJS: in a bundle its exports are those of the default export alone.
  const { default: driver } = await import("@databricks/sql");
  const client = new driver.DBSQLClient({ logger: { log: () => {} } });
  client.on("error", () => {}); // every failure also rejects the call that it belongs to
  const { hostname, port } = new URL(options.host);
  await client.connect({
    host: hostname,
    port: port === "" ? 443 : Number(port),
    path: options.httpPath,
    authType: "custom",
    provider: {
      authenticate: async () => ({ Authorization: `Bearer ${await options.tokens.token()}` }),
    },
    userAgentEntry: options.userAgent,
    ...(options.caPem !== undefined && { customCaCert: options.caPem }),
    socketTimeout: SOCKET_MS_MAX,
    // Retries of status questions; the driver repeats nothing else
    // (docs/facts/databricks.md#driver-retries-little).
    retryMaxAttempts: 3,
    retriesTimeout: 15_000,
    retryDelayMin: 200,
    retryDelayMax: 5_000,
    telemetryEnabled: false,
  });
  const session = await client
    .openSession({ initialCatalog: options.catalog, initialSchema: options.schema })
    .catch(async (error: unknown) => {
      await client.close().catch(() => {});
      throw error;
    });
  return {
    execute: async (statement, parameters) => {
      try {
        return await execute(session, statement, parameters);
      } catch (error) {
        if (isUnauthorized(error)) options.tokens.refuseLast();
        throw sqlFailure(statement.trim().split(/\s+\(|\n/)[0] ?? "", error);
      }
    },
    [Symbol.asyncDispose]: () => close(client),
  };
}

type DriverSession = Awaited<ReturnType<DBSQLClient["openSession"]>>;

async function execute(
  session: DriverSession,
  statement: string,
  parameters: SqlParameters = {},
): Promise<readonly Row[]> {
  const named = Object.keys(parameters).length > 0;
  const operation = await session.executeStatement(statement, {
    ...(named && { namedParameters: { ...parameters } }),
    useCloudFetch: false, // results of ours are small, and links would need another host
  });
  try {
    // Without this, a failed statement would look like one without rows
    // (docs/facts/databricks.md#fetch-all-is-silent).
    await operation.finished();
    // If a result has no columns (DDL) and comes as a column-based set, the driver would fetch for
    // ever.
    const schema = await operation.getSchema();
    if ((schema?.columns.length ?? 0) === 0) return [];
    return (await operation.fetchAll()) as readonly Row[];
  } finally {
    await operation.close().catch(() => {}); // the server forgets it with the session
  }
}

/** Closes the client and its sessions. If that fails, the server ends them by itself. */
async function close(client: DBSQLClient): Promise<void> {
  await client.close().catch(() => {});
}
