// SQL answered by real Spark with Delta Lake.
import type { WorkspaceContext } from "../../context.ts";
import type { SqlEngine } from "../engine.ts";
import { unsupported } from "../errors.ts";

export async function openSparkEngine(_context: WorkspaceContext): Promise<SqlEngine> {
  throw unsupported("for Spark yet");
}
