// A plan becomes a submission: what is sent, what Databricks' answer makes of it, and what is
// adopted instead.
import { describe, expect, test } from "vitest";
import { PlatformTroubleError, SearchTooLongError } from "../../shared/domain/errors.ts";
import { factRef, type Submission } from "../../shared/domain/facts.ts";
import { turnOf } from "../../shared/domain/messages.ts";
import { attemptName } from "../../shared/domain/payload.ts";
import { accepted, at, controllers, limits, manifest } from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { first, ticketFact } from "../support/facts.ts";
import { createPlane, type Plane, planeId, settings, sha256Of } from "../support/plane.ts";

const turn = turnOf(first, { ticket: true });
const name = attemptName(planeId, first);
const watched = ["send watches 1.1 #0 in 5 s", "send records 1.1 submission"];
const ticket = { ticket: ticketFact };

/** What the platform puts its ids in place of. */
const ownIds = ["{{job.id}}", "{{job.run_id}}", "{{task.run_id}}"];

test("a submission says what was sent, by whom it is known, and until when it may run", async () => {
  const plane = createPlane();
  await plane.given({ ...ticket, manifest });
  plane.at(10);
  const requests: unknown[] = [];
  const { jobs } = plane.ports;
  const submit: typeof jobs.submit = (request) => {
    requests.push(request);
    return jobs.submit(request);
  };
  await deliver({ ...plane.ports, jobs: { ...jobs, submit } }, turn);
  const stored = (await plane.facts.read(factRef.submission(first)))?.fact;
  const sha256 = (await plane.facts.read(factRef.manifest(first)))?.sha256;
  expect(stored).toEqual({
    ...accepted,
    run_url: expect.stringContaining(accepted.databricks_run_id),
    submitted_at: at(10),
    deadline: at(10 + limits.timeout_seconds + limits.queue_seconds),
    manifest_sha256: sha256,
    payload: expect.any(String),
    seen: {
      creator: controllers,
      run_name: `signalbox/${planeId}/ORD-1/1.1 ${manifest.traceparent}`,
      run_type: "SUBMIT_RUN",
      tasks: [
        {
          task_key: "main",
          python_file: settings.executorPath,
          parameters: [
            `${settings.plansVolume}/run_ORD-1/iter_001.attempt_001.manifest.json`,
            ...ownIds,
          ],
        },
      ],
    },
    judged_by: {
      try: 1,
      limits,
      gate: [],
      capsule: manifest.capsule,
      single_iteration: false,
      allow_failures: false,
      scratchpad: manifest.scratchpad,
    },
    opened_at: at(0),
    generation: undefined,
    traceparent: manifest.traceparent,
  });
  // The copy that the executor reads is the fact, byte for byte.
  const [[path, text] = []] = Object.entries(plane.planTexts());
  expect([path, text]).toEqual([
    "run_ORD-1/iter_001.attempt_001.manifest.json",
    plane.factTexts()[factRef.manifest(first).path],
  ]);
  const { payload } = stored as typeof accepted;
  const idempotencyToken = sha256Of(JSON.stringify([planeId, "ORD-1", 1, 1]));
  const runName = `signalbox/${planeId}/ORD-1/1.1 ${manifest.traceparent}`;
  expect(requests).toEqual([{ runName, idempotencyToken, payload }]);
  expect(JSON.parse(payload)).toMatchObject({
    tasks: [
      {
        spark_python_task: { parameters: [expect.stringMatching(/1\.manifest\.json$/), ...ownIds] },
      },
    ],
    run_as: { service_principal_name: settings.runAs },
  });
});

test.each<{ given: string; seconds: number; runs: boolean; refuses: boolean; expected: unknown }>([
  {
    given: "refused by Databricks",
    seconds: 10,
    runs: false,
    refuses: true,
    expected: { refused: { code: "INVALID_PARAMETER_VALUE", message: "no such cluster" } },
  },
  {
    given: "refused, but a first try has started a run",
    seconds: 10,
    runs: true,
    refuses: true,
    expected: { adopted: true },
  },
  {
    given: "too late, but a run bears its name",
    seconds: 7 * 24 * 3600 + 1,
    runs: true,
    refuses: false,
    expected: { adopted: true },
  },
  {
    given: "too late",
    seconds: 7 * 24 * 3600 + 1,
    runs: false,
    refuses: false,
    expected: {
      refused: {
        code: "TOO_LATE",
        message: `it was to be submitted before ${manifest.submit_before}; after that only a run that bears its name is adopted`,
      },
    },
  },
])("a submission that is $given", async ({ seconds, runs, refuses, expected }) => {
  const plane = createPlane();
  await plane.given({ ...ticket, manifest });
  const started = runs ? await plane.start(first) : undefined;
  if (refuses) plane.jobs.refuse(name, "INVALID_PARAMETER_VALUE", "no such cluster");
  plane.at(seconds);
  plane.forget();
  await deliver(plane.ports, turn);
  const stored: Submission | undefined = (await plane.facts.read(factRef.submission(first)))?.fact;
  expect(stored).toMatchObject(runs ? { databricks_run_id: started } : {});
  expect(stored).toMatchObject(expected as object);
  const submits = refuses ? ["put copy of 1.1 manifest", "submit 1.1"] : [];
  const asks = [...submits, "find 1.1", ...(runs ? ["look at 1.1"] : [])];
  const follows = runs ? watched : ["send reports 1.1 in 150 s"];
  const calls = plane.calls().filter((call) => !call.startsWith("read"));
  expect(calls).toEqual([...asks, "create 1.1 submission", ...follows]);
});

test("of two submissions at the same time, both watch the one that was written first", async () => {
  const plane = createPlane();
  await plane.given({ ...ticket, manifest });
  plane.meanwhile("create 1.1 submission", () => plane.lay("submission", accepted));
  await deliver(plane.ports, turn);
  expect(plane.jobs.runs.size).toBe(1);
  expect(JSON.parse(plane.sent[0]?.body ?? "")).toMatchObject({ submitted_at: at(1) });
});

test("platform trouble at the submission writes no submission: the turn is to come again", async () => {
  const plane = createPlane();
  await plane.given(ticket);
  const submit = async () => {
    throw new PlatformTroubleError("429 RESOURCE_EXHAUSTED");
  };
  const turning = deliver({ ...plane.ports, jobs: { ...plane.ports.jobs, submit } }, turn);
  await expect(turning).rejects.toThrow("429");
  expect(plane.effects()).toEqual(["create 1.1 manifest", "put copy of 1.1 manifest"]);
});

test("a manifest whose entry is none of its files is a surprise", async () => {
  const plane = createPlane();
  await plane.given({ ...ticket, manifest: { ...manifest, entry: "other.py" } });
  await expect(deliver(plane.ports, turn)).rejects.toThrow(
    new Error("the manifest plans no file called other.py"),
  );
});

test.each([
  { given: "less than six hours", seconds: 6 * 3600 - 1, refuses: false },
  { given: "six hours", seconds: 6 * 3600, refuses: true },
])(
  "where there are too many runs to look through for $given, nothing is adopted: refused $refuses",
  async ({ seconds, refuses }) => {
    const plane = createPlane();
    await plane.given({ ...ticket, manifest });
    plane.jobs.refuse(name, "INVALID_PARAMETER_VALUE", "no such cluster");
    plane.at(seconds);
    const asked: unknown[] = [];
    const find = async (...args: unknown[]) => {
      asked.push(args);
      throw new SearchTooLongError("more than 2500 runs to look through");
    };
    const turning = deliver({ ...plane.ports, jobs: { ...plane.ports.jobs, find } }, turn);
    if (refuses) await turning;
    else await expect(turning).rejects.toBeInstanceOf(PlatformTroubleError);
    const fact = (await plane.facts.read(factRef.submission(first)))?.fact;
    expect(fact !== undefined && "refused" in fact).toBe(refuses);
    const lastMs = Date.parse(manifest.submit_before) + 150_000;
    expect(asked).toEqual([[name, Date.parse(manifest.created_at), lastMs]]);
  },
);

test("a plan may be submitted up to its last second", async () => {
  const plane = createPlane();
  await plane.given({ ...ticket, manifest });
  plane.at(7 * 24 * 3600);
  await deliver(plane.ports, turn);
  expect(plane.effects()[1]).toBe("submit 1.1");
});

describe("a ticket of before, whose code lies among the facts", () => {
  const code = "print(1)\n";
  const sha256 = sha256Of(code);
  const path = `${settings.factsVolume}/run_ORD-1/files/${sha256}/main.py`;
  const files = [{ name: "main.py", path, sha256, bytes: code.length }];
  const old = { ticket: { ...ticketFact, files } };
  const runOf = async (plane: Plane) => {
    const submission = (await plane.facts.read(factRef.submission(first)))?.fact;
    const { payload, artifact_path } = submission as typeof accepted;
    const [task] = JSON.parse(payload).tasks;
    return { manifestPath: task.spark_python_task.parameters[0], artifact_path };
  };

  test("planned by the code of before: its request stays as it was", async () => {
    const plane = createPlane();
    await plane.given({ ...old, manifest: { ...manifest, files } });
    await deliver(plane.ports, turn);
    expect(await runOf(plane)).toEqual({
      manifestPath: `${settings.factsVolume}/run_ORD-1/iter_001.attempt_001.manifest.json`,
      artifact_path: path,
    });
  });

  test("planned now: plan and code are read where executors may read", async () => {
    const plane = createPlane();
    await plane.given(old);
    plane.put(path, code);
    await deliver(plane.ports, turn);
    const copy = `run_ORD-1/files/${sha256}/main.py`;
    expect(await runOf(plane)).toEqual({
      manifestPath: `${settings.plansVolume}/run_ORD-1/iter_001.attempt_001.manifest.json`,
      artifact_path: `${settings.plansVolume}/${copy}`,
    });
    expect(plane.planTexts()).toHaveProperty([copy], code);
  });

  test.each([
    { given: "gone", there: undefined },
    { given: "another by now", there: "print(2)\n" },
  ])("planned now, but its code is $given: nothing is planned", async ({ there }) => {
    const plane = createPlane();
    await plane.given(old);
    if (there !== undefined) plane.put(path, there);
    await expect(deliver(plane.ports, turn)).rejects.toThrow("is not what the ticket");
    expect(plane.effects()).toEqual([]);
  });
});
