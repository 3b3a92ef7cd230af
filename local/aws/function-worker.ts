// The inside of a function's environment: a thread that imports the handler once and runs
// invocations.
import { parentPort, workerData } from "node:worker_threads";
import { contextOf, type Invoke, type Reply } from "./function-environment.ts";
import type { LambdaHandler } from "./lambda-function.ts";

const port = parentPort;
if (port === null) throw new Error("function-worker.ts is started by function-environment.ts only");
const { module } = workerData as { readonly module: string };
const { handler } = (await import(module)) as { readonly handler?: LambdaHandler };
if (typeof handler !== "function") throw new Error(`${module} exports no function called handler`);

port.on("message", ({ id, event, invocation }: Invoke) => {
  void run(handler, event, invocation).then((reply) => port.postMessage({ id, ...reply }));
});
port.postMessage({ ready: true });

async function run(
  handle: LambdaHandler,
  event: string,
  invocation: Invoke["invocation"],
): Promise<Reply> {
  try {
    const response = await handle(JSON.parse(event) as never, contextOf(invocation));
    return { response: JSON.stringify(response) };
  } catch (error) {
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    return { error: { name, message, ...(stack !== undefined && { stack }) } };
  }
}
