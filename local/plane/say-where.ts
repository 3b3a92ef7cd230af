// How to work with a plane that stays: its stage for the command line, and lines to paste.

import {
  type LocalStageGiven,
  removeLocalStage,
  writeLocalStage,
} from "../../infra/local-stage.ts";
import type { Plane } from "./start-plane.ts";

/** Lets `signalbox` find the plane until it is disposed. */
export function announceStage(plane: Plane): Disposable {
  const { access, aws, folder, workloads } = plane;
  const { host, httpPath, caFile } = access.controllers;
  const looker = access.embedded?.onCall ?? access.operator;
  const stage: LocalStageGiven["stage"] = {
    aws: {},
    databricks: {
      host,
      auth: { kind: "oauth-m2m", secret: "signalbox/local/databricks" },
      client_id: access.controllersId,
      warehouse_id: httpPath.split("/").at(-1) ?? "",
      catalog: access.catalog,
      schema: access.schema,
      run_as: access.executorsId,
      ...(access.controllersId === access.executorsId && { allow_same_identity: true }),
      ...(access.onCallId !== undefined && { on_call: { client_id: access.onCallId } }),
    },
    alarms: { nobody: true },
  };
  writeLocalStage(folder, {
    v: 1,
    pid: process.pid,
    started_at: new Date().toISOString(),
    workloads,
    stage,
    environment: {
      AWS_ENDPOINT_URL: aws.environment["AWS_ENDPOINT_URL"] ?? "",
      AWS_REGION: aws.environment["AWS_REGION"] ?? "",
      ...aws.keysOf("on-call"),
      ...(looker.credentials.kind === "oauth-m2m"
        ? {
            DATABRICKS_CLIENT_ID: looker.credentials.clientId,
            DATABRICKS_CLIENT_SECRET: looker.credentials.clientSecret,
          }
        : { DATABRICKS_TOKEN: looker.credentials.token }),
      ...(caFile !== undefined && { SIGNALBOX_CA_FILE: caFile }),
    },
  });
  return { [Symbol.dispose]: () => removeLocalStage(folder) };
}

/** Lines for the screen; each group can be pasted into a shell as it is. */
export function pasteLines({ aws, folder }: Plane): readonly string[] {
  const endpoint = aws.environment["AWS_ENDPOINT_URL"] ?? "";
  const region = aws.environment["AWS_REGION"] ?? "";
  const keys = aws.keysOf("upstream");
  const [id = "", secret = ""] = [keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"]];
  const tickets = aws.queueUrl("tickets");
  return [
    "With the command line of Signalbox, which finds this plane (SIGNALBOX_LOCAL names another folder):",
    "",
    ...(/[/\\]\.local[/\\](plane|demo)$/.test(folder)
      ? []
      : [`  export SIGNALBOX_LOCAL=${quoted(folder)}`]),
    "  npx signalbox submit weather-report -p year=2015 --wait",
    "  npx signalbox runs",
    "",
    "As an upstream system, with aws (version 1 or 2):",
    "",
    `  export AWS_ACCESS_KEY_ID=${id} AWS_SECRET_ACCESS_KEY=${secret}`,
    `  aws sqs send-message --region ${region} --endpoint-url ${endpoint} --queue-url ${tickets} \\`,
    `    --message-body '{"ticket_id": "MINE-1", "workload": "weather-report"}'`,
    `  aws sqs receive-message --region ${region} --endpoint-url ${endpoint} --queue-url ${aws.listenerUrl} --wait-time-seconds 20`,
    "",
    "With boto3:",
    "",
    `  sqs = boto3.client("sqs", region_name="${region}", endpoint_url="${endpoint}",`,
    `      aws_access_key_id="${id}", aws_secret_access_key="${secret}")`,
    `  sqs.send_message(QueueUrl="${tickets}", MessageBody='{"ticket_id": "MINE-2", "workload": "weather-report"}')`,
    "",
    "With the AWS SDK for JavaScript:",
    "",
    `  new SQSClient({ region: "${region}", endpoint: "${endpoint}",`,
    `    credentials: { accessKeyId: "${id}", secretAccessKey: "${secret}" } })`,
    "",
  ];
}

const quoted = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
