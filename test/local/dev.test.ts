// `npm run dev`: a plane to work with, as somebody works with it.
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { expect, test } from "vitest";
import { until } from "./aws-fixture.ts";
import { runProgram } from "./run-program.ts";

const newFolder = (): string => mkdtempSync(join(tmpdir(), "dev-"));

const run = (program: string, argv: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  runProgram(program, argv, { ...process.env, ...env });
const dev = (folder: string, ...more: readonly string[]) =>
  run("local/main.ts", ["--stay", "--no-demo", "--folder", folder, ...more]);
const signalbox = (folder: string, ...argv: readonly string[]) =>
  run("cli/main.ts", argv, { SIGNALBOX_LOCAL: folder });
const isReady = (plane: ReturnType<typeof dev>) =>
  until("the plane", () => /Ctrl-C\.\n[\s\S]*SQSClient/.test(plane.output()));

/** What a person would paste. */
function clientOf(output: string) {
  const found = (pattern: RegExp): string => pattern.exec(output)?.[1] ?? "";
  const sqs = new SQSClient({
    region: found(/--region (\S+)/),
    endpoint: found(/--endpoint-url (\S+)/),
    credentials: {
      accessKeyId: found(/AWS_ACCESS_KEY_ID=(\S+)/),
      secretAccessKey: found(/AWS_SECRET_ACCESS_KEY=(\S+)/),
    },
  });
  const tickets = found(/--queue-url (\S+-tickets)/);
  const outcomes = found(/--queue-url (\S+-outcomes-example)/);
  return {
    sqs,
    outcomes,
    send: (ticket: object) =>
      sqs.send(new SendMessageCommand({ QueueUrl: tickets, MessageBody: JSON.stringify(ticket) })),
  };
}

function putWorkload(folder: string, name: string, code: string, more = ""): void {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, `${name}.py`), code);
  writeFileSync(
    join(folder, name, "recipe.yaml"),
    `v: 1
planner: { kind: artifact, artifact: ${name}.py }
task: { kind: spark_python_task, compute: { serverless: { environment_version: "4" } } }
limits: { iterations: 1, attempts: 9, timeout_seconds: 120, queue_seconds: 600 }
${more}`,
  );
}
const COUNT = (n: number) => `from signalbox_executor import context\ncontext.metric("n", ${n})\n`;

test.concurrent("workloads elsewhere are seen at once, the outcome is heard, and a kill forgets nothing", async () => {
  const folder = newFolder();
  const [own, workloads] = [join(folder, "plane"), join(folder, "workloads")];
  putWorkload(workloads, "first", COUNT(1));
  const one = dev(own, "--workloads", workloads);
  await isReady(one);
  expect(one.output()).not.toMatch(/sends \d+ messages/);
  const person = clientOf(one.output());
  // A ticket sent right after the file was saved meets it.
  putWorkload(workloads, "second", COUNT(2));
  await person.send({ ticket_id: "NEW", workload: "second" });
  await until("its outcome", () => /NEW .*outcome succeeded/.test(one.output()));
  expect(one.output()).toMatch(/workloads: new: second/);
  writeFileSync(join(workloads, "second", "second.py"), COUNT(22));
  await person.send({ ticket_id: "CHANGED", workload: "second" });
  await until("its outcome", () => /CHANGED .*outcome succeeded/.test(one.output()));
  writeFileSync(join(workloads, "second", "recipe.yaml"), "v: 1\nnonsense: true\n");
  await until("the fault", () => /workloads stay as they were, until this/.test(one.output()));
  await person.send({ ticket_id: "STILL", workload: "first" });
  await until("its outcome", () => /STILL .*outcome succeeded/.test(one.output()));
  const heard: string[] = [];
  await until("the events", async () => {
    const { Messages = [] } = await person.sqs.send(
      new ReceiveMessageCommand({ QueueUrl: person.outcomes, MaxNumberOfMessages: 10 }),
    );
    heard.push(...Messages.map(({ Body = "" }) => Body));
    return ["NEW", "CHANGED", "STILL"].every((id) => heard.some((body) => body.includes(id)));
  });
  expect(JSON.parse(heard[0] ?? "")).toMatchObject({ "detail-type": "Run Outcome" });
  const changed = heard.map((body) => JSON.parse(body).detail).find((d) => d.run_id === "CHANGED");
  expect(changed.metrics).toEqual({ n: 22 });

  one.child.kill("SIGKILL");
  await one.ended;
  putWorkload(workloads, "second", COUNT(2));
  const two = dev(own, "--workloads", workloads);
  await isReady(two);
  // Lines of before go on working: the same address, the same keys.
  await person.send({ ticket_id: "AGAIN", workload: "first" });
  await until("its outcome", () => /AGAIN .*outcome succeeded/.test(two.output()));
  const status = signalbox(own, "status", "CHANGED");
  expect(await status.ended, status.output()).toBe(0);
  expect(status.output()).toMatch(/succeeded/);
  two.child.kill("SIGINT");
  expect(await two.ended).toBe(0);
  expect(existsSync(join(own, "stage.json"))).toBe(false);
  person.sqs.destroy();
});

test.each([
  {
    given: "a folder of workloads that is not there",
    argv: () => ["--workloads", "/nowhere/workloads"],
    sign: /workloads/,
  },
  {
    given: "a folder below a file",
    argv: () => ["--folder", join(import.meta.filename, "plane")],
    sign: /cannot be the plane's folder, because a part of that path is a file: name another/,
  },
  { given: "data that is not there", argv: () => ["--data", "/nowhere"], sign: /--data \/nowhere/ },
  {
    given: "secrets that are not there",
    argv: () => ["--env", "/nowhere"],
    sign: /--env \/nowhere/,
  },
])("$given is one sentence, before anything starts", async ({ argv, sign }) => {
  const plane = run("local/main.ts", [
    ...["--no-demo", "--stay", "--folder", join(newFolder(), "plane")],
    ...argv(),
  ]);
  expect(await plane.ended).toBe(1);
  expect(plane.output()).toMatch(sign);
  expect(plane.output()).not.toMatch(/ {4}at /);
});

test("a Python that is missing or too old is one sentence, before anything starts", async () => {
  const bin = newFolder();
  const folder = join(newFolder(), "plane");
  writeFileSync(join(bin, "python3"), "#!/bin/sh\necho /old/python3\necho 3.8.18\n", {
    mode: 0o755,
  });
  for (const [path, sign] of [
    [bin, /python3 on PATH is 3\.8\.18, and runs need 3\.10 or later/],
    [newFolder(), /there is no python3 on PATH that starts/],
  ] as const) {
    const plane = run("local/main.ts", ["--folder", folder], { PATH: path, VIRTUAL_ENV: bin });
    expect(await plane.ended).toBe(1);
    expect(plane.output()).toMatch(sign);
    expect(existsSync(folder)).toBe(false);
  }
});

test("a port that is in use is named", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const plane = dev(join(newFolder(), "plane"), "--port", String(port));
  expect(await plane.ended).toBe(1);
  expect(plane.output()).toMatch(new RegExp(`port ${port} is in use on 127.0.0.1: .* --port`));
  server.close();
});
