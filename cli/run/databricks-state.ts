// The state of a run's last attempt, as Databricks says it at this moment.
import * as z from "zod";
import { isRefused } from "../../shared/domain/facts.ts";
import { ask } from "../ask.ts";
import type { WorkspaceClient } from "../workspace-client.ts";
import type { RunStory } from "./read-run.ts";

const Reply = z.object({
  run_page_url: z.string().optional(),
  status: z
    .object({
      state: z.string(),
      termination_details: z
        .object({ code: z.string().optional(), message: z.string().optional() })
        .optional(),
    })
    .optional(),
});

/**
 * Undefined if there is nothing to ask about, or if this person may not see it: the facts are
 * enough.
 */
export async function jobOf(
  { http }: Pick<WorkspaceClient, "http">,
  { attempts }: RunStory,
): Promise<{ readonly state: string; readonly url: string } | undefined> {
  const { submission, decision } = attempts.at(-1) ?? {};
  if (submission === undefined || isRefused(submission) || decision !== undefined) return undefined;
  const query = { run_id: submission.databricks_run_id };
  const path = "/api/2.2/jobs/runs/get";
  const asked = await ask(http, { method: "GET", path, query, rate: "get" }).catch(() => undefined);
  const parsed = asked?.kind === "ok" ? Reply.safeParse(asked.json) : undefined;
  if (!parsed?.success || parsed.data.status === undefined) return undefined;
  const { state, termination_details: end } = parsed.data.status;
  const details = [end?.code, end?.message].filter((each) => each).join(": ");
  return { state: details === "" ? state : `${state} (${details})`, url: submission.run_url };
}
