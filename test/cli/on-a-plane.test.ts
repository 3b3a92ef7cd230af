// The command line against a plane on this machine, as people use it: it finds the plane by itself,
// and what it says is what happened.
import { mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commands } from "../../cli/commands.ts";
import { programOf, runTyped } from "../../cli/frame/command-line.ts";
import type { TerminalOptions } from "../../cli/terminal.ts";
import type { ExitCode } from "../../cli/usage.ts";
import {
  type LocalStageGiven,
  removeLocalStage,
  writeLocalStage,
} from "../../infra/local-stage.ts";
import { until } from "../local/aws-fixture.ts";
import { type TestPlane, testPlane } from "../local/plane-fixture.ts";
import { ioTo } from "./io.ts";

let plane: TestPlane;
let workloads: string;
beforeAll(async () => {
  plane = await testPlane();
  workloads = join(plane.folder, "..", "workloads");
  writeLocalStage(plane.folder, localStage());
});
afterAll(() => plane[Symbol.asyncDispose]());

/** What a plane writes of itself: people look as on-call, whose keys open queues, and no more. */
function localStage(): LocalStageGiven {
  const { access, aws } = plane;
  const { credentials, caFile } = access.embedded?.onCall ?? access.operator;
  if (credentials.kind !== "oauth-m2m") throw new Error("on-call signs in by its secret");
  return {
    v: 1,
    pid: process.pid,
    started_at: new Date().toISOString(),
    workloads,
    stage: {
      aws: {},
      databricks: {
        host: access.operator.host,
        auth: { kind: "oauth-m2m", secret: "signalbox/local/databricks" },
        client_id: access.controllersId,
        warehouse_id: access.operator.httpPath.split("/").at(-1) ?? "",
        catalog: access.catalog,
        schema: access.schema,
        run_as: access.executorsId,
      },
      limits: { time_scale: 0.02 },
      alarms: { nobody: true },
    },
    environment: {
      ...aws.environment,
      ...aws.keysOf("on-call"),
      DATABRICKS_CLIENT_ID: credentials.clientId,
      DATABRICKS_CLIENT_SECRET: credentials.clientSecret,
      SIGNALBOX_CA_FILE: caFile ?? "",
    },
  };
}

type Typed = { readonly code: ExitCode; readonly lines: string[]; readonly complaints: string[] };

async function type(
  words: readonly string[],
  options: TerminalOptions & { input?: string } = {},
): Promise<Typed> {
  const [lines, complaints]: [string[], string[]] = [[], []];
  let code: ExitCode = 0;
  const { input = "", ...terminal } = options;
  const io = {
    ...ioTo(
      lines,
      { SIGNALBOX_LOCAL: plane.folder, PATH: process.env["PATH"] },
      {
        ...terminal,
        complain: (line) => complaints.push(line),
        input: async () => input,
      },
    ),
    exit: (ended: ExitCode) => {
      code = ended;
    },
  };
  await runTyped(programOf("0.0.0", commands, io), words);
  return { code, lines, complaints };
}
const jsonOf = async (...words: string[]) =>
  JSON.parse((await type([...words, "--json"])).lines.join("")) as never;

const inline = (code: string) => ({ inline: `from signalbox_executor import context\n${code}` });
const ticket = (ticket_id: string, code: string) =>
  JSON.stringify({ ticket_id, workload: "probe", artifact: inline(code) });

describe.concurrent("a run from end to end", () => {
  test("is sent, waited for, and exits with its outcome", async () => {
    const { code, lines } = await type([
      "submit",
      "weather-report",
      "--id",
      "SUB-1",
      "-p",
      "year=2015",
      "--wait",
    ]);
    expect(code).toBe(0);
    expect(lines[0]).toBe("sent SUB-1 to local  (signalbox status SUB-1)");
    const whats = lines
      .slice(1)
      .map((line) => /^ {2}[0-9:]{8} {2}[0-9. ]{5} (\w+)/.exec(line)?.[1]);
    expect(whats).toEqual(["ticket", "plan", "submission", "verdict", "outcome"]);
    expect(lines.at(-1)).toMatch(/outcome +succeeded: Seattle, 2015: 365 days/);
  });

  test("of which status knows everything, in 80 columns and as JSON", async () => {
    await type(["submit", "--file", "-", "--wait"], {
      input: ticket("STATUS-1", "context.metric('rmse', 2.5)\ncontext.summary('word ' * 60)"),
    });
    const { lines, code } = await type(["status", "STATUS-1"], { columns: 80 });
    expect(code).toBe(0);
    for (const line of lines.filter((each) => !/^(run|files|logs) /.test(each)))
      expect(line.length, line).toBeLessThanOrEqual(80);
    expect(lines[0]).toBe("STATUS-1  probe  succeeded");
    expect(lines.join("\n")).toMatch(/metrics: rmse 2\.5\ntook [0-9.]+ s, ended [0-9]+ s ago\n/);
    expect(lines.join("\n")).toMatch(
      /run {5}https:\/\/127\.0\.0\.1.*\nfiles {3}\/Volumes\/.*\nlogs {4}signalbox logs STATUS-1/,
    );
    expect(await jsonOf("status", "STATUS-1")).toMatchObject({
      ...{ run_id: "STATUS-1", state: "succeeded", workload: "probe", metrics: { rmse: 2.5 } },
      sent_by: expect.stringMatching(/^AROALOCALONCALL/),
      attempts: [
        {
          iter_n: 1,
          attempt: 1,
          verdict: "succeeded",
          databricks_run_id: expect.stringMatching(/^[0-9]+$/),
        },
      ],
      damaged: [],
    });
  });

  test("that fails says why first, then what it printed", async () => {
    const code =
      "import sys\nprint('to out')\nprint('to err', file=sys.stderr)\nraise ValueError('no rows\\x1b[31m')";
    const waited = await type(["submit", "--file", "-", "--wait"], {
      input: ticket("FAIL-1", code),
    });
    expect(waited.code).toBe(1);
    const { lines } = await type(["logs", "FAIL-1"]);
    expect(lines[0]).toBe("iteration 1, attempt 1: task_failed");
    expect(lines[1]).toMatch(/^ValueError: no rows/);
    expect(lines.findIndex((line) => line.startsWith("Traceback"))).toBe(2);
    expect(lines.indexOf("to err")).toBeGreaterThan(lines.indexOf("── stderr ──"));
    expect(lines.indexOf("to out")).toBeGreaterThan(lines.indexOf("── stdout ──"));
    expect(lines.join("")).not.toMatch(/\p{Cc}/u);
    expect((await type(["logs", "FAIL-1", "--iteration", "7"])).complaints).toEqual([
      "FAIL-1 has no iteration 7; there are 1",
    ]);
    const [shown] = (await jsonOf("runs", "--outcome", "failed", "--text", "fail-1")) as {
      run_id: string;
      state: string;
    }[];
    expect(shown).toMatchObject({ run_id: "FAIL-1", state: "over", workload: "probe" });
  });

  test("is followed while it goes on, by its timeline and by its logs", async () => {
    const sent = await type(["submit", "--file", "-"], {
      input: ticket("FOLLOW-1", "print('hello')"),
    });
    expect(sent.code).toBe(0);
    const [watched, followed] = await Promise.all([
      type(["watch", "FOLLOW-1"]),
      type(["logs", "FOLLOW-1", "--follow"]),
    ]);
    expect(watched.code).toBe(0);
    expect(watched.lines.at(-1)).toMatch(/outcome +succeeded/);
    expect(followed.lines).toEqual(
      expect.arrayContaining(["1.1 stdout hello", expect.stringMatching(/^succeeded: /)]),
    );
    expect(followed.code).toBe(0);
  });

  test("that takes longer than one waits is not over yet, and can be stopped", async () => {
    const slow = ticket("SLOW-1", "import time; time.sleep(100)");
    const waited = await type(["submit", "--file", "-", "--wait", "--timeout", "4s"], {
      input: slow,
    });
    expect(waited.code).toBe(4);
    expect(waited.complaints).toEqual([
      expect.stringMatching(/^SLOW-1 is not over yet: (planned|running)$/),
    ]);
    expect((await type(["runs", "--open"])).lines.join("\n")).toMatch(/^SLOW-1 +1 +probe /m);
    const preview = await type(["cancel", "--text", "slow-1", "--reason", "too slow"]);
    expect(preview.lines.at(-1)).toBe("would stop 1 run; say the same with --yes to do it");
    const stopped = await type(["cancel", "SLOW-1", "--reason", "too slow", "--wait"]);
    expect(stopped.lines.at(-1)).toMatch(/outcome +cancelled: .*too slow/);
    expect(stopped.code).toBe(0);
    expect((await type(["cancel", "SLOW-1", "--reason", "again"])).code).toBe(3);
  });

  test("that failed is reopened, one or many", async () => {
    const broken = (id: string) => ticket(id, "raise KeyError('mess')");
    const both = `${broken("MESS-1")}\n${broken("MESS-2")}\n`;
    expect((await type(["submit", "--file", "-", "--wait"], { input: both })).code).toBe(1);
    // The entry of a day is written after the announcement.
    await until(
      "both are listed",
      async () => ((await jsonOf("runs", "--over", "--text", "MESS-")) as unknown[]).length === 2,
    );
    const one = await type([
      "retry",
      "MESS-1",
      "--reason",
      "again",
      "--set",
      "limits.attempts=1",
      "--wait",
    ]);
    expect(one.code).toBe(1);
    expect(one.lines.at(-1)).toMatch(/failed: /);
    const words = ["retry", "--outcome", "failed", "--text", "mess-", "--reason", "outage is over"];
    await until(
      "its end is listed",
      async () =>
        (await type(words)).lines.at(-1) ===
        "would reopen 2 runs; say the same with --yes to do it",
    );
    const preview = await type(words);
    expect(preview.lines.at(-2)).toMatch(/in at most 2 attempts of 2 min: 4 submissions at most/);
    expect((await type([...words, "--yes"])).lines).toEqual([
      "2 runs asked to be reopened; their outcomes are announced as ever",
    ]);
    await until("the retry is there", async () =>
      (await type(["status", "MESS-2"])).lines.some((line) =>
        / retry +reopened by AROALOCALONCALL/.test(line),
      ),
    );
  });
});

describe("what is not there", () => {
  test.each(["status", "logs"])("%s says so, with an exit code of its own", async (name) => {
    const { code, complaints } = await type([name, "NOPE-1"]);
    expect(code).toBe(3);
    expect(complaints[0]).toMatch(/^there is no run NOPE-1 on local/);
  });

  test("nothing to retry, nothing to stop, no such workload", async () => {
    expect((await type(["retry", "NOPE-1", "--reason", "r"])).code).toBe(3);
    expect((await type(["retry", "--text", "NOPE", "--reason", "r"])).code).toBe(3);
    expect((await type(["cancel", "--text", "NOPE", "--reason", "r", "--yes"])).code).toBe(3);
    expect((await type(["workloads", "nope"])).code).toBe(3);
  });
});

test("a ticket that would be refused is not sent, and says what was meant", async () => {
  for (const [input, says] of [
    [
      '{"ticket_id": "A", "workload": "weather-reprot"}',
      /no workload "weather-reprot": did you mean weather-report\?/,
    ],
    [
      '{"ticket_id": "A", "workload": "weather-report", "parameters": {"yaer": 1}}',
      /did you mean year\?/,
    ],
    [
      '{"ticket_id": "A", "workload": "weather-report", "limit": {}}',
      /limit is not known in a ticket: did you mean limits\?/,
    ],
    [
      '{"ticket_id": "A", "workload": "weather-report", "limits": {"attempts": 9}}',
      /limits\.attempts is 9, but the recipe allows at most 2/,
    ],
    ['{"workload": "weather-report"}', /ticket_id is missing: a ticket has/],
    [
      '{"ticket_id": "A", "workload": "weather-report", "artifact": {"inline": "x"}}',
      /takes no code from tickets/,
    ],
  ] as const) {
    const { code, complaints, lines } = await type(["submit", "--file", "-"], { input });
    expect(complaints[0]).toMatch(says);
    expect(complaints.at(-1)).toMatch(/^nothing was sent; the recipes of /);
    expect([code, lines]).toEqual([1, []]);
  }
  const dry = await type(["submit", "weather-report", "-p", "city=Seattle", "--dry-run"]);
  expect(dry.lines[0]).toMatch(/^would be accepted by the recipes of /);
});

test("letters are judged by the facts: what would come back or has nothing to do, stays", async () => {
  const send = (input: string) => type(["submit", "--file", "-", "--no-check"], { input });
  await send('{"ticket_id": "LOST-1", "workload": "nowhere"}');
  await send(ticket("USED-1", "print(1)"));
  expect((await type(["watch", "USED-1"])).code).toBe(0);
  await send(ticket("USED-1", "print(2)"));
  const refused = () =>
    type(["dead-letters", "list", "--run", "LOST-1", "--run", "USED-1", "--json"]);
  await until(
    "both are letters",
    async () => (JSON.parse((await refused()).lines.join("")) as unknown[]).length === 2,
  );
  const preview = await type(["dead-letters", "replay", "--run", "LOST-1", "--run", "USED-1"]);
  expect(preview.lines.map((line) => line.replace(/ [0-9a-f-]{36}/, "")).toSorted()).toEqual([
    "2 would come straight back",
    expect.stringMatching(/^nothing was changed/),
    expect.stringMatching(
      /^stays: tickets LOST-1: it would come back: there is no workload "nowhere"/,
    ),
    expect.stringMatching(
      /^stays: tickets USED-1: it would come back: USED-1 was used at \S+ for a different ticket/,
    ),
  ]);
  expect(preview.complaints).toEqual([]);
  // As the same ticket again: its run is over, and a replay would run nothing.
  const same = `artifact.inline=${(JSON.parse(ticket("", "print(1)")) as { artifact: { inline: string } }).artifact.inline}`;
  const again = await type(["dead-letters", "replay", "--run", "USED-1", "--set", same, "--yes"]);
  expect(again.code).toBe(1);
  expect(again.lines[0]).toMatch(
    /^stays: .* USED-1: the run is over as succeeded, .*signalbox retry USED-1$/,
  );
  const mended = [
    "dead-letters",
    "replay",
    "--run",
    "USED-1",
    "--set",
    "ticket_id=USED-2",
    "--yes",
  ];
  expect((await type(mended)).code).toBe(0);
  expect((await type(["watch", "USED-2"])).code).toBe(0);
  expect((await type(["dead-letters", "discard", "--run", "LOST-1", "--yes"])).code).toBe(0);
});

test("the ledger answers in SQL, with what on-call may read", async () => {
  await type(["submit", "--file", "-", "--wait"], { input: ticket("SQL-1", "print(1)") });
  const row = () => jsonOf("sql", "SELECT run_id, outcome FROM run_state WHERE run_id = 'SQL-1'");
  await until(
    "the books have it",
    async () => ((await row()) as { outcome: string }[])[0]?.outcome === "succeeded",
  );
  const { lines } = await type([
    "sql",
    "SELECT run_id, outcome FROM run_state WHERE run_id = 'SQL-1';",
  ]);
  expect(lines).toEqual(["run_id  outcome", "SQL-1   succeeded"]);
});

test("what there is to run is listed, with how it went", async () => {
  const { lines } = await type(["workloads"], { columns: 80 });
  expect(lines[0]).toMatch(/^WORKLOAD +SCHEDULE +AT MOST +PARAMETERS +IN THE LAST DAY$/);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  const { lines: one } = await type(["workloads", "weather-report"]);
  expect(one.join("\n")).toMatch(/parameters, with what holds.*\n.*\n {2}city = "Seattle"/);
});

test.each([[], ["--loop"]])("a new workload has no faults (%s)", async (...more) => {
  const folder = mkdtempSync(join(tmpdir(), "signalbox-new-"));
  await type(["new", "cars", "--workloads", folder, ...more]);
  expect((await type(["check", join(folder, "cars")])).lines).toEqual(["no faults in 1 workload"]);
});

test("a plane that is over is not spoken to, and its keys are its owner's alone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "signalbox-gone-"));
  const io = ioTo([], { SIGNALBOX_LOCAL: folder });
  const look = () => runTyped(programOf("0", commands, io), ["runs", "--stage", "local"]);
  writeLocalStage(folder, { ...localStage(), pid: 2 ** 22 + 1 });
  expect(statSync(join(folder, "stage.json")).mode & 0o777).toBe(0o600);
  await expect(look()).rejects.toThrow(/^no plane runs on this machine/);
  removeLocalStage(folder);
  await expect(look()).rejects.toThrow(/^no plane runs on this machine/);
  expect(() => writeLocalStage(folder, { ...localStage(), pid: 0 })).toThrow();
});
