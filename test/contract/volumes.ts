// The contract of every way to read other volumes.
import { expect, test } from "vitest";
import type { VolumesPort } from "../../shared/ports.ts";

export type VolumesUnderTest = VolumesPort & {
  /** `path` is absolute. */
  readonly lay: (path: string, content: Uint8Array) => Promise<void>;
};

const RESULT = "/Volumes/main/ops/scratchpad/run_a/iter_001/attempt_001/result.json";

export function volumesContract(open: () => Promise<VolumesUnderTest>): void {
  test.each([0, 100])("what is not there is absent, also where %i bytes are read", async (max) => {
    const { volumes } = await open();
    expect(await volumes.read(RESULT, max)).toEqual({ kind: "absent" });
  });

  test.each([
    { bytes: 0, bytesMax: 10, kind: "found" },
    { bytes: 1, bytesMax: 0, kind: "too-large" },
    { bytes: 10, bytesMax: 10, kind: "found" },
    { bytes: 11, bytesMax: 10, kind: "too-large" },
    { bytes: 3_000_000, bytesMax: 1_048_576, kind: "too-large" },
  ])("a file of $bytes bytes, of which $bytesMax are read, is $kind", async (given) => {
    const { volumes, lay } = await open();
    const content = Buffer.alloc(given.bytes, "x");
    await lay(RESULT, content);
    const file = await volumes.read(RESULT, given.bytesMax);
    expect(file.kind).toBe(given.kind);
    if (file.kind === "found") expect(Buffer.from(file.content).equals(content)).toBe(true);
    if (file.kind === "too-large") expect(file.bytes).toBeGreaterThan(given.bytesMax);
  });

  test("names with blanks, percent signs and letters from anywhere are found", async () => {
    const { volumes, lay } = await open();
    const path = "/Volumes/main/ops/company_codebase/50 % größer/%2e%2e/#1?.py";
    await lay(path, Buffer.from("print(1)"));
    const file = await volumes.read(path, 100);
    expect(file.kind === "found" && Buffer.from(file.content).toString()).toBe("print(1)");
  });
}
