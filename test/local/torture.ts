// Kills a local plane at random moments while tickets are under way, starts it again on the same
// data, and asks a witness outside whether anything was lost, or ran twice. `npm run torture`.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { createRandom, type Random } from "../simulation/random.ts";

export type TortureOptions = {
  /** An empty folder, or one that is not there. */
  readonly folder: string;
  readonly kills: number;
  /** How many are under way at each kill. */
  readonly tickets: number;
  readonly seed: number;
  readonly print: (line: string) => void;
};

export type Tortured = {
  /** A sentence each; none means that all is well. */
  readonly faults: readonly string[];
  readonly tickets: number;
  readonly executions: number;
  readonly killedWhileStarting: number;
};

const main = join(import.meta.dirname, "..", "..", "local", "main.ts");

// The witness is a file that the plane knows nothing of: each execution appends a line, before it
// does anything else.
const ARTIFACT = `import os, time
from signalbox_executor import context
line = f"{context.run_id} {context.iteration}.{context.attempt}\\n"
file = os.open(context.parameters["witness"], os.O_WRONLY | os.O_APPEND)
os.write(file, line.encode())
os.close(file)
time.sleep(context.parameters["seconds"])
context.metric("done", 1)
`;
const recipe = (witness: string) => `v: 1
planner: { kind: artifact, artifact: witness.py }
task: { kind: spark_python_task, compute: { serverless: { environment_version: "4" } } }
limits: { iterations: 1, attempts: 99, timeout_seconds: 600, queue_seconds: 3600 }
parameters: { witness: ${JSON.stringify(witness)}, seconds: 0.5 }
`;

type Rig = {
  readonly plane: string;
  readonly workloads: string;
  readonly witness: string;
  readonly random: Random;
};

export async function torture(options: TortureOptions): Promise<Tortured> {
  const { folder, kills, tickets, seed, print } = options;
  const rig = rigIn(folder, seed);
  const sent: string[] = [];
  let killedWhileStarting = 0;
  for (let kill = 1; kill <= kills; kill++) {
    const child = start(rig);
    const isEarly = kill > 1 && rig.random.chance(0.2);
    const ready = isEarly ? undefined : await stageOf(rig, child);
    if (ready === undefined) killedWhileStarting++;
    else await refill(rig, ready, sent, tickets);
    await sleep(rig.random.between(50, isEarly ? 1_800 : 8_000));
    child.kill("SIGKILL");
    await once(child, "close");
    const over = sent.filter((id) => isOver(rig, id)).length;
    print(
      `kill ${kill} of ${kills}${isEarly ? " (while it started)" : ""}: ${over} of ${sent.length} tickets are over`,
    );
  }
  const faults = await settle(rig, sent, print);
  return {
    ...{ faults, tickets: sent.length, killedWhileStarting },
    executions: witnessed(rig).length,
  };
}

function rigIn(folder: string, seed: number): Rig {
  const workloads = join(folder, "workloads");
  const witness = join(folder, "witness.log");
  mkdirSync(join(workloads, "witness"), { recursive: true });
  writeFileSync(join(workloads, "witness", "witness.py"), ARTIFACT);
  writeFileSync(join(workloads, "witness", "recipe.yaml"), recipe(witness));
  writeFileSync(witness, "");
  return { plane: join(folder, "plane"), workloads, witness, random: createRandom(seed) };
}

function start({ plane, workloads }: Rig): ChildProcess {
  const argv = ["--stay", "--no-demo", "--folder", plane, "--workloads", workloads];
  const child = spawn(process.execPath, [main, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  const log = join(plane, "..", "output.log");
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => appendFileSync(log, chunk));
  return child;
}

type Stage = { readonly pid: number; readonly environment: Readonly<Record<string, string>> };

/** @throws Error if the plane does not come up again: that is a fault, too */
async function stageOf({ plane }: Rig, child: ChildProcess): Promise<Stage> {
  const file = join(plane, "stage.json");
  for (let waited = 0; waited < 120_000; waited += 50) {
    if (child.exitCode !== null) break;
    const stage = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Stage) : undefined;
    if (stage?.pid === child.pid) return stage as Stage;
    await sleep(50);
  }
  throw new Error(`the plane did not start again: see ${join(plane, "..", "output.log")}`);
}

/** Only what SQS acknowledged counts as sent. */
async function refill(rig: Rig, stage: Stage, sent: string[], wanted: number): Promise<void> {
  const { environment } = stage;
  const endpoint = environment["AWS_ENDPOINT_URL"] ?? "";
  const sqs = new SQSClient({
    ...{ endpoint, region: environment["AWS_REGION"] ?? "" },
    credentials: {
      accessKeyId: environment["AWS_ACCESS_KEY_ID"] ?? "",
      secretAccessKey: environment["AWS_SECRET_ACCESS_KEY"] ?? "",
    },
  });
  const QueueUrl = `${endpoint}/000000000000/signalbox-local-tickets`;
  const open = sent.filter((id) => !isOver(rig, id)).length;
  for (let i = open; i < wanted; i++) {
    const ticket_id = `T-${sent.length + 1}`;
    const parameters = { seconds: rig.random.between(1, 15) / 10 };
    const MessageBody = JSON.stringify({ ticket_id, workload: "witness", parameters });
    // Every third comes twice, as SQS may deliver it.
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
    sent.push(ticket_id);
    if (rig.random.chance(0.3)) await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  }
  sqs.destroy();
}

const factsOf = ({ plane }: Rig): string =>
  join(plane, "workspace", "Volumes", "main", "ops", "facts");
const isOver = (rig: Rig, id: string): boolean =>
  existsSync(join(factsOf(rig), `run_${id}`, "outcome_1.json"));
const openIn = (rig: Rig): readonly string[] => {
  const folder = join(factsOf(rig), "open");
  return existsSync(folder) ? readdirSync(folder) : [];
};
const witnessed = ({ witness }: Rig): readonly string[] =>
  readFileSync(witness, "utf8")
    .split("\n")
    .filter((line) => line !== "");

/** Lets everything end, ends the plane well, and looks. */
async function settle(rig: Rig, sent: readonly string[], print: (line: string) => void) {
  const child = start(rig);
  await stageOf(rig, child);
  const endsMs = Date.now() + 120_000 + sent.length * 3_000;
  const isDone = () => sent.every((id) => isOver(rig, id)) && openIn(rig).length === 0;
  while (!isDone() && Date.now() < endsMs) await sleep(500);
  print("all kills are over; the plane ends by Ctrl-C");
  child.kill("SIGINT");
  const [code] = await once(child, "close");
  return [
    ...(code === 0 ? [] : [`Ctrl-C ended it with ${code}`]),
    ...openIn(rig).map((name) => `the marker ${name} is still there`),
    ...sent.flatMap((id) => faultsOf(rig, id)),
    ...twice(witnessed(rig)).map((line) => `${line} was executed twice`),
    ...lettersIn(rig),
  ];
}

const twice = (lines: readonly string[]): readonly string[] =>
  lines.filter((line, i) => lines.indexOf(line) !== i);

type Event = {
  readonly "detail-type": string;
  readonly detail: { readonly [key: string]: unknown };
};

function faultsOf(rig: Rig, id: string): readonly string[] {
  if (!isOver(rig, id)) return [`${id} was lost: it has no outcome`];
  const path = join(factsOf(rig), `run_${id}`, "outcome_1.json");
  const { outcome, reason, attempt } = JSON.parse(readFileSync(path, "utf8"));
  const lines = witnessed(rig).filter((line) => line.startsWith(`${id} `));
  const announced = eventsIn(rig).filter(({ detail }) => detail["run_id"] === id);
  return [
    ...(outcome === "succeeded" ? [] : [`${id} is ${outcome}: ${reason}`]),
    ...(lines.includes(`${id} 1.${attempt}`)
      ? []
      : [`${id} succeeded in 1.${attempt}, which nobody saw`]),
    ...(announced.length > 0 ? [] : [`${id} was never announced`]),
    ...(new Set(announced.map(({ detail }) => detail["id"])).size > 1
      ? [`${id} was announced under several ids`]
      : []),
  ];
}

const eventsIn = ({ plane }: Rig): readonly Event[] =>
  readFileSync(join(plane, "events.jsonl"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Event)
    .filter((event) => event["detail-type"] === "Run Outcome");

function lettersIn({ plane }: Rig): readonly string[] {
  const db = new DatabaseSync(join(plane, "messages.sqlite"), { readOnly: true });
  const rows = db
    .prepare("SELECT queue, body FROM messages WHERE queue LIKE '%-dead-letters'")
    .all();
  db.close();
  return rows.map((row) => `a dead letter of ${row["queue"]}: ${row["body"]}`);
}
