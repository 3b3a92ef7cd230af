// The contract of every store of markers.
import { expect, test } from "vitest";
import { UnreadableMarkerError } from "../../shared/domain/errors.ts";
import type { MarkersPort } from "../../shared/ports.ts";
import { marker } from "./examples.ts";

export type MarkersUnderTest = MarkersPort & {
  readonly lay: (path: string, content: Uint8Array) => Promise<void>;
  /** The store's own clock, for the times of last writes. */
  readonly nowMs: () => number;
};

export function markersContract(open: () => Promise<MarkersUnderTest>): void {
  test("no marker is absent, and an empty plane lists none", async () => {
    const { markers } = await open();
    expect(await markers.read({ run_id: "none", chapter: 1 })).toBeUndefined();
    expect(await markers.list()).toEqual([]);
  });

  test("a marker is overwritten by the next touch", async () => {
    const { markers } = await open();
    const first = marker({ run_id: "r.1", number: 1 });
    await markers.write(first);
    await markers.write({ ...first, number: 2, iter_n: 1, attempt: 3 });
    expect(await markers.read(first)).toEqual({ ...first, number: 2, iter_n: 1, attempt: 3 });
  });

  test("chapters of a run have markers of their own, also where its id has dots", async () => {
    const { markers } = await open();
    await markers.write(marker({ run_id: "r.1", chapter: 1 }));
    await markers.write(marker({ run_id: "r.1", chapter: 12 }));
    await markers.write(marker({ run_id: "r", chapter: 1 }));
    const keys = (await markers.list()).map(({ key }) => `${key.run_id}|${key.chapter}`).sort();
    expect(keys).toEqual(["r.1|1", "r.1|12", "r|1"]);
  });

  test("the listing says when each was written last", async () => {
    const { markers, nowMs } = await open();
    const before = nowMs();
    await markers.write(marker());
    const [listed] = await markers.list();
    // Some stores keep whole seconds.
    expect(listed?.modifiedMs).toBeGreaterThanOrEqual(Math.floor(before / 1000) * 1000);
    expect(listed?.modifiedMs).toBeLessThanOrEqual(nowMs() + 1000);
  });

  test("removing removes, and removing what is gone is no error", async () => {
    const { markers } = await open();
    await markers.write(marker());
    await markers.remove(marker());
    await markers.remove(marker());
    expect(await markers.read(marker())).toBeUndefined();
    expect(await markers.list()).toEqual([]);
  });

  test("foreign names in the folder are passed over", async () => {
    const { markers, lay } = await open();
    await markers.write(marker());
    for (const name of ["README", "r.0", ".1", "r.x", "a b.1", `${"x".repeat(65)}.1`])
      await lay(`open/${name}`, Buffer.from("?"));
    expect((await markers.list()).map(({ key }) => key)).toEqual([{ run_id: "ORD-1", chapter: 1 }]);
  });

  test.each([
    { what: "torn", text: '{"v":1' },
    { what: "another chapter's", text: JSON.stringify(marker({ chapter: 2 })) },
  ])(
    "a marker that is $what is unreadable, with its path, and waits for the sweep",
    async ({ text }) => {
      const { markers, lay } = await open();
      await lay("open/ORD-1.1", Buffer.from(text));
      const reading = markers.read(marker());
      await expect(reading).rejects.toBeInstanceOf(UnreadableMarkerError);
      await expect(reading).rejects.toThrow(/open\/ORD-1\.1/);
    },
  );
}
