// The contract of every Jobs port. Runs start when they are submitted, and end when the test says
// so.
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { phaseOf } from "../../shared/domain/databricks-run.ts";
import type { JobsPort, RunLook, SubmitRequest } from "../../shared/ports.ts";
import type { Ending } from "../support/memory/jobs.ts";

export type JobsUnderTest = JobsPort & {
  readonly nowMs: () => number;
  readonly end: (databricksRunId: string, ending: Ending) => Promise<void>;
  readonly repair: (databricksRunId: string) => Promise<void>;
};

const HOUR_MS = 3_600_000;
const FAILED = {
  lifeCycleState: "INTERNAL_ERROR",
  resultState: "FAILED",
  terminationCode: "RUN_EXECUTION_ERROR",
};

/** A run of a plane of its own, so that tests share a workspace. */
export function requestOf(more: Partial<SubmitRequest> = {}): SubmitRequest {
  const plane = randomUUID();
  return {
    runName: `signalbox/${plane}/ORD-1/1.1 trace`,
    idempotencyToken: plane.replaceAll("-", "").padEnd(64, "0"),
    payload: JSON.stringify({
      tasks: [
        {
          task_key: "main",
          environment_key: "default",
          spark_python_task: {
            python_file: "/Volumes/main/ops/company_codebase/none.py",
            parameters: ["/Volumes/main/ops/plans/manifest.json"],
          },
        },
      ],
      environments: [{ environment_key: "default", spec: { environment_version: "4" } }],
    }),
    ...more,
  };
}

export async function submitted(port: JobsPort, request = requestOf()): Promise<string> {
  const reply = await port.jobs.submit(request);
  if (reply.kind !== "accepted") throw new Error(`refused: ${reply.code}: ${reply.message}`);
  return reply.databricksRunId;
}

const runIn = (look: RunLook) => {
  if (look.kind !== "run") throw new Error(`${look.kind}: ${look.message}`);
  return look.run;
};

export function jobsContract(open: () => Promise<JobsUnderTest>): void {
  test("an accepted submission is a run that bears its name and has a link", async () => {
    const port = await open();
    const request = requestOf();
    const reply = await port.jobs.submit(request);
    if (reply.kind !== "accepted") throw new Error(reply.message);
    const run = runIn(await port.jobs.get(reply.databricksRunId));
    expect(run.databricksRunId).toBe(reply.databricksRunId);
    expect(run.runName).toBe(request.runName);
    for (const url of [run.runUrl, reply.runUrl]) expect(url).toMatch(/^https?:\/\//);
    expect(phaseOf(run)).not.toBe("over");
    expect(run.endedMs).toBeUndefined();
  });

  test("ids beyond 2^53 stay exact", async () => {
    const port = await open();
    const one = await submitted(port);
    const two = await submitted(port);
    expect(BigInt(one)).toBeGreaterThan(2n ** 53n);
    expect(one).not.toBe(two);
    expect(runIn(await port.jobs.get(two)).databricksRunId).toBe(two);
  });

  test("the same token is the same run, also after it failed", async () => {
    const port = await open();
    const request = requestOf();
    const id = await submitted(port, request);
    expect(await submitted(port, request)).toBe(id);
    await port.end(id, FAILED);
    expect(await submitted(port, request)).toBe(id);
  });

  test("of twelve racing submissions under one token one run starts", async () => {
    const port = await open();
    const request = requestOf();
    const ids = await Promise.all(Array.from({ length: 12 }, () => submitted(port, request)));
    expect(new Set(ids).size).toBe(1);
  });

  test.each([
    { lifeCycleState: "TERMINATED", resultState: "SUCCESS", terminationCode: "SUCCESS" },
    FAILED,
    {
      lifeCycleState: "TERMINATED",
      resultState: "TIMEDOUT",
      terminationCode: "RUN_EXECUTION_ERROR",
    },
    {
      lifeCycleState: "SKIPPED",
      resultState: "MAXIMUM_CONCURRENT_RUNS_REACHED",
      terminationCode: "MAX_CONCURRENT_RUNS_EXCEEDED",
    },
    { lifeCycleState: "TERMINATED", resultState: "SOMETHING_NEW", terminationCode: "NOBODY_KNOWS" },
  ])("a run that ended as $lifeCycleState $resultState says so, word for word", async (ending) => {
    const port = await open();
    const id = await submitted(port);
    await port.end(id, { ...ending, message: "in its own words" });
    const run = runIn(await port.jobs.get(id));
    expect(phaseOf(run)).toBe("over");
    expect(run.lifeCycleState).toBe(ending.lifeCycleState);
    expect(run.resultState).toBe(ending.resultState);
    expect(run.terminationCode).toBe(ending.terminationCode);
    expect(run.message).toContain("in its own words");
    expect(run.endedMs).toBeGreaterThan(0);
  });

  test("a run that nobody knows is gone", async () => {
    const { jobs } = await open();
    const look = await jobs.get("1");
    expect(look.kind).toBe("gone");
  });

  test("a cancelled run ends as cancelled, and cancelling what is over changes nothing", async () => {
    const port = await open();
    const id = await submitted(port);
    await port.jobs.cancel(id);
    await expect
      .poll(async () => phaseOf(runIn(await port.jobs.get(id))), { timeout: 10_000 })
      .toBe("over");
    const run = runIn(await port.jobs.get(id));
    expect(run.resultState).toBe("CANCELED");
    expect(run.terminationCode).toBe("USER_CANCELED");
    await port.jobs.cancel(id);
    expect(runIn(await port.jobs.get(id))).toEqual(run);
  });

  test("cancelling what is gone is no error", async () => {
    const { jobs } = await open();
    await jobs.cancel("1");
  });

  test("a run is found by the beginning of its name, active or over", async () => {
    const port = await open();
    const request = requestOf();
    const since = port.nowMs();
    const id = await submitted(port, request);
    const prefix = request.runName.slice(0, -"trace".length);
    expect(await port.jobs.find(prefix, since)).toMatchObject([{ databricksRunId: id }]);
    await port.end(id, FAILED);
    const found = await port.jobs.find(prefix, since);
    const { creator } = runIn(await port.jobs.get(id));
    expect(creator).toBeTruthy();
    expect(found).toMatchObject([{ databricksRunId: id, runName: request.runName, creator }]);
    expect(found[0]?.startedMs).toBeGreaterThan(since - HOUR_MS);
  });

  test("a run is not found by another's name, nor when it started long before or after", async () => {
    const port = await open();
    const request = requestOf();
    const before = port.nowMs() - HOUR_MS;
    await submitted(port, request);
    const plane = request.runName.split("/")[1];
    expect(await port.jobs.find(`signalbox/${plane}/ORD-1/1.11 `, 0)).toEqual([]);
    expect(await port.jobs.find(`${plane}`, 0)).toEqual([]);
    expect(await port.jobs.find(request.runName, port.nowMs() + HOUR_MS)).toEqual([]);
    expect(await port.jobs.find(request.runName, before - HOUR_MS, before)).toEqual([]);
    expect(await port.jobs.find(request.runName, before, port.nowMs())).toHaveLength(1);
    // Databricks' clock is not ours: what began a little earlier or later by its own is found, too.
    const minutes = 4 * 60_000;
    expect(await port.jobs.find(request.runName, port.nowMs() + minutes)).toHaveLength(1);
    expect(await port.jobs.find(request.runName, 0, port.nowMs() - minutes)).toHaveLength(1);
  });

  test("a run shows its kind, its tasks as they were submitted, and each task's own run", async () => {
    const port = await open();
    const run = runIn(await port.jobs.get(await submitted(port)));
    expect(run.runType).toBe("SUBMIT_RUN");
    expect(run.isOverridden).toBe(false);
    expect(run.tasks).toHaveLength(1);
    expect(run.tasks[0]).toMatchObject({
      taskKey: "main",
      taskRunId: expect.stringMatching(/^[0-9]+$/),
      pythonFile: "/Volumes/main/ops/company_codebase/none.py",
      parameters: ["/Volumes/main/ops/plans/manifest.json"],
    });
  });

  test("two runs under one name are both found: a name proves nothing", async () => {
    const port = await open();
    const { runName } = requestOf();
    const since = port.nowMs();
    const ids = [
      await submitted(port, requestOf({ runName })),
      await submitted(port, requestOf({ runName })),
    ];
    const found = await port.jobs.find(runName, since);
    expect(found.map((run) => run.databricksRunId).toSorted()).toEqual(ids.toSorted());
  });

  test("the active runs of a plane are listed, and no others", async () => {
    const port = await open();
    const one = requestOf();
    const prefix = one.runName.slice(0, one.runName.indexOf("ORD"));
    const other = requestOf({ runName: `${prefix}ORD-2/1.1 trace` });
    await submitted(port);
    const active = [await submitted(port, one), await submitted(port, other)].sort();
    const ids = async () =>
      (await port.jobs.listActive(prefix)).map((run) => run.databricksRunId).sort();
    expect(await ids()).toEqual(active);
    await port.end(active[0] ?? "", FAILED);
    expect(await ids()).toEqual(active.slice(1));
  });

  test("a run that somebody repaired by hand is active again, and says when", async () => {
    const port = await open();
    const request = requestOf();
    const id = await submitted(port, request);
    await port.end(id, FAILED);
    const before = port.nowMs();
    await port.repair(id);
    const [repaired] = await port.jobs.listActive(request.runName);
    expect(repaired?.databricksRunId).toBe(id);
    expect(repaired?.repairedMs).toBeGreaterThanOrEqual(before);
    expect(phaseOf(runIn(await port.jobs.get(id)))).not.toBe("over");
  });

  test("a run that nobody repaired does not say that it was", async () => {
    const port = await open();
    const request = requestOf();
    await submitted(port, request);
    const [active] = await port.jobs.listActive(request.runName);
    expect(active).toBeDefined();
    expect(active).not.toHaveProperty("repairedMs");
  });
}
