// A synthesised stack for tests: the real app's stack, with code that need not be built.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Template } from "aws-cdk-lib/assertions";
import { ControlPlaneStack, createApp } from "../../infra/control-plane-stack.ts";
import { parseStage, type Stage } from "../../infra/stage.ts";
import type { ScheduledWorkload } from "../../infra/workloads.ts";

export const stageText = `
aws:
  region: eu-central-1
databricks:
  host: https://dbc-1234abcd-5678.cloud.databricks.com
  auth: { kind: oauth-m2m, secret: signalbox/test/databricks }
  client_id: 11111111-1111-4111-8111-111111111111
  warehouse_id: "0123456789abcdef"
  catalog: main
  schema: ops
  run_as: 22222222-2222-4222-8222-222222222222
alarms: { email: oncall@example.com }
runbook_url: https://example.com/runbook.md
`;

/** The same, whose secret is encrypted with a key of the account's own. */
export const KMS_KEY_ARN =
  "arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012";
export const ownKeyText = stageText.replace(
  "secret: signalbox/test/databricks",
  `secret: signalbox/test/databricks, kms_key_arn: "${KMS_KEY_ARN}"`,
);

export const stageOf = (text = stageText, name = "test"): Stage => ({
  ...parseStage(`infra/stages/${name}.yaml`, text),
  name,
  stack: `signalbox-${name}`,
});

export const scheduledExample: readonly ScheduledWorkload[] = [
  { workload: "nightly-report", schedule: "cron(0 6 * * ? *)" },
];

let codeFolder: string | undefined;
/** The same bytes in every test: an asset's hash is part of the template. */
function code(): string {
  if (codeFolder === undefined) {
    codeFolder = mkdtempSync(join(tmpdir(), "signalbox-code-"));
    writeFileSync(join(codeFolder, "handler.mjs"), "export const handler = async () => {};\n");
  }
  return codeFolder;
}

export function createStack(
  stage = stageOf(),
  scheduled = scheduledExample,
  app = createApp(),
): ControlPlaneStack {
  return new ControlPlaneStack(app, {
    stage,
    scheduled,
    code: { orchestrator: code(), "run-poller": code(), ingester: code() },
    executorPath: "/Volumes/main/ops/company_codebase/executor/0123456789abcdef/run_executor.py",
  });
}

export const templateOf = (stage?: Stage, scheduled?: readonly ScheduledWorkload[]): Template =>
  Template.fromStack(createStack(stage, scheduled));

type Resource = { readonly Type: string; readonly Properties: Readonly<Record<string, unknown>> };

/** The resources of a type by their logical ids. */
export const resourcesOf = (template: Template, type: string): Readonly<Record<string, Resource>> =>
  template.findResources(type) as Readonly<Record<string, Resource>>;
