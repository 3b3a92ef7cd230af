// FactsPort, PlansPort, MarkersPort and VolumesPort over Unity Catalog Volumes.
import { createHash } from "node:crypto";
import { jsonOrNothing } from "../domain/body.ts";
import { PlatformTroubleError, PoisonMessageError } from "../domain/errors.ts";
import type { FactKind, FactOf, FactRef, Marker } from "../domain/facts.ts";
import type {
  Created,
  FactRemovalPort,
  FactsPort,
  HintsPort,
  MarkerListing,
  MarkersPort,
  PlansPort,
  Stored,
  VolumesPort,
} from "../ports.ts";
import { mayHaveHappened } from "./databricks-http.ts";
import {
  FACT_BYTES_MAX,
  factOf,
  factText,
  MARKERS_FOLDER,
  markerKeyOf,
  markerOf,
  markerPath,
  markerText,
} from "./fact-text.ts";
import type { VolumeFiles } from "./volume-files.ts";

export type VolumeFactsOptions = {
  readonly files: VolumeFiles;
  /** `/Volumes/<catalog>/<schema>/facts` */
  readonly factsVolume: string;
};

export const createFacts = (
  options: VolumeFactsOptions,
): FactsPort & Pick<FactRemovalPort, "facts"> => ({
  facts: {
    read: (ref) => readFact(options, ref),
    create: (ref, fact) => createFact(options, ref, fact),
    ...removalIn(options.files, options.factsVolume),
  },
});

/** @param plansVolume `/Volumes/<catalog>/<schema>/plans` */
export const createPlans = (
  files: VolumeFiles,
  plansVolume: string,
): PlansPort & Pick<FactRemovalPort, "plans"> => ({
  plans: {
    put: async (path, content) => {
      // The path determines the content, and controllers alone write here: an earlier writer wrote
      // the same.
      await files.create(pathIn(plansVolume, path), content);
    },
    ...removalIn(files, plansVolume),
  },
});

const removalIn = (files: VolumeFiles, volume: string): FactRemovalPort["facts"] => ({
  list: (folder) => files.listPage(pathIn(volume, folder)),
  remove: (path) => files.remove(pathIn(volume, path)),
  removeFolder: (path) => files.removeFolder(pathIn(volume, path)),
});

export const createMarkers = (options: VolumeFactsOptions): MarkersPort => ({
  markers: {
    read: async (key) => {
      const path = markerPath(key);
      const content = await readBytes(options, path);
      return content && markerOf(path, content);
    },
    write: (marker: Marker) =>
      options.files.overwrite(
        pathIn(options.factsVolume, markerPath(marker)),
        Buffer.from(markerText(marker)),
      ),
    remove: (key) => options.files.remove(pathIn(options.factsVolume, markerPath(key))),
    list: () => listMarkers(options),
  },
});

const HINT_BYTES_MAX = 64 * 1024;

export const createHints = ({ files, factsVolume }: VolumeFactsOptions): HintsPort => ({
  hints: {
    read: async (name) => {
      const file = await files.read(hintPath(factsVolume, name), HINT_BYTES_MAX);
      return file.kind === "found"
        ? jsonOrNothing(Buffer.from(file.content).toString("utf8"))
        : undefined;
    },
    write: (name, hint) =>
      files.overwrite(hintPath(factsVolume, name), Buffer.from(`${JSON.stringify(hint)}\n`)),
  },
});

const hintPath = (volume: string, name: string): string => pathIn(volume, `hints/${name}.json`);

export const createVolumes = (files: VolumeFiles): VolumesPort => ({
  volumes: { read: (path, bytesMax) => files.read(path, bytesMax) },
});

async function readFact<K extends FactKind>(
  options: VolumeFactsOptions,
  ref: FactRef<K>,
): Promise<Stored<FactOf<K>> | undefined> {
  const content = await readBytes(options, ref.path);
  return content && stored(ref, content);
}

/**
 * Creates a fact; a writer that comes second gets what the first one wrote. If the answer is lost,
 * the file tells whether it was written, and by whom: it is read like a winner's.
 */
async function createFact<K extends FactKind>(
  options: VolumeFactsOptions,
  ref: FactRef<K>,
  fact: FactOf<K>,
): Promise<Created<FactOf<K>>> {
  const { text, fact: kept } = factText(ref, fact);
  const content = Buffer.from(text);
  try {
    const created = await options.files.create(pathIn(options.factsVolume, ref.path), content);
    if (created === "created") return { fact: kept, sha256: sha256Of(content), text, isNew: true };
  } catch (error) {
    if (!(error instanceof PlatformTroubleError) || !mayHaveHappened(error)) throw error;
    const winner = await readFact(options, ref).catch(() => undefined);
    if (winner !== undefined) return { ...winner, isNew: false };
    throw error;
  }
  const winner = await readFact(options, ref);
  if (winner !== undefined) return { ...winner, isNew: false };
  throw new PlatformTroubleError(
    `Databricks says that ${pathIn(options.factsVolume, ref.path)} exists, and cannot find it`,
  );
}

const stored = <K extends FactKind>(ref: FactRef<K>, content: Uint8Array): Stored<FactOf<K>> => ({
  fact: factOf(ref, content),
  sha256: sha256Of(content),
  text: Buffer.from(content).toString("utf8"),
});

const sha256Of = (content: Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");

async function readBytes(
  options: VolumeFactsOptions,
  path: string,
): Promise<Uint8Array | undefined> {
  const file = await options.files.read(pathIn(options.factsVolume, path), FACT_BYTES_MAX);
  switch (file.kind) {
    case "absent":
      return undefined;
    case "found":
      return file.content;
    case "too-large":
      throw new PoisonMessageError(
        `the fact ${path} has ${file.bytes} bytes, at most ${FACT_BYTES_MAX} are read; only Signalbox may write the facts volume: find out who else did`,
      );
  }
}

async function listMarkers(options: VolumeFactsOptions): Promise<readonly MarkerListing[]> {
  const files = await options.files.list(pathIn(options.factsVolume, MARKERS_FOLDER));
  return files.flatMap(({ name, modifiedMs }) => {
    const key = markerKeyOf(name);
    return key === undefined ? [] : [{ key, modifiedMs }];
  });
}

// No dots alone, no slashes, nothing that needs encoding: docs/facts/aws.md#dots-survive-encoding
const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;

function pathIn(volume: string, path: string): string {
  if (path.split("/").every((segment) => SEGMENT.test(segment))) return `${volume}/${path}`;
  throw new Error(`${JSON.stringify(path.slice(0, 200))} is no path of a fact`);
}
