// One DuckDB for the process, and a database in it for each workspace.
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { duckName, duckText } from "../types.ts";
import { registerFunctions } from "./functions.ts";
import { MEMORY_BYTES_MAX } from "./memory.ts";

export type Database = {
  /** A connection whose unqualified names are those of this database. */
  readonly connect: () => Promise<DuckDBConnection>;
  /** Writes what is not yet in the file and lets go of it. Connections must be closed before. */
  readonly detach: () => Promise<void>;
};

/**
 * Attaches the file, or a database in memory. Opening an instance takes 30 ms, so all workspaces
 * share one.
 */
export async function attachDatabase(file: string | undefined): Promise<Database> {
  const instance = await sharedInstance();
  const name = duckName(`workspace_${++attached}`);
  const owner = await instance.connect();
  await owner.run(`ATTACH ${duckText(file ?? ":memory:")} AS ${name}`);
  return {
    connect: async () => {
      const connection = await instance.connect();
      await connection.run(`USE ${name}`);
      return connection;
    },
    detach: async () => {
      await owner.run(`DETACH ${name}`);
      owner.closeSync();
    },
  };
}

/** The space on disk for data that does not fit into memory. */
const DISK_BYTES_MAX = 2 ** 30;

let attached = 0;
let shared: Promise<DuckDBInstance> | undefined;

function sharedInstance(): Promise<DuckDBInstance> {
  shared ??= open();
  return shared;
}

async function open(): Promise<DuckDBInstance> {
  const instance = await DuckDBInstance.create(":memory:", {
    // The place of data that does not fit into memory; by default the working directory.
    temp_directory: join(tmpdir(), `embedded-workspace-${process.pid}`),
    memory_limit: `${MEMORY_BYTES_MAX / 2 ** 20}MiB`,
    max_temp_directory_size: `${DISK_BYTES_MAX / 2 ** 20}MiB`,
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
  });
  const setup = await instance.connect();
  await setup.run("SET GLOBAL TimeZone = 'UTC'");
  registerFunctions(setup);
  setup.closeSync();
  return instance;
}
