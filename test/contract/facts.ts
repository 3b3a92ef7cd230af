// The contract of every store of facts. `lay` puts bytes at a path below the facts volume behind
// the port's back.
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { PoisonMessageError } from "../../shared/domain/errors.ts";
import { factRef, plannedFilePath } from "../../shared/domain/facts.ts";
import type { FactEntry, FactRemovalPort, FactsPort, PlansPort } from "../../shared/ports.ts";
import { outcomeFact, stopFact } from "./examples.ts";

export type FactsUnderTest = FactsPort &
  PlansPort &
  FactRemovalPort & {
    /** What lies at a path below the plans volume. */
    readonly planAt: (path: string) => Promise<Uint8Array | undefined>;
    readonly lay: (path: string, content: Uint8Array) => Promise<void>;
    readonly contentAt: (path: string) => Promise<Uint8Array | undefined>;
  };

export function factsContract(open: () => Promise<FactsUnderTest>): void {
  const sha256 = (content: Uint8Array): string =>
    createHash("sha256").update(content).digest("hex");

  test("what nobody has created is absent", async () => {
    const { facts } = await open();
    expect(await facts.read(factRef.stop({ run_id: "never", chapter: 1 }))).toBeUndefined();
  });

  test("a created fact is read back whole, with the sha256 of its stored bytes", async () => {
    const { facts, contentAt } = await open();
    const stop = stopFact({ run_id: "whole", reason: 'Grüße, 🚦 \\ " \u2028' });
    const ref = factRef.stop(stop);
    const created = await facts.create(ref, stop);
    const read = await facts.read(ref);
    const content = await contentAt(ref.path);
    expect(created.fact).toEqual(stop);
    expect(created).toEqual({ ...read, isNew: true });
    expect(content && sha256(content)).toBe(created.sha256);
    expect(created.text).toBe(Buffer.from(content ?? []).toString());
  });

  test("a stored fact is JSON for a person: indented, and ending with a line feed", async () => {
    const { facts, contentAt } = await open();
    const stop = stopFact({ run_id: "readable" });
    await facts.create(factRef.stop(stop), stop);
    const text = Buffer.from((await contentAt(factRef.stop(stop).path)) ?? []).toString("utf8");
    expect(text).toMatch(/^\{\n +"v": 1,\n/);
    expect(text.endsWith("}\n")).toBe(true);
  });

  test("whoever comes second reads what the first one wrote", async () => {
    const { facts } = await open();
    const first = stopFact({ run_id: "twice", reason: "the first" });
    const ref = factRef.stop(first);
    const created = await facts.create(ref, first);
    const second = await facts.create(ref, { ...first, reason: "the second" });
    expect(second).toEqual({ ...created, isNew: false });
    expect(created).toEqual({ ...(await facts.read(ref)), isNew: true });
  });

  test("of twelve racing creates one wins, and all twelve get its copy", async () => {
    const { facts } = await open();
    const ref = factRef.stop({ run_id: "race", chapter: 1 });
    const copies = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        facts.create(ref, stopFact({ run_id: "race", reason: `number ${i}` })),
      ),
    );
    const stored = await facts.read(ref);
    for (const { isNew: _, ...copy } of copies) expect(copy).toEqual(stored);
    expect(copies.filter(({ isNew }) => isNew).length).toBe(1);
  });

  test("facts of different runs, chapters and kinds do not meet", async () => {
    const { facts } = await open();
    const one = stopFact({ run_id: "a.b", chapter: 1, reason: "one" });
    const two = stopFact({ run_id: "a.b", chapter: 2, reason: "two" });
    const outcome = outcomeFact({ run_id: "a.b" });
    await facts.create(factRef.stop(one), one);
    await facts.create(factRef.stop(two), two);
    await facts.create(factRef.outcome(outcome), outcome);
    expect((await facts.read(factRef.stop(one)))?.fact.reason).toBe("one");
    expect((await facts.read(factRef.stop(two)))?.fact.reason).toBe("two");
    expect((await facts.read(factRef.outcome(outcome)))?.fact).toEqual(outcome);
  });

  test("a fact that could not be read back is refused before it is written", async () => {
    const { facts } = await open();
    const bad = { ...stopFact({ run_id: "bad" }), stopped_at: "yesterday" };
    const ref = factRef.stop({ run_id: "bad", chapter: 1 });
    await expect(facts.create(ref, bad)).rejects.toThrow(/stop_1\.json.*stopped_at/);
    expect(await facts.read(ref)).toBeUndefined();
  });

  test("a fact is refused at a path that is not its own", async () => {
    const { facts } = await open();
    const elsewhere = factRef.stop({ run_id: "mine", chapter: 1 });
    await expect(facts.create(elsewhere, stopFact({ run_id: "yours" }))).rejects.toThrow(
      /run_mine\/stop_1\.json.*belongs at run_yours\/stop_1\.json/,
    );
  });

  describe("a stored text that is no such fact is refused with its path and its fault", () => {
    const whole = `${JSON.stringify(stopFact({ run_id: "lie" }), undefined, 1)}\n`;
    test.each([
      { what: "nothing at all", text: "", fault: /not JSON/ },
      { what: "a torn text", text: whole.slice(0, whole.length / 2), fault: /not JSON/ },
      { what: "another kind of fact", text: '{"v":1,"run_id":"lie"}', fault: /chapter/ },
      {
        what: "another run's fact",
        text: whole.replace("lie", "lia"),
        fault: /belongs at run_lia/,
      },
      { what: "an unknown key", text: whole.replace('"v"', '"w": 1, "v"'), fault: /"w"/ },
      { what: "a version that nobody knows", text: whole.replace("1", "9"), fault: /v: / },
      { what: "deep nesting", text: `${"[".repeat(5_000)}`, fault: /nests 5000 levels/ },
      { what: "a list", text: "[]", fault: /object/ },
    ])("$what", async ({ text, fault }) => {
      const { facts, lay } = await open();
      const ref = factRef.stop({ run_id: "lie", chapter: 1 });
      await lay(ref.path, Buffer.from(text));
      const reading = facts.read(ref);
      await expect(reading).rejects.toBeInstanceOf(PoisonMessageError);
      await expect(reading).rejects.toThrow(/run_lie\/stop_1\.json/);
      await expect(reading).rejects.toThrow(fault);
    });

    test("bytes that are no UTF-8", async () => {
      const { facts, lay } = await open();
      const ref = factRef.stop({ run_id: "lie", chapter: 1 });
      await lay(ref.path, Buffer.from(whole.replace("enough", "en\u00ffough"), "latin1"));
      await expect(facts.read(ref)).rejects.toBeInstanceOf(PoisonMessageError);
    });

    test("and a create that loses against it is refused as well", async () => {
      const { facts, lay } = await open();
      const ref = factRef.stop({ run_id: "lie", chapter: 1 });
      await lay(ref.path, Buffer.from("{"));
      await expect(facts.create(ref, stopFact({ run_id: "lie" }))).rejects.toBeInstanceOf(
        PoisonMessageError,
      );
    });
  });

  test("a planned file is stored byte for byte, and creating it again changes nothing", async () => {
    const { plans, planAt, contentAt } = await open();
    const content = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256);
    const path = plannedFilePath("planned", sha256(content), "main.py");
    await plans.put(path, content);
    await plans.put(path, content);
    expect(Buffer.from((await planAt(path)) ?? []).equals(content)).toBe(true);
    // Executors read plans, and never facts.
    expect(await contentAt(path)).toBeUndefined();
  });

  describe("what is deleted at the end of its retention", () => {
    const names = (entries: readonly FactEntry[]) =>
      entries.map(({ name, isFolder }) => (isFolder ? `${name}/` : name)).toSorted();

    test("a folder that is not there lists nothing, and is removed without complaint", async () => {
      const { facts } = await open();
      expect(await facts.list("run_never")).toEqual([]);
      expect(await facts.removeFolder("run_never")).toBe(true);
      await facts.remove(factRef.stop({ run_id: "never", chapter: 1 }).path);
    });

    test("a listing names files and folders directly in it, and nothing below or beside", async () => {
      const { facts, plans } = await open();
      const stop = stopFact({ run_id: "listed" });
      await facts.create(factRef.stop(stop), stop);
      for (const run_id of ["listed", "listed.1"])
        await plans.put(plannedFilePath(run_id, "a".repeat(64), "main.py"), Buffer.from("1"));
      expect(names(await facts.list("run_listed"))).toEqual(["stop_1.json"]);
      expect(names(await plans.list("run_listed"))).toEqual(["files/"]);
      expect(names(await plans.list("run_listed/files"))).toEqual([`${"a".repeat(64)}/`]);
    });

    test("a removed fact is absent, and may be created anew", async () => {
      const { facts } = await open();
      const stop = stopFact({ run_id: "removed", reason: "the first" });
      const ref = factRef.stop(stop);
      await facts.create(ref, stop);
      await facts.remove(ref.path);
      expect(await facts.read(ref)).toBeUndefined();
      expect(names(await facts.list("run_removed"))).toEqual([]);
      const again = await facts.create(ref, { ...stop, reason: "the second" });
      expect(again.fact.reason).toBe("the second");
    });

    test("a folder goes when it is empty, and stays while something lies in it", async () => {
      const { facts } = await open();
      const stop = stopFact({ run_id: "folder" });
      await facts.create(factRef.stop(stop), stop);
      expect(await facts.removeFolder("run_folder")).toBe(false);
      expect((await facts.read(factRef.stop(stop)))?.fact).toEqual(stop);
      await facts.remove(factRef.stop(stop).path);
      expect(await facts.removeFolder("run_folder")).toBe(true);
      expect(await facts.list("run_folder")).toEqual([]);
    });
  });
}
