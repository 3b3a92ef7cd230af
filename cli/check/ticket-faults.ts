// Whether a ticket would be accepted by a recipe: before it is sent, and before a dead letter is
// replayed.
import * as z from "zod";
import { faultsOf, messageOf } from "../../shared/domain/body.ts";
import { Ticket } from "../../shared/domain/messages.ts";
import { nearest } from "../../shared/domain/nearest.ts";
import { parameterFaults } from "../../shared/domain/parameters.ts";
import type { Recipe } from "../../shared/domain/recipe.ts";
import { limitsWithin } from "../../shared/domain/ticket.ts";
import { keysAt } from "./keys.ts";

export type Recipes = {
  readonly names: readonly string[];
  readonly recipeOf: (workload: string) => Recipe | undefined;
};

/** One sentence for each fault; none, if it would be accepted. */
export function ticketFaults(value: unknown, recipes: Recipes): readonly string[] {
  const parsed = Ticket.safeParse(value);
  if (!parsed.success) return shapeFaults(parsed.error);
  const ticket = parsed.data;
  const recipe = recipes.recipeOf(ticket.workload);
  if (recipe === undefined) {
    const guess = nearest(ticket.workload, recipes.names);
    const meant =
      guess === undefined ? `; there are: ${recipes.names.join(", ")}` : `: did you mean ${guess}?`;
    return [`there is no workload "${ticket.workload}"${meant}`];
  }
  return [
    ...limitFaults(recipe, ticket),
    ...artifactFaults(recipe, ticket),
    ...parameterFaults(recipe, ticket.parameters),
  ];
}

function shapeFaults(error: z.ZodError): readonly string[] {
  const unknown = error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" ? issue.keys.map((key) => ({ key, path: issue.path })) : [],
  );
  const others = error.issues.filter(({ code }) => code !== "unrecognized_keys");
  return [
    ...unknown.map(({ key, path }) => {
      const known = keysAt(Ticket, path).filter((each) => !["v", "type", "tries"].includes(each));
      const guess = nearest(key, known);
      const name = [...path, key].map(String).join(".");
      return `${name} is not known in a ticket${guess === undefined ? `; there is ${known.join(", ")}` : `: did you mean ${guess}?`}`;
    }),
    ...others.map((issue) => {
      const place = issue.path.map(String).join(".");
      if (
        issue.code === "invalid_type" &&
        issue.input === undefined &&
        place !== "" &&
        /undefined/.test(issue.message)
      )
        return `${place} is missing: a ticket has a ticket_id and a workload`;
      return faultsOf(new z.ZodError([issue]));
    }),
  ];
}

function limitFaults(recipe: Recipe, { limits }: Ticket): readonly string[] {
  try {
    limitsWithin(recipe.limits, limits);
    return [];
  } catch (error) {
    return [messageOf(error)];
  }
}

function artifactFaults({ planner }: Recipe, { artifact, workload }: Ticket): readonly string[] {
  if (artifact === undefined) return [];
  if ("inline" in artifact)
    return planner.inline
      ? []
      : [`artifact.inline: the workload ${workload} takes no code from tickets`];
  return planner.codebase.length > 0
    ? []
    : [`artifact.path: the workload ${workload} runs its own code only (planner.codebase)`];
}
