// `signalbox bootstrap` against a workspace that works as the platform does: what it says, what it
// leaves alone, how it ends.
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { bootstrap } from "../../cli/commands/bootstrap.ts";
import { type WorkspaceClient, workspaceClient } from "../../cli/workspace-client.ts";
import { embeddedWorkspace, type WorkspaceAccess } from "../../local/plane/workspace-access.ts";
import type { TicketFact } from "../../shared/domain/facts.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import { Ticket } from "../../shared/domain/messages.ts";
import { at, limits, recipe } from "../domain/examples.ts";
import { ioTo, typed } from "./io.ts";

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
function writeStage(
  name: string,
  schema: string,
  { controllers, executors }: Principals,
  more = "",
): void {
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
${more}alarms: { nobody: true }
`,
  );
}

const usual = (): Principals => ({
  controllers: access.controllersId,
  executors: access.executorsId,
});

/**
 * `signalbox bootstrap --stage <name>` by the operator, on a machine without the `databricks`
 * command line.
 */
async function type(name: string, ...more: readonly string[]) {
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
  const args = ["--stage", name, "--stages", stages, ...more];
  const code = await typed(bootstrap, args, ioTo(lines, environment));
  return { code, lines };
}

test("what is made is said, and what is found the second time", async () => {
  writeStage("fresh", "fresh", usual());
  const made = await type("fresh");
  expect(made.code).toBe(0);
  expect(made.lines).toEqual(
    expect.arrayContaining([
      "schema main.fresh: made",
      "volumes facts, plans, scratchpad, company_codebase: made",
      "tables execution_requests, execution_results, telemetry, run_state: made",
      "secret scope signalbox-fresh, readable for executors: made",
    ]),
  );
  const found = await type("fresh");
  expect(found.code).toBe(0);
  expect(found.lines).toEqual(
    expect.arrayContaining([
      "schema main.fresh: found",
      "volumes facts, plans, scratchpad, company_codebase: found",
      "tables execution_requests, execution_results, telemetry, run_state: found",
      "secret scope signalbox-fresh, readable for executors: found",
    ]),
  );
  expect(found.lines.join("\n")).not.toMatch(/: made/);
});

test("a workload's own scratchpad is made, for its own principal alone", async () => {
  const own = access.onCallId ?? "";
  const workload = join(stages, "workloads", "churn");
  mkdirSync(workload, { recursive: true });
  writeFileSync(
    join(workload, "recipe.yaml"),
    `v: 1
planner: { kind: artifact, artifact: churn.py }
task: { kind: spark_python_task, compute: { serverless: { environment_version: "4" } } }
limits: { iterations: 1, attempts: 1, timeout_seconds: 60, queue_seconds: 60 }
run_as: ${own}
scratchpad: churn_files
`,
  );
  writeFileSync(join(workload, "churn.py"), "");
  writeStage("apart", "apart", usual());
  const { code, lines } = await type("apart", "--workloads", join(stages, "workloads"));
  expect(lines.join("\n")).toMatch(/scratchpad, company_codebase, churn_files: made/);
  expect(code).toBe(0);
  const held = await directly("apart", "volume", "churn_files");
  expect(held.get(own)).toEqual(["READ_VOLUME", "WRITE_VOLUME"]);
  expect(held.get(access.controllersId)).toEqual(["READ_VOLUME"]);
  expect(held.get(access.executorsId)).toBeUndefined();
  expect((await directly("apart", "volume", "scratchpad")).get(own)).toBeUndefined();
});

test("a volume of another stack is refused before anything is granted on it", async () => {
  writeStage("first", "shared", usual());
  expect((await type("first")).code).toBe(0);
  const before = await grantsOn("shared");
  // The other stack's executors would write the facts, and its controllers read what they may not
  // see.
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

describe("who may do what", () => {
  const schema = "granted";

  test.each([
    {
      thing: "volume/facts",
      controllers: ["READ_VOLUME", "WRITE_VOLUME"],
      onCall: ["READ_VOLUME"],
    },
    {
      thing: "volume/plans",
      controllers: ["READ_VOLUME", "WRITE_VOLUME"],
      executors: ["READ_VOLUME"],
      onCall: ["READ_VOLUME"],
    },
    {
      thing: "volume/scratchpad",
      controllers: ["READ_VOLUME"],
      executors: ["READ_VOLUME", "WRITE_VOLUME"],
      onCall: ["READ_VOLUME"],
    },
    {
      thing: "volume/company_codebase",
      controllers: ["READ_VOLUME"],
      executors: ["READ_VOLUME"],
    },
    { thing: "table/run_state", controllers: ["MODIFY", "SELECT"], onCall: ["SELECT"] },
    { thing: "table/telemetry", controllers: ["MODIFY", "SELECT"], onCall: ["SELECT"] },
    {
      thing: "schema/",
      controllers: ["USE_SCHEMA"],
      executors: ["USE_SCHEMA"],
      onCall: ["USE_SCHEMA"],
    },
  ])("with $thing is what each needs, and nothing more", async (row) => {
    const { thing, ...wanted } = row;
    const onCall = access.embedded?.workspace.other.id ?? "";
    writeStage("granted", schema, usual(), `  on_call: { client_id: ${onCall} }\n`);
    expect((await type("granted")).code).toBe(0);
    const [kind = "", name] = thing.split("/");
    const held = await directly(schema, kind, name);
    expect({
      controllers: held.get(access.controllersId),
      executors: held.get(access.executorsId),
      onCall: held.get(onCall),
    }).toEqual({ executors: undefined, onCall: undefined, ...wanted });
  });
});

describe("a plane of before", () => {
  const schema = "older";
  const folder = `/Volumes/main/${schema}`;
  const run = async (...statements: string[]): Promise<void> => {
    await using session = await operator.sql(access.catalog, schema).open();
    for (const statement of statements) await session.execute(statement);
  };
  const columnsOf = async (table: string): Promise<readonly string[]> => {
    await using session = await operator.sql(access.catalog, schema).open();
    return (await session.execute(`DESCRIBE TABLE ${table}`)).map((row) => String(row["col_name"]));
  };
  const write = (path: string, value: unknown) =>
    operator.files.overwrite(`${folder}/${path}`, Buffer.from(`${JSON.stringify(value)}\n`));
  const mayRead = async () => {
    const executors = workspaceClient(access.embedded?.executors ?? access.operator);
    const reading = executors.files.list(`${folder}/facts`);
    const may = await reading.then(
      () => true,
      () => false,
    );
    await executors[Symbol.asyncDispose]();
    return may;
  };

  const tables = ["run_state", "execution_requests", "execution_results"];
  const beforeGenerations = (table: string): string =>
    readFileSync(join(import.meta.dirname, `../../infra/databricks/tables/${table}.sql`), "utf8")
      .replace(/,\n +generation .*/, "")
      .replace(/\n +produced_artifacts .*/, "")
      .replace(/^--.*$/gm, "");
  beforeAll(async () => {
    await using session = await operator.sql(access.catalog, "default").open();
    await session.execute(`CREATE SCHEMA ${access.catalog}.${schema}`);
  });

  test("gets its columns, and keeps its executors' reading until nothing needs it", async () => {
    writeStage("older", schema, usual());
    await run(...tables.map(beforeGenerations));
    expect(await columnsOf("run_state")).not.toContain("generation");
    await run("CREATE VOLUME facts");
    await run(`GRANT READ VOLUME ON VOLUME facts TO \`${access.executorsId}\``);

    const first = await type("older");
    expect(first.lines).toEqual(
      expect.arrayContaining([
        "column generation of run_state: added",
        "column generation of execution_requests: added",
        "column produced_artifacts of execution_results: added",
        "column generation of execution_results: added",
        expect.stringMatching(
          /may still read the facts, because the functions have planned nothing/,
        ),
        expect.stringMatching(
          /^WARN {2}facts are closed: executors .* planned nothing in the volume plans yet$/,
        ),
      ]),
    );
    expect(first.code).toBe(0);
    expect(await columnsOf("run_state")).toContain("generation");

    await write("plans/run_R-2.0123456789/iter_001.attempt_001.manifest.json", {});
    await openRunOfBefore(write, folder);
    const second = await type("older");
    expect(second.lines.join("\n")).toMatch(
      /may still read the facts, because a run that was accepted before is open \(R-1, chapter 1\)/,
    );
    expect(second.lines.join("\n")).not.toMatch(/column .* added/);
    expect(await mayRead()).toBe(true);

    await operator.files.remove(`${folder}/facts/open/R-1.1`);
    const third = await type("older");
    expect(third.lines.join("\n")).toMatch(/may no longer read the facts: revoked/);
    expect(third.code).toBe(0);
    expect(await mayRead()).toBe(false);
    expect((await type("older")).lines.join("\n")).not.toMatch(/read the facts:|still read/);
  });
});

/** A run of before, of which nothing is planned at this moment, as between two of its attempts. */
async function openRunOfBefore(
  write: (path: string, value: unknown) => Promise<unknown>,
  folder: string,
): Promise<void> {
  const ticket: TicketFact = {
    v: 1,
    run_id: "R-1",
    ticket: Ticket.parse({ ticket_id: "R-1", workload: "report" }),
    recipe,
    limits,
    entry: "a.py",
    files: [{ name: "a.py", path: `${folder}/facts/a.py`, sha256: "a".repeat(64), bytes: 1 }],
    accepted_at: at(0),
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  };
  const chapter = { run_id: "R-1", chapter: 1 };
  await write("facts/run_R-1/ticket.json", ticket);
  await write("facts/open/R-1.1", freshMarker(chapter, Date.now()));
  // Of a run of now, nothing needs the facts.
  await write("facts/run_R-0/ticket.json", { ...ticket, run_id: "R-0", seed: "5".repeat(64) });
  await write("facts/open/R-0.1", freshMarker({ run_id: "R-0", chapter: 1 }, Date.now()));
}

const Assignments = z.object({ privilege_assignments: z.array(z.unknown()).default([]) });

const Direct = z.object({
  privilege_assignments: z
    .array(z.object({ principal: z.string(), privileges: z.array(z.string()) }))
    .default([]),
});

/** What each principal was granted on a thing of the schema, or on the schema itself. */
async function directly(schema: string, kind: string, name?: string) {
  const thing = `${kind}/${access.catalog}.${schema}${name ? `.${name}` : ""}`;
  const path = `/api/2.1/unity-catalog/permissions/${thing}`;
  const reply = await operator.http.call({ method: "GET", path, rate: "get" });
  if (reply.kind !== "ok") throw new Error(`grants cannot be read: ${JSON.stringify(reply)}`);
  const { privilege_assignments } = Direct.parse(JSON.parse(Buffer.from(reply.content).toString()));
  return new Map(privilege_assignments.map(({ principal, privileges }) => [principal, privileges]));
}

/** All that anybody may do with the schema, its volumes and its tables. */
async function grantsOn(schema: string): Promise<readonly unknown[]> {
  const own = `${access.catalog}.${schema}`;
  const things = [
    `schema/${own}`,
    ...["facts", "plans", "scratchpad", "company_codebase"].map((name) => `volume/${own}.${name}`),
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
