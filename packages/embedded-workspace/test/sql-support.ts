// SQL for the tests: the unmodified driver against an embedded workspace.
import { DBSQLClient } from "@databricks/sql";
import type { Workspace } from "../src/workspace.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look into rows and errors of every shape, and assert what they find
export type Row = any;

export type SqlClient = AsyncDisposable & {
  readonly run: (statement: string, options?: StatementOptions) => Promise<Row[]>;
  /** SQLSTATE of the failure, or "" when the statement succeeded. */
  readonly stateOf: (statement: string, options?: StatementOptions) => Promise<string>;
  /** What the driver threw. */
  readonly failure: (statement: string, options?: StatementOptions) => Promise<Row>;
  readonly driver: DBSQLClient;
  readonly session: Awaited<ReturnType<DBSQLClient["openSession"]>>;
};

type StatementOptions = NonNullable<
  Parameters<Awaited<ReturnType<DBSQLClient["openSession"]>>["executeStatement"]>[1]
>;

export async function connect(
  workspace: Pick<Workspace, "port" | "caPem" | "env">,
  options: { readonly token?: string; readonly schema?: string } = {},
): Promise<SqlClient> {
  const driver = new DBSQLClient({ logger: { log: () => undefined } });
  await driver.connect({
    host: "localhost",
    port: workspace.port,
    path: workspace.env["DATABRICKS_HTTP_PATH"] ?? "",
    token: options.token ?? workspace.env["DATABRICKS_TOKEN"] ?? "",
    customCaCert: workspace.caPem,
    telemetryEnabled: false,
  });
  const session = await driver.openSession({
    initialCatalog: "main",
    initialSchema: options.schema ?? "default",
  });
  const run: SqlClient["run"] = async (statement, settings) => {
    const operation = await session.executeStatement(statement, settings);
    try {
      await operation.finished();
      return await operation.fetchAll();
    } finally {
      await operation.close().catch(() => undefined);
    }
  };
  const failure: SqlClient["failure"] = async (statement, settings) => {
    try {
      await run(statement, settings);
    } catch (error) {
      return error;
    }
    throw new Error(`it succeeded: ${statement}`);
  };
  return {
    run,
    failure,
    stateOf: (statement, settings) =>
      run(statement, settings).then(
        () => "",
        (error) => error.response?.sqlState ?? String(error),
      ),
    driver,
    session,
    [Symbol.asyncDispose]: async () => {
      await session.close().catch(() => undefined);
      await driver.close();
    },
  };
}
