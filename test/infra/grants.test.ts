// Every AWS SDK command in a bundle has its grant, and every grant has its command: more is a risk,
// less is an outage.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bundles, buildBundles } from "../../infra/bundles.ts";
import type { ServiceName } from "../../shared/topology.ts";
import { ownKeyText, resourcesOf, stageOf, stageText, templateOf } from "./support.ts";

const federationText = stageText.replace(
  "{ kind: oauth-m2m, secret: signalbox/test/databricks }",
  "{ kind: federation, audience: 33333333-3333-4333-8333-333333333333 }",
);

/**
 * What Lambda itself does with the role, beside the code: it polls the queues and writes the logs.
 */
const lambdasOwn = [
  "logs:CreateLogStream",
  "logs:PutLogEvents",
  "sqs:DeleteMessage",
  "sqs:GetQueueAttributes",
  "sqs:ReceiveMessage",
];

/** How an SDK command of a client is called as an IAM action, where the two differ. */
const prefixes: Readonly<Record<string, string>> = {
  eventbridge: "events",
  "secrets-manager": "secretsmanager",
};
const actionOf = (client: string, command: string): string =>
  `${prefixes[client] ?? client}:${command.replace(/^SendMessageBatch$/, "SendMessage")}`;

const COMMAND = /node_modules\/@aws-sdk\/client-([a-z-]+)\/dist-es\/commands\/(\w+)Command\.js$/;

/** The actions of all commands of which a bundle has a byte. */
function actionsIn({ metafile }: Bundles[ServiceName]): string[] {
  const actions = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => {
      const [, client, command] = COMMAND.exec(path) ?? [];
      return client === undefined || command === undefined || bytesInOutput === 0
        ? []
        : [actionOf(client, command)];
    }),
  );
  return [...new Set(actions)].toSorted();
}

type Statement = { Effect: string; Action: string | string[] };

/** What a service's role allows, by whichever way it signs in. */
function grantsOf(service: ServiceName, text: string): string[] {
  const id = { orchestrator: "Orchestrator", "run-poller": "RunPoller", ingester: "Ingester" };
  const policies = Object.entries(resourcesOf(templateOf(stageOf(text)), "AWS::IAM::Policy"));
  const own = policies.filter(([name]) => name.startsWith(`${id[service]}RoleDefaultPolicy`));
  expect(own).toHaveLength(1);
  return own.flatMap(([, { Properties }]) => {
    const { Statement } = Properties["PolicyDocument"] as { Statement: Statement[] };
    return Statement.filter(({ Effect }) => Effect === "Allow").flatMap(({ Action }) =>
      [Action].flat(),
    );
  });
}

let bundles: Bundles;
const out = mkdtempSync(join(tmpdir(), "signalbox-grants-"));
beforeAll(async () => {
  bundles = await buildBundles({ out });
}, 120_000);
afterAll(() => rmSync(out, { recursive: true }));

describe.each(["orchestrator", "run-poller", "ingester"] as const)("the %s", (service) => {
  test("has a grant for each of its commands, and a command for each grant", () => {
    // One bundle signs in either way; each stage allows the way that it names.
    const granted = new Set([
      ...grantsOf(service, stageText),
      ...grantsOf(service, federationText),
    ]);
    const commands = actionsIn(bundles[service]);
    expect(commands).toContain("sqs:SendMessage"); // a search that finds nothing proves nothing
    expect([...granted].toSorted()).toEqual([...new Set([...commands, ...lambdasOwn])].toSorted());
  });

  test("may decrypt its secret where the stage names the key, and nothing else more", () => {
    // Secrets Manager decrypts on its behalf: no command of ours does.
    const more = grantsOf(service, ownKeyText).filter(
      (action) => !grantsOf(service, stageText).includes(action),
    );
    expect(more).toEqual(["kms:Decrypt"]);
  });

  test("may do only what its way to sign in needs", () => {
    const secret = grantsOf(service, stageText);
    const federation = grantsOf(service, federationText);
    expect(secret).toContain("secretsmanager:GetSecretValue");
    expect(secret).not.toContain("sts:GetWebIdentityToken");
    expect(federation).toContain("sts:GetWebIdentityToken");
    expect(federation).not.toContain("secretsmanager:GetSecretValue");
  });
});
