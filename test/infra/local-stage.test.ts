// Whose the file is that says where a plane runs on this machine.
import { chmodSync, chownSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { executorsLogin } from "../../cli/stage-context.ts";
import { findLocalStage, type LocalStageGiven, writeLocalStage } from "../../infra/local-stage.ts";

const ID = "11111111-1111-4111-8111-111111111111";
const given: LocalStageGiven = {
  v: 1,
  pid: process.pid,
  started_at: "2026-12-01T00:00:00Z",
  workloads: "/workloads",
  stage: {
    aws: {},
    databricks: {
      host: "https://elsewhere.example.com",
      auth: { kind: "oauth-m2m", secret: "signalbox/local/databricks" },
      client_id: ID,
      warehouse_id: "0123456789abcdef",
      catalog: "main",
      schema: "ops",
      run_as: ID.replaceAll("1", "2"),
    },
    alarms: { nobody: true },
  },
  environment: {},
};

/** A plane's file in a folder above the working folder. */
function left(): { readonly file: string; readonly workingFolder: string } {
  const above = mkdtempSync(join(tmpdir(), "signalbox-left-"));
  const folder = join(above, ".local", "plane");
  const workingFolder = join(above, "project", "deep");
  mkdirSync(folder, { recursive: true });
  mkdirSync(workingFolder, { recursive: true });
  writeLocalStage(folder, given);
  return { file: join(folder, "stage.json"), workingFolder };
}
const find = (workingFolder: string) => findLocalStage({ named: undefined, workingFolder });

test("a plane of one's own is found from a folder below", () => {
  expect(find(left().workingFolder)?.databricks.host).toBe("https://elsewhere.example.com");
});

test.runIf(process.getuid !== undefined)("a file that others may read or write is refused", () => {
  const { file, workingFolder } = left();
  for (const mode of [0o644, 0o620, 0o602]) {
    chmodSync(file, mode);
    expect(() => find(workingFolder)).toThrow(/stage\.json is open to others, so it is no file/);
  }
});

// Only root can give a file away.
test.runIf(process.getuid?.() === 0)("a file of another user is refused", () => {
  const { file, workingFolder } = left();
  chownSync(file, 12_345, 12_345);
  expect(() => find(workingFolder)).toThrow(/stage\.json is another user's, so it is no file/);
});

test("the executors' credentials of the shell are not sent to where such a file says", () => {
  const stage = find(left().workingFolder);
  if (stage === undefined) throw new Error("no plane was found");
  const environment = { DATABRICKS_EXECUTOR_TOKEN: "a token for a real workspace" };
  expect(executorsLogin(stage, { environment })).toBeUndefined();
});
