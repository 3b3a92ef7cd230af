import { expect, test } from "vitest";
import { createPlane, createPlanePort } from "../../shared/adapters/plane.ts";
import { systemClock } from "../../shared/adapters/system.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import type { FactsPort } from "../../shared/ports.ts";
import { createMemoryFacts } from "../support/memory/facts.ts";
import { createMemoryFiles } from "../support/memory/files.ts";
import { AT } from "./examples.ts";

const ID = "b7b3e5a4-1111-4222-8333-444455556666";
const OTHER_ID = "11111111-1111-4222-8333-444455556666";

function volume() {
  const files = createMemoryFiles();
  let reads = 0;
  const { facts } = createMemoryFacts(files, createMemoryFiles(), systemClock);
  const counted: FactsPort = {
    facts: {
      ...facts,
      read: (ref) => {
        reads++;
        return facts.read(ref);
      },
    },
  };
  return { files, facts: counted, reads: () => reads };
}

const wanted = (stack: string, plane_id = ID) => ({ plane_id, stack, created_at: AT });

test("the plane's id is read once, however many ask", async () => {
  const { facts, reads } = volume();
  await createPlane(facts, wanted("box"));
  const before = reads();
  const { plane } = createPlanePort(facts, "box");
  const ids = await Promise.all([plane.id(), plane.id(), plane.id()]);
  expect(await plane.id()).toBe(ID);
  expect(ids).toEqual([ID, ID, ID]);
  expect(reads() - before).toBe(1);
});

test("a volume without a plane is trouble that says what to do, and is looked at again", async () => {
  const { facts } = volume();
  const { plane } = createPlanePort(facts, "box");
  await expect(plane.id()).rejects.toBeInstanceOf(PlatformTroubleError);
  await expect(plane.id()).rejects.toThrow(/bootstrap/);
  await createPlane(facts, wanted("box"));
  expect(await plane.id()).toBe(ID);
});

test("another stack's volume is trouble for who runs and for who bootstraps", async () => {
  const { facts } = volume();
  await createPlane(facts, wanted("theirs"));
  const { plane } = createPlanePort(facts, "ours");
  await expect(plane.id()).rejects.toThrow(/belongs to stack "theirs".*"ours".*schema/);
  await expect(createPlane(facts, wanted("ours"))).rejects.toBeInstanceOf(PlatformTroubleError);
});

test("bootstrapping again keeps the plane that is there", async () => {
  const { facts } = volume();
  await createPlane(facts, wanted("box"));
  expect((await createPlane(facts, wanted("box", OTHER_ID))).plane_id).toBe(ID);
});

test("of two who bootstrap at once, both get the plane that won", async () => {
  const { facts } = volume();
  const planes = await Promise.all([
    createPlane(facts, wanted("box", ID)),
    createPlane(facts, wanted("box", OTHER_ID)),
  ]);
  expect(planes[0]).toEqual(planes[1]);
});

test("a torn plane.json is trouble, not poison: every message needs it", async () => {
  const { facts, files } = volume();
  files.set("plane.json", { content: Buffer.from('{"v":1'), modifiedMs: 0 });
  const { plane } = createPlanePort(facts, "box");
  await expect(plane.id()).rejects.toBeInstanceOf(PlatformTroubleError);
  await expect(plane.id()).rejects.toThrow(/plane\.json/);
});
