// One engine for each workspace, started by the first statement.
import type { WorkspaceContext } from "../context.ts";
import type { SqlEngine } from "./engine.ts";
import { createSqlFaults } from "./faults.ts";

/** Gives the engine; it is closed with the workspace. */
export type OpenSql = () => Promise<SqlEngine>;

const known = new WeakMap<WorkspaceContext, OpenSql>();

/** Thrift and the Statement Execution API share one engine and its faults. */
export function sqlOf(context: WorkspaceContext): OpenSql {
  const open = known.get(context) ?? prepare(context);
  known.set(context, open);
  return open;
}

function prepare(context: WorkspaceContext): OpenSql {
  const withFaults = createSqlFaults(context);
  let opened: Promise<SqlEngine> | undefined;
  const start = async () => withFaults(await openEngine(context));
  context.onClose(async () => {
    const engine = await opened?.catch(() => undefined);
    await engine?.[Symbol.asyncDispose]();
  });
  return () => {
    opened ??= start().catch((thrown: unknown) => {
      // The next statement tries again: what was missing may be there by then.
      opened = undefined;
      throw thrown;
    });
    return opened;
  };
}

/** Loaded with the first statement: half of the workspace's code is SQL, and many a client never speaks it. */
async function openEngine(context: WorkspaceContext): Promise<SqlEngine> {
  if (context.sqlEngine === "spark") {
    const { openSparkEngine } = await import("./spark/engine.ts");
    return openSparkEngine(context);
  }
  const { openDuckEngine } = await import("./duckdb/engine.ts");
  return openDuckEngine(context);
}
