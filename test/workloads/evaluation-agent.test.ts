// The agent that evaluates a model: its answers, its state, and what it does with a model that
// fails.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { dataset, Loop } from "./loop.ts";
import { dayOf, rowsOf } from "./weather.ts";

const workload = "evaluation-agent";
const data = dataset("weather.csv");

/** The most common weather of a month, computed once more, from the data alone. */
const mostCommon = (isOf: (date: string) => boolean): string => {
  const counts = new Map<string, number>();
  for (const row of rowsOf(data).filter((each) => each["location"] === "Seattle"))
    if (isOf(dayOf(row).date))
      counts.set(String(row["weather"]), (counts.get(String(row["weather"])) ?? 0) + 1);
  return [...counts].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0]?.[0] ?? "nothing";
};
const months = Array.from({ length: 12 }, (_, n) => String(n + 1).padStart(2, "0"));

test("the baseline says for each month what other years had, and is measured on the year", async () => {
  using loop = new Loop(workload, data);
  const result = await loop.next({ year: 2015 });
  const expected = months.map((month) => [
    `2015-${month}`,
    {
      said: mostCommon((date) => date.slice(5, 7) === month && !date.startsWith("2015")),
      was: mostCommon((date) => date.startsWith(`2015-${month}`)),
    },
  ]);
  expect(result.error).toBeNull();
  expect(result.output).toEqual(Object.fromEntries(expected));
  expect(result.metrics["resumed"]).toBe(0);
});

test("a session that is cut off goes on where it was", async () => {
  using loop = new Loop(workload, data);
  const lost = await loop.next({ lose_after: 5 });
  expect(lost.error).toMatchObject({ transient: true, summary: "lost on purpose after 5 tasks" });
  const result = await loop.next();
  expect(result.metrics).toMatchObject({ resumed: 5, tasks: 12 });
});

test("a model is asked once for each task, by the protocol of chat, and its troubles pass", async () => {
  const asked: { model: string; authorization: string | undefined }[] = [];
  const server = createServer((request, reply) => {
    let text = "";
    request.on("data", (chunk) => {
      text += chunk;
    });
    request.on("end", () => {
      const { authorization } = request.headers;
      asked.push({ model: JSON.parse(text).model, authorization });
      if (asked.length === 3) return reply.writeHead(429).end("{}");
      return reply.end(JSON.stringify({ choices: [{ message: { content: " Rain. " } }] }));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    using loop = new Loop(workload, data);
    const model = { model_url: url, model: "small" };
    expect((await loop.next(model)).error).toMatchObject({ transient: true });
    const result = await loop.next(model);
    expect(result.metrics).toMatchObject({ resumed: 2, tasks: 12 });
    expect(result.output).toMatchObject({ "2015-01": { said: "rain" } });
    expect(asked.length).toBe(13);
    expect(asked[0]?.model).toBe("small");
  } finally {
    server.close();
  }
});

test.each([
  { given: { interactive: true }, words: /a job has nobody who answers/ },
  { given: { city: "Atlantis" }, words: /has no days of Atlantis/ },
  { given: { year: 1999 }, words: /there is no year 1999 of Seattle beside other years/ },
  { given: { model_url: "http://127.0.0.1:1" }, words: /model_url needs a model/ },
])("what it cannot do says so: $given", async ({ given, words }) => {
  using loop = new Loop(workload, data);
  expect((await loop.next(given)).error?.summary).toMatch(words);
});
