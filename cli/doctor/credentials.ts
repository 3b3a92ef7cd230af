// Checks whether we are who the stage says, and for how long: the clock, the sign-in, and the end
// of the credentials.
import { get } from "node:https";
import * as z from "zod";
import { messageOf } from "../../shared/domain/body.ts";
import { ask, askForJson } from "../ask.ts";
import { caPemOf } from "../login.ts";
import type { WorkspaceClient } from "../workspace-client.ts";
import type { WorkspaceCheckOptions } from "./check.ts";
import { type Finding, fail, ok, skipped, warn } from "./check.ts";

export async function workspaceAnswers({ client }: WorkspaceCheckOptions): Promise<Finding> {
  await workspaceTimeMs(client);
  return ok(`${client.login.host} answers`);
}

const SKEW_SECONDS_MAX = 30;

/** Deadlines and signatures need clocks that agree. */
export async function clockAgrees({ client }: WorkspaceCheckOptions): Promise<Finding> {
  return skewFinding(Date.now() - (await workspaceTimeMs(client)));
}

/** A Date header has whole seconds. */
export function skewFinding(skewMs: number): Finding {
  const seconds = Math.abs(skewMs) / 1000;
  const sentence = `this machine and the workspace differ by ${seconds.toFixed(0)} s`;
  return seconds <= SKEW_SECONDS_MAX
    ? ok(sentence)
    : fail(sentence, "set this machine's clock (NTP)");
}

const workspaceTimeMs = ({ login }: WorkspaceClient): Promise<number> =>
  new Promise((resolve, reject) => {
    const asked = get(
      `${login.host}/api/2.0/preview/scim/v2/Me`,
      { ca: caPemOf(login), timeout: 10_000 },
      (reply) => {
        reply.resume();
        const ms = Date.parse(reply.headers.date ?? "");
        if (Number.isNaN(ms)) reject(new Error("the workspace says no time in its answers"));
        else resolve(ms);
      },
    );
    asked.on("error", (error) =>
      reject(new Error(`${login.host}: ${messageOf(error)}`, { cause: error })),
    );
    asked.on("timeout", () => asked.destroy(new Error("it does not answer within 10 s")));
  });

const Me = z.object({ id: z.string(), userName: z.string() });

const whoAmI = async ({ http }: WorkspaceClient) =>
  Me.parse(await askForJson(http, { method: "GET", path: `${SCIM}/Me`, rate: "get" }));

const SCIM = "/api/2.0/preview/scim/v2";

export async function signsIn(options: WorkspaceCheckOptions): Promise<Finding> {
  const { stage, client, asControllers } = options;
  const { userName } = await whoAmI(client);
  const { client_id, auth, on_call } = stage.databricks;
  if (!asControllers)
    return ok(
      userName === on_call?.client_id
        ? `signed in as on-call (${userName}), which sees less than the functions`
        : `signed in as ${userName}, of the environment, not as the functions`,
    );
  if (userName !== client_id && auth.kind !== "pat")
    return fail(
      `the secret ${auth.kind === "oauth-m2m" ? auth.secret : ""} belongs to ${userName}, and databricks.client_id is ${client_id}`,
      "correct the one or the other: grants and run_as go by client_id",
    );
  if (auth.kind === "pat")
    return warn(
      `signed in with a personal access token of ${userName}: it ends with that person, and every run that they submit themselves looks like the functions' own`,
      "make a service principal and use federation or oauth-m2m",
    );
  return ok(`signed in as ${userName}`);
}

/** When the functions' credentials end, if the workspace tells. */
export async function credentialsLast(options: WorkspaceCheckOptions): Promise<Finding> {
  const { stage, asControllers } = options;
  switch (stage.databricks.auth.kind) {
    case "federation":
      return ok("federation: nothing is stored, so nothing ends");
    case "oauth-m2m":
      return await secretsLast(options);
    case "pat":
      return asControllers
        ? await tokensLast(options)
        : skipped(
            "only the functions' own principal sees its tokens",
            "unset DATABRICKS_TOKEN and DATABRICKS_CLIENT_SECRET, so that the stage's secret is used",
          );
  }
}

const Tokens = z.object({
  token_infos: z.array(z.object({ expiry_time: z.number(), comment: z.string().default("") })),
});

async function tokensLast({ client }: WorkspaceCheckOptions): Promise<Finding> {
  const asked = await ask(client.http, {
    method: "GET",
    path: "/api/2.0/token/list",
    rate: "get",
  });
  if (asked.kind === "refused") return unseen("tokens", asked.error.message);
  const { token_infos } = Tokens.parse(asked.json);
  const ends = token_infos.map(({ comment, expiry_time }) => ({
    what: `the personal access token "${comment}"`,
    endMs: expiry_time < 0 ? undefined : expiry_time,
  }));
  return endFinding(ends, Date.now());
}

const Found = z.object({ Resources: z.array(z.object({ id: z.string() })).default([]) });
const Secrets = z.object({
  secrets: z
    .array(
      z.object({
        id: z.string(),
        status: z.string().default("ACTIVE"),
        expire_time: z.iso.datetime({ offset: true }).optional(),
      }),
    )
    .default([]),
});

async function secretsLast({ stage, client, asControllers }: WorkspaceCheckOptions) {
  const { http } = client;
  const filter = `applicationId eq "${stage.databricks.client_id}"`;
  const path = `${SCIM}/ServicePrincipals`;
  const principal = asControllers
    ? { Resources: [await whoAmI(client)] }
    : Found.parse(await askForJson(http, { method: "GET", path, query: { filter }, rate: "get" }));
  const [holder] = principal.Resources;
  if (holder === undefined)
    return fail(
      `the workspace has no service principal ${stage.databricks.client_id} (databricks.client_id)`,
      "add it to the workspace (Settings → Identity and access), or correct the stage",
    );
  const asked = await ask(http, {
    method: "GET",
    path: `/api/2.0/accounts/servicePrincipals/${holder.id}/credentials/secrets`,
    rate: "get",
  });
  if (asked.kind === "refused") return unseen("client secrets", asked.error.message);
  const active = Secrets.parse(asked.json).secrets.filter(({ status }) => status === "ACTIVE");
  const ends = active.map(({ id, expire_time }) => ({
    what: `the client secret ${id}`,
    endMs: expire_time === undefined ? undefined : Date.parse(expire_time),
  }));
  return endFinding(ends, Date.now());
}

const unseen = (what: string, why: string): Finding =>
  skipped(
    `when the ${what} end is not told to this identity (${why})`,
    "a workspace administrator sees it: sign in as one (DATABRICKS_TOKEN) and look again; a client secret lives at most two years",
  );

/** A credential, and when it ends in epoch milliseconds; absent: never. */
export type End = { readonly what: string; readonly endMs: number | undefined };

const DAY_MS = 86_400_000;
const DAYS_AHEAD = 30;

/** The workspace does not tell which of several is in use, so the first one to end counts. */
export function endFinding(ends: readonly End[], nowMs: number): Finding {
  const ending = ends.flatMap(({ what, endMs }) => (endMs === undefined ? [] : [{ what, endMs }]));
  const [first] = ending.toSorted((a, b) => a.endMs - b.endMs);
  if (ends.length === 0) return ok("the workspace lists none");
  if (first === undefined) return ok("none of them ends by itself");
  const days = Math.floor((first.endMs - nowMs) / DAY_MS);
  const when = new Date(first.endMs).toISOString().slice(0, 10);
  const sentence = `${first.what} ${days < 0 ? "ended" : "ends"} on ${when} (${Math.abs(days)} days ${days < 0 ? "ago" : "from now"})`;
  const remedy =
    "rotate with overlap: make a new one, store it (aws secretsmanager put-secret-value), wait five minutes, delete the old one";
  if (days < 0) return warn(`${sentence}, and is still listed`, `delete it, or ${remedy}`);
  return days < DAYS_AHEAD ? warn(sentence, remedy) : ok(sentence);
}
