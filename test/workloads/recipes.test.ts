import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Ticket } from "../../shared/domain/messages.ts";
import { WorkloadName } from "../../shared/domain/recipe.ts";
import { recipeOf, workloadFolder } from "./loop.ts";

const workloads = readdirSync(workloadFolder(""));

test("there are workloads", () => {
  expect(workloads.length).toBeGreaterThan(0);
});

test.each(workloads)(
  "%s has a name, a valid recipe, its files, and a ticket for itself",
  (workload) => {
    expect(WorkloadName.parse(workload)).toBe(workload);
    const { planner, parameters } = recipeOf(workload);
    for (const file of [planner.artifact, ...planner.files])
      expect(existsSync(join(workloadFolder(workload), file)), file).toBe(true);
    const ticket = Ticket.parse(
      JSON.parse(readFileSync(join(workloadFolder(workload), "ticket.json"), "utf8")),
    );
    expect(ticket.workload).toBe(workload);
    expect(Object.keys(parameters)).toEqual(expect.arrayContaining(Object.keys(ticket.parameters)));
  },
);
