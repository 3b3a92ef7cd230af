// The options of the checks on the Databricks side.
import type { Stage } from "../../infra/stage.ts";
import type { Scratchpad } from "../../infra/workloads.ts";
import type { WorkspaceClient } from "../workspace-client.ts";

export type WorkspaceCheckOptions = {
  readonly stage: Stage;
  readonly client: WorkspaceClient;
  /**
   * Whether `client` has the functions' identity; otherwise it has the one that the environment
   * names.
   */
  readonly asControllers: boolean;
  /**
   * True for a principal that only reads, and not everything: checks that must write are left out.
   */
  readonly asOnCall?: boolean;
  /** The application ids of all executors: the stage's, and those of recipes. */
  readonly executors: readonly string[];
  /** Who writes which scratchpad. */
  readonly scratchpads: readonly Scratchpad[];
  /** Whether a sleeping warehouse is woken up, which costs money. */
  readonly withWarehouse: boolean;
};
