import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../shared/adapters/system.ts";
import {
  createFacts,
  createHints,
  createMarkers,
  createPlans,
} from "../../shared/adapters/volume-facts.ts";
import { createMemoryFacts } from "../support/memory/facts.ts";
import { createMemoryFiles } from "../support/memory/files.ts";
import { createMemoryHints } from "../support/memory/hints.ts";
import { createMemoryMarkers } from "../support/memory/markers.ts";
import { createMemoryVolumes } from "../support/memory/volumes.ts";
import { factsContract } from "./facts.ts";
import { hintsContract } from "./hints.ts";
import { markersContract } from "./markers.ts";
import { volumesContract } from "./volumes.ts";
import { type Connected, type Fixture, startFixture } from "./workspace-fixture.ts";

const { clock } = systemClock;

describe("over memory", () => {
  const open = async () => {
    const files = createMemoryFiles();
    const plans = createMemoryFiles();
    const lay = async (path: string, content: Uint8Array) => {
      files.set(path, { content, modifiedMs: clock.nowMs() });
    };
    return {
      ...createMemoryFacts(files, plans, { clock }),
      ...createMemoryMarkers(files, { clock }),
      ...createMemoryVolumes(files),
      lay,
      contentAt: async (path: string) => files.get(path)?.content,
      planAt: async (path: string) => plans.get(path)?.content,
      nowMs: clock.nowMs,
    };
  };
  describe("facts", () => factsContract(open));
  describe("markers", () => markersContract(open));
  describe("volumes", () => volumesContract(open));
  describe("hints", () => hintsContract(async () => createMemoryHints()));
});

describe("over the Files API", () => {
  let fixture: Fixture;
  let connected: Connected;
  beforeAll(async () => {
    fixture = await startFixture();
    connected = fixture.connect();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  /** Each test has a folder of its own, so that one workspace serves all. */
  const open = async () => {
    const { files } = connected;
    const own = randomUUID();
    const factsVolume = `/Volumes/main/ops/facts/${own}`;
    const plansVolume = `/Volumes/main/ops/plans/${own}`;
    const below = (path: string) => `${factsVolume}/${path}`;
    const read = async (path: string) => {
      const file = await files.read(path, 1_000_000);
      return file.kind === "found" ? file.content : undefined;
    };
    return {
      ...createFacts({ files, factsVolume }),
      ...createPlans(files, plansVolume),
      ...createMarkers({ files, factsVolume }),
      lay: (path: string, content: Uint8Array) => files.overwrite(below(path), content),
      contentAt: (path: string) => read(below(path)),
      planAt: (path: string) => read(`${plansVolume}/${path}`),
      nowMs: clock.nowMs,
    };
  };
  describe("facts", () => factsContract(open));
  describe("markers", () => markersContract(open));
  describe("volumes", () =>
    volumesContract(async () => {
      const { files, volumes } = connected;
      await files.remove("/Volumes/main/ops/scratchpad/run_a/iter_001/attempt_001/result.json");
      return { volumes, lay: files.overwrite };
    }));
  const openHints = async () =>
    createHints({ files: connected.files, factsVolume: `/Volumes/main/ops/facts/${randomUUID()}` });
  describe("hints of a volume", () => hintsContract(openHints));
  test("a hint that is torn is no hint", async () => {
    const factsVolume = `/Volumes/main/ops/facts/${randomUUID()}`;
    await connected.files.overwrite(`${factsVolume}/hints/feed.json`, Buffer.from('{"id":'));
    const { hints } = createHints({ files: connected.files, factsVolume });
    expect(await hints.read("feed")).toBeUndefined();
  });
});
