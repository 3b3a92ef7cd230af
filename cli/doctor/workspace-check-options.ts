// What the checks of the Databricks side look at.
import type { Stage } from "../../infra/stage.ts";
import type { WorkspaceClient } from "../workspace-client.ts";

export type WorkspaceCheckOptions = {
  readonly stage: Stage;
  readonly client: WorkspaceClient;
  /** Whether `client` speaks as the functions do; otherwise as whoever the environment names. */
  readonly asControllers: boolean;
  /** As a principal that only reads, and not everything: what must be written to be tried is left out. */
  readonly asOnCall?: boolean;
  /** The application ids as which code is executed: the stage's, and those of recipes. */
  readonly executors: readonly string[];
  /** A warehouse that sleeps is woken up, which costs. */
  readonly withWarehouse: boolean;
};
