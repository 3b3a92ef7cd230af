// What becomes of a ticket that is new, repeated, another's, or not to be had.
import { expect, test } from "vitest";
import { PlatformTroubleError, PoisonMessageError } from "../../shared/domain/errors.ts";
import { factRef, plannedFilePath, sharedFilePath } from "../../shared/domain/facts.ts";
import {
  accepted,
  at,
  lastDecision,
  manifest,
  outcome,
  recipe,
  upstream,
} from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { chapter, retryFact, stopFact, ticketFact, ticketOf } from "../support/facts.ts";
import { createPlane, type GivenFacts, planeId, settings, sha256Of } from "../support/plane.ts";

const codebase = settings.codebaseVolume;
const traceparent = "00-11111111111111111111111111111111-2222222222222222-01";
const firstTurn = [
  "create 1.1 manifest",
  "put copy of 1.1 manifest",
  "submit 1.1",
  "create 1.1 submission",
  "send watches 1.1 #0 in 5 s",
  "send records 1.1 submission",
];

test("a new ticket: its code, its marker, its fact, and then its first turn, in this order", async () => {
  const plane = createPlane();
  plane.at(5);
  await deliver(plane.ports, ticketOf({ limits: { attempts: 1 }, tries: 3 }), traceparent);
  expect(plane.effects()).toEqual(["put main.py", "write marker 1", "create ticket", ...firstTurn]);
  const content = "# main.py\n";
  const sha256 = sha256Of(content);
  const stored = await plane.facts.read(factRef.ticket("ORD-1"));
  const seed = stored?.fact.seed ?? "";
  expect(seed).toMatch(/^[0-9a-f]{64}$/);
  const path = sharedFilePath(sha256, "main.py");
  expect(stored?.fact).toEqual({
    v: 1,
    run_id: "ORD-1",
    accepted_at: at(5),
    ticket: ticketOf({ limits: { attempts: 1 } }),
    recipe,
    limits: { ...recipe.limits, attempts: 1 },
    files: [{ name: "main.py", path: `${settings.plansVolume}/${path}`, sha256, bytes: 10 }],
    entry: "main.py",
    traceparent,
    seed,
    by: upstream,
  });
  expect(plane.planTexts()[path]).toBe(content);
  expect(await plane.markers.read(chapter)).toEqual({
    v: 1,
    ...chapter,
    number: 0,
    heals: 0,
    touched_at: at(5),
  });
});

test("a workload's further files go beside its entry point", async () => {
  const plane = createPlane();
  const planner = { ...recipe.planner, files: ["helper.py", "table.csv"] };
  plane.recipes.set("weather-model", { ...recipe, planner });
  await deliver(plane.ports, ticketOf());
  expect(plane.effects().slice(0, 4)).toEqual([
    "put main.py",
    "put helper.py",
    "put table.csv",
    "write marker 1",
  ]);
  const { files, entry } = (await plane.facts.read(factRef.ticket("ORD-1")))!.fact;
  expect([entry, files.map(({ name }) => name)]).toEqual([
    "main.py",
    ["main.py", "helper.py", "table.csv"],
  ]);
});

test("reviewed code is written once for all runs, and again after an hour, should somebody have deleted it", async () => {
  const plane = createPlane();
  const puts = () => plane.effects().filter((effect) => effect === "put main.py").length;
  for (const ticket_id of ["ORD-1", "ORD-2"]) await deliver(plane.ports, ticketOf({ ticket_id }));
  expect(puts()).toBe(1);
  plane.at(3_601);
  await deliver(plane.ports, ticketOf({ ticket_id: "ORD-3" }));
  expect(puts()).toBe(2);
});

test("reviewed code that could not be written is written by the next ticket", async () => {
  const plane = createPlane();
  plane.meanwhile("put main.py", () => {
    throw new PlatformTroubleError("503 TEMPORARILY_UNAVAILABLE");
  });
  await expect(deliver(plane.ports, ticketOf())).rejects.toThrow(PlatformTroubleError);
  await deliver(plane.ports, ticketOf({ ticket_id: "ORD-2" }));
  expect(Object.keys(plane.planTexts()).some((path) => path.startsWith("files/"))).toBe(true);
});

test.each([
  { given: "none", sent: undefined },
  { given: "one that is none", sent: "00-0-0-01" },
])("where a ticket brings as trace $given, the trace is the run's own digest", async ({ sent }) => {
  const plane = createPlane();
  await deliver(plane.ports, ticketOf(), sent);
  const { fact } = (await plane.facts.read(factRef.ticket("ORD-1")))!;
  const digest = sha256Of(`${planeId}/ORD-1`);
  expect(fact.traceparent).toBe(`00-${digest.slice(0, 32)}-${digest.slice(32, 48)}-01`);
});

test.each([
  {
    given: "text, where the workload takes it",
    artifact: { inline: "print('ä')\n" },
    expected: { name: "main.py", content: "print('ä')\n", isOwn: true },
  },
  {
    given: "a path in the company codebase",
    artifact: { path: `${codebase}/team/fit.py`, sha256: sha256Of("fit()\n") },
    expected: { name: "fit.py", content: "fit()\n", isOwn: false },
  },
])("a ticket's own code, as $given, is what runs", async ({ artifact, expected }) => {
  const plane = createPlane();
  const planner = { ...recipe.planner, inline: true, codebase: ["team"] };
  plane.recipes.set("weather-model", { ...recipe, planner });
  plane.put(`${codebase}/team/fit.py`, "fit()\n");
  await deliver(plane.ports, ticketOf({ artifact }));
  const { files, entry } = (await plane.facts.read(factRef.ticket("ORD-1")))!.fact;
  const sha256 = sha256Of(expected.content);
  const path = expected.isOwn
    ? plannedFilePath("ORD-1", sha256, expected.name)
    : sharedFilePath(sha256, expected.name);
  expect([entry, files[0]?.sha256]).toEqual([expected.name, sha256Of(expected.content)]);
  expect(plane.planTexts()[path]).toBe(expected.content);
});

const dashed = `${codebase}/-c.py`;
const spaced = `${codebase}/a b.py`;
test.each([
  {
    given: "a workload that nobody knows",
    ticket: { workload: "weather-forcast" },
    reason:
      'there is no workload "weather-forcast"; there are: weather-model, weather-report, own-code, reports',
  },
  {
    given: "a limit above the recipe's",
    ticket: { limits: { iterations: 4 } },
    reason:
      "limits.iterations is 4, but the recipe allows at most 3: lower it, or change the recipe",
  },
  {
    given: "code as text",
    ticket: { artifact: { inline: "import os" } },
    reason: "artifact.inline: the workload weather-model takes no code from tickets",
  },
  {
    given: "code that nobody has reviewed",
    ticket: { artifact: { path: "/Volumes/main/ops/scratchpad/a.py", sha256: sha256Of("a") } },
    reason: `artifact.path: /Volumes/main/ops/scratchpad/a.py is not below ${codebase}, where reviewed code lies`,
  },
  {
    given: "code in a volume whose name begins as the codebase's",
    ticket: { artifact: { path: `${codebase}_2/a.py`, sha256: sha256Of("a") } },
    reason: `artifact.path: ${codebase}_2/a.py is not below ${codebase}, where reviewed code lies`,
  },
  {
    given: "reviewed code, where the workload runs its own alone",
    ticket: {
      workload: "own-code",
      artifact: { path: `${codebase}/a.py`, sha256: sha256Of("a") },
    },
    reason:
      "artifact.path: the workload own-code runs its own code only; its recipe may name folders of the company codebase from which a ticket may choose (planner.codebase)",
  },
  {
    given: "reviewed code of another folder than the workload opens",
    ticket: {
      workload: "reports",
      artifact: { path: `${codebase}/a.py`, sha256: sha256Of("a") },
    },
    reason: `artifact.path: ${codebase}/a.py is in none of the folders from which a ticket for reports may choose: reports`,
  },
  {
    given: "code that is not there",
    ticket: { artifact: { path: `${codebase}/b.py`, sha256: sha256Of("b") } },
    reason: `artifact.path: there is no ${codebase}/b.py`,
  },
  {
    given: "code that is as large as data",
    ticket: { artifact: { path: `${codebase}/large.py`, sha256: sha256Of("a") } },
    reason: `artifact.path: ${codebase}/large.py has 5242881 bytes, an artifact has at most 5242880`,
  },
  {
    given: "other code than the ticket expects",
    ticket: { artifact: { path: `${codebase}/a.py`, sha256: sha256Of("b") } },
    reason: `artifact.sha256: ${codebase}/a.py has the sha256 ${sha256Of("a")}, the ticket expects ${sha256Of("b")}`,
  },
  {
    given: "code whose name Python would take for an option",
    ticket: { artifact: { path: dashed, sha256: sha256Of("a") } },
    reason: "artifact.path: -c.py is no plain file name",
  },
  {
    given: "code that has the name of a file beside it",
    ticket: { artifact: { path: `${codebase}/helper.py`, sha256: sha256Of("a") } },
    reason:
      "artifact.path: helper.py is also the name of a file that the workload weather-model puts beside it (planner.files): give the artifact another name",
  },
  {
    given: "code whose name is no word",
    ticket: { artifact: { path: spaced, sha256: sha256Of("a") } },
    reason: "artifact.path: a b.py is no plain file name",
  },
])("a ticket with $given is refused, and leaves nothing behind", async ({ ticket, reason }) => {
  const plane = createPlane();
  plane.put(`${codebase}/a.py`, "a");
  plane.put(`${codebase}/helper.py`, "a");
  plane.put(dashed, "a");
  plane.put(spaced, "a");
  plane.recipes.set("weather-report", recipe);
  const planner = { ...recipe.planner, files: ["helper.py"], codebase: ["."] };
  plane.recipes.set("weather-model", { ...recipe, planner });
  plane.recipes.set("own-code", recipe);
  plane.recipes.set("reports", { ...recipe, planner: { ...planner, codebase: ["reports"] } });
  plane.put(`${codebase}/large.py`, Buffer.alloc(5 * 1024 * 1024 + 1));
  plane.put(`${codebase}_2/a.py`, "a");
  plane.put("/Volumes/main/ops/scratchpad/a.py", "a");
  const accepting = deliver(plane.ports, ticketOf(ticket));
  await expect(accepting).rejects.toThrow(new PoisonMessageError(reason));
  expect(plane.effects()).toEqual([]);
});

test("a workload without a file of its recipe is a surprise, which no ticket is blamed for", async () => {
  const plane = createPlane();
  const workloads = { ...plane.ports.workloads, file: () => undefined };
  const accepting = deliver({ ...plane.ports, workloads }, ticketOf());
  await expect(accepting).rejects.toThrow(new Error("workload weather-model has no file main.py"));
  await expect(accepting).rejects.not.toBeInstanceOf(PoisonMessageError);
  expect(plane.effects()).toEqual([]);
});

const under = { ticket: ticketFact };
const over: GivenFacts = {
  ...under,
  manifest,
  submission: accepted,
  decision: lastDecision,
  outcome,
};
test.each<{ given: string; facts: GivenFacts; expected: readonly string[] }>([
  { given: "not planned", facts: under, expected: firstTurn },
  { given: "planned", facts: { ...under, manifest }, expected: firstTurn.slice(1) },
  {
    given: "submitted",
    facts: { ...under, manifest, submission: accepted },
    expected: firstTurn.slice(4),
  },
  { given: "over", facts: over, expected: ["send records 1.1 outcome again"] },
])("the same ticket again, where the run is $given, goes on from there", async (row) => {
  const plane = createPlane();
  await plane.given(row.facts);
  await deliver(plane.ports, ticketOf({ tries: 7 }));
  expect(plane.effects()).toEqual(row.expected);
  expect(plane.events()[0]).toBe("run.repeated");
});

test.each([
  { given: "is over", chapters: [1, 2], expected: 2 },
  { given: "is open", chapters: [1], expected: 1 },
])(
  "the same ticket again, where a second chapter $given, hears the youngest outcome",
  async (row) => {
    const plane = createPlane();
    await plane.given({ ...over, retry: retryFact });
    for (const of of row.chapters) await plane.lay("outcome", { ...outcome, chapter: of });
    await deliver(plane.ports, ticketOf());
    expect(plane.sent.map(({ body }) => JSON.parse(body))).toEqual([
      expect.objectContaining({ chapter: row.expected, of: "outcome", again: true }),
    ]);
  },
);

test("a deploy in between changes nothing for the same ticket", async () => {
  const plane = createPlane();
  await plane.given(under);
  plane.recipes.clear();
  await deliver(plane.ports, ticketOf());
  expect(plane.effects()).toEqual(firstTurn);
});

const another = ticketOf({ parameters: { city: "Tacoma" } });
const usedBefore = new PoisonMessageError(
  `ticket_id ORD-1 was used before, at ${at(0)}, for a different ticket: send it under an id of its own`,
);

test("a different ticket under a used id is refused", async () => {
  const plane = createPlane();
  await plane.given(under);
  await expect(deliver(plane.ports, another)).rejects.toThrow(usedBefore);
  expect(plane.effects()).toEqual([]);
});

test("of two tickets under one id at the same time, the second is refused before it plans", async () => {
  const plane = createPlane();
  plane.meanwhile("create ticket", () => plane.lay("ticket", ticketFact));
  await expect(deliver(plane.ports, another)).rejects.toThrow(usedBefore);
  expect(plane.effects()).toEqual(["put main.py", "write marker 1", "create ticket"]);
});

test("of two deliveries of one ticket at the same time, the second plans by the first one's fact", async () => {
  const plane = createPlane();
  const faster = { ...ticketFact, limits: { ...ticketFact.limits, timeout_seconds: 60 } };
  plane.meanwhile("create ticket", () => plane.lay("ticket", faster));
  await deliver(plane.ports, ticketOf());
  const planned = await plane.facts.read(
    factRef.manifest({ run_id: "ORD-1", iter_n: 1, attempt: 1 }),
  );
  expect(planned?.fact.limits.timeout_seconds).toBe(60);
});

test("a stop is not looked for before the plan of a run that is new: what it stops is seen after the submission", async () => {
  const plane = createPlane();
  plane.meanwhile("create 1.1 manifest", () => plane.lay("stop", stopFact));
  await deliver(plane.ports, ticketOf());
  expect(plane.calls().filter((call) => /stop|manifest$|submi|cancel/.test(call))).toEqual([
    "create 1.1 manifest",
    "put copy of 1.1 manifest",
    "submit 1.1",
    "create 1.1 submission",
    "read stop 1",
    "cancel 1.1",
    "send records 1.1 submission",
  ]);
});

test.each(["create 1.1 manifest", "create 1.1 submission"])(
  "a ticket that comes again because its first delivery died at `%s` looks for a plan and a stop",
  async (moment) => {
    const plane = createPlane();
    plane.meanwhile(moment, () => {
      throw new PlatformTroubleError("503 TEMPORARILY_UNAVAILABLE");
    });
    await expect(deliver(plane.ports, ticketOf())).rejects.toThrow(PlatformTroubleError);
    await plane.lay("stop", stopFact);
    plane.forget();
    await deliver(plane.ports, ticketOf());
    const isSubmitted = moment === "create 1.1 submission";
    expect(plane.calls()).toContain("read 1.1 manifest");
    expect(plane.calls()).toContain("read stop 1");
    expect(plane.calls().includes("cancel 1.1")).toBe(isSubmitted);
    expect(plane.jobs.runs.size).toBe(isSubmitted ? 1 : 0);
  },
);

test("a ticket that cannot be written is waited for, with a marker for the sweep", async () => {
  const plane = createPlane();
  plane.meanwhile("create ticket", () => {
    throw new PlatformTroubleError("503 TEMPORARILY_UNAVAILABLE");
  });
  await expect(deliver(plane.ports, ticketOf())).rejects.toThrow(PlatformTroubleError);
  expect([plane.open(), plane.jobs.runs.size]).toEqual([["open/ORD-1.1"], 0]);
});

test("a ticket whose id is a run's that is being deleted waits until nothing is left of it", async () => {
  const plane = createPlane();
  await plane.given({ retired: { v: 1, run_id: "ORD-1", step: 1, retired_at: at(60) } });
  const accepting = deliver(plane.ports, ticketOf());
  await expect(accepting).rejects.toThrow(
    new PlatformTroubleError(
      `a run with the ticket_id ORD-1 was over long ago, and since ${at(60)} its facts are being deleted: the ticket waits until they are gone`,
      { retryAfterSeconds: 900 },
    ),
  );
  await expect(accepting).rejects.toBeInstanceOf(PlatformTroubleError);
  expect(plane.effects()).toEqual([]);
});
