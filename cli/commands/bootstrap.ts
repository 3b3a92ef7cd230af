// `signalbox bootstrap`: prepares the Databricks side of a stage. Again and again: what is there stays, what is missing is made.
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { deployBundle } from "../asset-bundle.ts";
import { bootstrap as prepare } from "../bootstrap.ts";
import { prepareSecretScope } from "../secret-scope.ts";
import { loginOf, stageOf, stageOptions, volumesOf } from "../stage-context.ts";
import { type Command, UsageError } from "../usage.ts";
import { workspaceClient } from "../workspace-client.ts";

export const bootstrap: Command = {
  usage: "bootstrap --stage <stage>",
  summary: "prepares the Databricks side: volumes, tables, grants, executor; repeat it at will",
  run: async (args, io) => {
    const { values } = parseArgs({ args: [...args], options: stageOptions });
    const stage = stageOf(values);
    const { catalog, schema, client_id, run_as } = stage.databricks;
    if (
      !Object.keys(io.environment).some((name) => /^DATABRICKS_(TOKEN|CLIENT_SECRET)$/.test(name))
    )
      throw new UsageError(
        "bootstrap makes volumes and grants, which the functions' own principal may not: set DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN, of somebody who owns the catalog",
      );
    await using client = workspaceClient(await loginOf(stage, io));
    const { planeId, executorPath } = await prepare(client, {
      stack: stage.stack,
      catalog,
      schema,
      controllers: client_id,
      executors: run_as,
      planeId: randomUUID(),
      nowIso: new Date().toISOString(),
      say: io.print,
    });
    io.print(`secret scope ${stage.stack}, readable for executors`);
    await prepareSecretScope(client.http, stage.stack, run_as);
    const bundle = await deployBundle(stage, executorPath, io.environment);
    if (bundle.kind === "absent")
      io.print(
        "asset bundle: left out, because there is no `databricks` command line here; nothing depends on it",
      );
    else {
      const path = `${volumesOf(stage)}/company_codebase/jobs.json`;
      await client.files.overwrite(path, Buffer.from(`${JSON.stringify(bundle.jobs)}\n`));
      io.print(
        `asset bundle: ${Object.entries(bundle.jobs)
          .map(([key, id]) => `${key} is job ${id}`)
          .join(", ")}; kept in ${path}`,
      );
    }
    io.print(
      `${stage.stack} is prepared: plane ${planeId}. Next: npx cdk deploy ${stage.stack}, then npx signalbox doctor --stage ${stage.name}`,
    );
    return 0;
  },
};
