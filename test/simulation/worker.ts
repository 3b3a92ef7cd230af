// One thread of many: plays the worlds that it is asked for.
import { parentPort } from "node:worker_threads";
import { type Portion, simulateMany } from "./many.ts";

// Nobody reads the stacks of simulated trouble, and they are dear.
Error.stackTraceLimit = 0;
parentPort?.on("message", async ({ first, seeds, options }: Portion) => {
  parentPort?.postMessage(await simulateMany(first, seeds, options));
});
