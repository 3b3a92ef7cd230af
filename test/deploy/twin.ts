// A second stage beside the first: it signs in without a secret, and neither notices the other.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { complaintsAfterRemedies } from "./commands.ts";
import { AUDIENCE, TWIN, TWIN_FACTS, TWIN_SCHEMA, TWIN_STACK } from "./context.ts";
import { createListener, outcomeOf } from "./listener.ts";
import { administrator, hire } from "./people.ts";
import { type Scene, send } from "./proofs.ts";
import { operatorsVariables, typist } from "./signalbox.ts";

/**
 * Deployed, doctored, and one run from its ticket to its outcome: all three functions sign in by
 * federation.
 */
export async function twinWorks(scene: Scene, assembly: string): Promise<void> {
  const { context, listener } = scene;
  const { cdk, cloud, sts } = context;
  const { outputs } = await cdk.deploy(assembly, TWIN_STACK);
  const urlOf = (name: string): string => outputs[name] ?? "";
  const heardBefore = listener.heard().length;
  await twinIsHealthy(scene);
  await using producer = await hire(cloud, "twins-upstream", urlOf("ProducersPolicyArn"));
  const twins = createListener(administrator(cloud), urlOf("ExampleQueueUrl"));
  const parameters = {
    data: `/Volumes/${context.access.catalog}/${TWIN_SCHEMA}/company_codebase/data/weather.csv`,
  };
  const ticket = { ticket_id: "REPORT-2015", workload: "weather-report", parameters };
  await send(producer, urlOf("TicketsQueueUrl"), ticket);
  const event = await twins.hear("outcome in the second stage", 90, outcomeOf(/^REPORT-2015$/));
  equal(event.detail["outcome"], "succeeded", JSON.stringify(event.detail));
  match(String(event.detail["result_path"]), new RegExp(`/${TWIN_SCHEMA}/plans/`));
  await factsAreApart(scene);
  equal(listener.heard().length, heardBefore, "the first stage heard of it");
  signedInByFederation(sts.granted);
}

/**
 * There is no secret to borrow: by the operator's credentials, and by nobody's; then the sweep is
 * the function's own word.
 */
async function twinIsHealthy({ context }: Scene): Promise<void> {
  const person = administrator(context.cloud);
  const operator = typist(context, person, operatorsVariables(context), TWIN);
  deepEqual(await complaintsAfterRemedies(context, operator), [
    "alarms: nobody hears them: the stage says so",
  ]);
  const { code, printed } = await typist(context, person, {}, TWIN)("doctor");
  match(printed, /^skip {2}credentials: the functions sign in by federation/m);
  match(printed, /^ok {4}sweep: it signed in to Databricks/m);
  equal(code, 3, printed);
}

/** The same run_id in both: each plane has its own facts. */
async function factsAreApart({ context }: Scene): Promise<void> {
  const { access, client } = context;
  for (const facts of [`${TWIN_SCHEMA}/${TWIN_FACTS}`, `${access.schema}/facts`]) {
    const path = `/Volumes/${access.catalog}/${facts}/run_REPORT-2015/outcome_1.json`;
    equal((await client.files.read(path, 1_000_000)).kind, "found", path);
  }
  await using session = await client.sql(access.catalog, TWIN_SCHEMA).open();
  const rows = await session.execute("SELECT run_id, outcome FROM run_state");
  deepEqual(
    rows.map((row) => [row["run_id"], row["outcome"]]),
    [["REPORT-2015", "succeeded"]],
  );
}

function signedInByFederation(granted: Scene["context"]["sts"]["granted"]): void {
  const keys = new Set(granted.map(({ accessKeyId }) => accessKeyId));
  ok(keys.size >= 3, `three roles must have asked STS; these keys did: ${[...keys].join(", ")}`);
  for (const { audience, durationSeconds } of granted) {
    equal(audience, AUDIENCE);
    ok(durationSeconds <= 300, "a token that is exchanged at once need not live long");
  }
}
