import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { currentNotices, NOTICES } from "../../infra/notices.ts";

/** What may travel in a function that anybody deploys, without asking for more than a notice. */
const PERMISSIVE = /^(MIT|ISC|Apache-2\.0|0BSD|BSD-[23]-Clause|Unlicense|BlueOak-1\.0\.0)$/;

test("whose code is deployed, and under which licence, stands in THIRD_PARTY_NOTICES", async () => {
  const notices = await currentNotices();
  expect(readFileSync(NOTICES, "utf8"), "run `npm run notices`").toBe(notices);
  const licences = [...notices.matchAll(/^-{80}\n(\S+) \S+ \((.*)\)$/gm)];
  expect(licences.length).toBeGreaterThan(20);
  // Its LICENSE file is Apache-2.0; only its package.json does not say so.
  const others = licences.filter(
    ([, name, licence = ""]) => !PERMISSIVE.test(licence) && name !== "flatbuffers",
  );
  expect(others.map(([, name, licence]) => `${name}: ${licence}`)).toEqual([]);
});
