// FactsPort, MarkersPort and VolumesPort over Unity Catalog Volumes.
import { createHash } from "node:crypto";
import { PlatformTroubleError, PoisonMessageError } from "../domain/errors.ts";
import type { FactKind, FactOf, FactRef, Marker } from "../domain/facts.ts";
import type {
  FactRemovalPort,
  FactsPort,
  MarkerListing,
  MarkersPort,
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

export const createFacts = (options: VolumeFactsOptions): FactsPort & FactRemovalPort => ({
  facts: {
    read: (ref) => readFact(options, ref),
    create: (ref, fact) => createFact(options, ref, fact),
    putFile: async (path, content) => {
      // Its path holds its sha256: whoever was there before wrote the same.
      await options.files.create(pathIn(options, path), content);
    },
    list: (folder) => options.files.listPage(pathIn(options, folder)),
    remove: (path) => options.files.remove(pathIn(options, path)),
    removeFolder: (path) => options.files.removeFolder(pathIn(options, path)),
  },
});

export const createMarkers = (options: VolumeFactsOptions): MarkersPort => ({
  markers: {
    read: async (key) => {
      const path = markerPath(key);
      const content = await readBytes(options, path);
      return content && markerOf(path, content);
    },
    write: (marker: Marker) =>
      options.files.overwrite(pathIn(options, markerPath(marker)), Buffer.from(markerText(marker))),
    remove: (key) => options.files.remove(pathIn(options, markerPath(key))),
    list: () => listMarkers(options),
  },
});

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
 * Whoever comes second gets what the first one wrote. Where the answer is lost, the file tells whether it was written,
 * and by whom: it is read like a winner's.
 */
async function createFact<K extends FactKind>(
  options: VolumeFactsOptions,
  ref: FactRef<K>,
  fact: FactOf<K>,
): Promise<Stored<FactOf<K>>> {
  const { text, fact: kept } = factText(ref, fact);
  const content = Buffer.from(text);
  try {
    const created = await options.files.create(pathIn(options, ref.path), content);
    if (created === "created") return { fact: kept, sha256: sha256Of(content) };
  } catch (error) {
    if (!(error instanceof PlatformTroubleError) || !mayHaveHappened(error)) throw error;
    const winner = await readFact(options, ref).catch(() => undefined);
    if (winner !== undefined) return winner;
    throw error;
  }
  const winner = await readFact(options, ref);
  if (winner !== undefined) return winner;
  throw new PlatformTroubleError(
    `Databricks says that ${pathIn(options, ref.path)} exists, and cannot find it`,
  );
}

const stored = <K extends FactKind>(ref: FactRef<K>, content: Uint8Array): Stored<FactOf<K>> => ({
  fact: factOf(ref, content),
  sha256: sha256Of(content),
});

const sha256Of = (content: Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");

async function readBytes(
  options: VolumeFactsOptions,
  path: string,
): Promise<Uint8Array | undefined> {
  const file = await options.files.read(pathIn(options, path), FACT_BYTES_MAX);
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
  const files = await options.files.list(pathIn(options, MARKERS_FOLDER));
  return files.flatMap(({ name, modifiedMs }) => {
    const key = markerKeyOf(name);
    return key === undefined ? [] : [{ key, modifiedMs }];
  });
}

// No dots alone, no slashes, nothing that needs encoding: docs/facts/aws.md#dots-survive-encoding
const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;

function pathIn({ factsVolume }: VolumeFactsOptions, path: string): string {
  if (path.split("/").every((segment) => SEGMENT.test(segment))) return `${factsVolume}/${path}`;
  throw new Error(`${JSON.stringify(path.slice(0, 200))} is no path of a fact`);
}
