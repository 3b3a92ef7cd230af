// `signalbox bootstrap` against a workspace that works as the platform does: what it says, what it leaves alone, how it ends.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { bootstrap } from "../../cli/commands/bootstrap.ts";
import { type WorkspaceClient, workspaceClient } from "../../cli/workspace-client.ts";
import { embeddedWorkspace, type WorkspaceAccess } from "../../local/plane/workspace-access.ts";
import { ioTo } from "./io.ts";

let access: WorkspaceAccess;
let operator: WorkspaceClient;
let stages: string;

beforeAll(async () => {
  access = await embeddedWorkspace(mkdtempSync(join(tmpdir(), "signalbox-bootstrap-")));
  operator = workspaceClient(access.operator);
  stages = mkdtempSync(join(tmpdir(), "signalbox-stages-"));
}, 60_000);
afterAll(async () => {
  await operator[Symbol.asyncDispose]();
  await access[Symbol.asyncDispose]();
});

type Principals = { readonly controllers: string; readonly executors: string };

/** The stage's file, as an operator writes it. */
function writeStage(name: string, schema: string, { controllers, executors }: Principals): void {
  writeFileSync(
    join(stages, `${name}.yaml`),
    `databricks:
  host: ${access.operator.host}
  auth: { kind: oauth-m2m, secret: signalbox/${name}/databricks }
  client_id: ${controllers}
  warehouse_id: "${access.operator.httpPath.split("/").at(-1)}"
  catalog: ${access.catalog}
  schema: ${schema}
  run_as: ${executors}
alarms: { nobody: true }
`,
  );
}

const usual = (): Principals => ({
  controllers: access.controllersId,
  executors: access.executorsId,
});

/** `signalbox bootstrap --stage <name>` by the operator, on a machine without the `databricks` command line. */
async function type(name: string) {
  const { credentials, caFile } = access.operator;
  const lines: string[] = [];
  const environment = {
    PATH: "",
    SIGNALBOX_CA_FILE: caFile,
    ...(credentials.kind === "oauth-m2m" && {
      DATABRICKS_CLIENT_ID: credentials.clientId,
      DATABRICKS_CLIENT_SECRET: credentials.clientSecret,
    }),
  };
  const args = ["--stage", name, "--stages", stages];
  const code = await bootstrap.run(args, ioTo(lines, environment));
  return { code, lines };
}

test("what is made is said, and what is found the second time", async () => {
  writeStage("fresh", "fresh", usual());
  const made = await type("fresh");
  expect(made.code).toBe(0);
  expect(made.lines).toEqual(
    expect.arrayContaining([
      "schema main.fresh: made",
      "volumes facts, scratchpad, company_codebase: made",
      "tables execution_requests, execution_results, telemetry, run_state: made",
      "secret scope signalbox-fresh, readable for executors: made",
    ]),
  );
  const found = await type("fresh");
  expect(found.code).toBe(0);
  expect(found.lines).toEqual(
    expect.arrayContaining([
      "schema main.fresh: found",
      "volumes facts, scratchpad, company_codebase: found",
      "tables execution_requests, execution_results, telemetry, run_state: found",
      "secret scope signalbox-fresh, readable for executors: found",
    ]),
  );
  expect(found.lines.join("\n")).not.toMatch(/: made/);
});

test("a volume of another stack is refused before anything is granted on it", async () => {
  writeStage("first", "shared", usual());
  expect((await type("first")).code).toBe(0);
  const before = await grantsOn("shared");
  // The other stack's executors would write the facts, and its controllers read what they may not see.
  writeStage("second", "shared", {
    controllers: access.executorsId,
    executors: access.controllersId,
  });
  await expect(type("second")).rejects.toThrow(
    /the facts volume belongs to stack "signalbox-first" .*give each stack a schema of its own \(databricks\.schema of the stage/,
  );
  expect(await grantsOn("shared")).toEqual(before);
});

test("a role that could not be granted is said last, too, and ends with 1", async () => {
  writeStage("poor", "poor", usual());
  access.embedded?.workspace.fail({
    route: "GET /api/2.0/preview/accounts/access-control/rule-sets",
    status: 403,
    body: { error_code: "PERMISSION_DENIED", message: "you manage no principals" },
  });
  const { code, lines } = await type("poor");
  access.embedded?.workspace.clearFaults();
  expect(lines.join("\n")).toMatch(
    /NOT granted \(403 PERMISSION_DENIED: you manage no principals\)/,
  );
  expect(lines.at(-1)).toBe(
    "signalbox-poor is NOT prepared: mend what is said above, then repeat this command",
  );
  expect(code).toBe(1);
});

const Assignments = z.object({ privilege_assignments: z.array(z.unknown()).default([]) });

/** All that anybody may do with the schema, its volumes and its tables. */
async function grantsOn(schema: string): Promise<readonly unknown[]> {
  const own = `${access.catalog}.${schema}`;
  const things = [
    `schema/${own}`,
    ...["facts", "scratchpad", "company_codebase"].map((name) => `volume/${own}.${name}`),
    `table/${own}.run_state`,
  ];
  const replies = await Promise.all(
    things.map((thing) =>
      operator.http.call({
        method: "GET",
        path: `/api/2.1/unity-catalog/effective-permissions/${thing}`,
        rate: "get",
      }),
    ),
  );
  return replies.map((reply) => {
    if (reply.kind !== "ok") throw new Error(`grants cannot be read: ${JSON.stringify(reply)}`);
    return Assignments.parse(JSON.parse(Buffer.from(reply.content).toString("utf8")));
  });
}
