// The volumes: facts that are created once and read strongly, markers that are overwritten,
// listings that show the world as it was some seconds ago, and what executors and people leave
// elsewhere.
import { factText } from "../../shared/adapters/fact-text.ts";
import { PoisonMessageError } from "../../shared/domain/errors.ts";
import {
  type ChapterKey,
  type FactKind,
  type FactOf,
  type FactRef,
  factRef,
  type Marker,
} from "../../shared/domain/facts.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import type {
  Created,
  FactEntry as FolderEntry,
  MarkerListing,
  Stored,
  VolumeFile,
} from "../../shared/ports.ts";
import type { VirtualClock } from "./clock.ts";
import { sha256Of } from "./digest.ts";
import { entriesIn } from "./folders.ts";
import { deepFreeze } from "./freeze.ts";
import { createMarkers } from "./markers.ts";
import type { Caller } from "./port-call.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";
import type { Weather } from "./weather.ts";

export type FactEntry<K extends FactKind = FactKind> = {
  readonly ref: FactRef<K>;
  readonly fact: FactOf<K>;
  readonly text: string;
  readonly atMs: number;
  /** When the invocation began that created it. */
  readonly sinceMs: number;
};

export type Files = {
  readonly get: <K extends FactKind>(ref: FactRef<K>) => FactEntry<K> | undefined;
  readonly all: () => Iterable<FactEntry>;
  readonly read: <K extends FactKind>(ref: FactRef<K>) => Stored<FactOf<K>> | undefined;
  readonly create: <K extends FactKind>(
    ref: FactRef<K>,
    fact: FactOf<K>,
    caller: Caller,
  ) => Created<FactOf<K>>;
  /** The plans volume: what executors and people may read. */
  readonly plans: Plans;
  readonly markers: ReadonlyMap<string, Marker>;
  readonly readMarker: (key: ChapterKey) => Marker | undefined;
  readonly writeMarker: (marker: Marker, caller: Caller) => void;
  readonly removeMarker: (key: ChapterKey, caller: Caller) => void;
  readonly listMarkers: () => readonly MarkerListing[];
  /** Other volumes: what lies at a path, as it is at that moment. */
  readonly volumes: Map<string, () => Uint8Array | undefined>;
  readonly readVolume: (path: string, bytesMax: number) => VolumeFile;
  /** The entries of a folder, and those removed from it a moment ago. */
  readonly list: (folder: string) => readonly FolderEntry[];
  readonly isEmpty: (folder: string) => boolean;
  readonly remove: (path: string) => void;
  /** When a fact was deleted. */
  readonly removedMs: (path: string) => number | undefined;
  /**
   * An open chapter whose ticket somebody has spoilt: nothing can be done for it, nor because of
   * it.
   */
  readonly layTorn: (run_id: string, touchedMs: number) => void;
  /** Lays a fact or a planned file of a run of long ago: `all` passes over them. */
  readonly layAncient: (path: string, entry: FactEntry | undefined) => void;
  /** Lays a fact of a run that goes on: it was there when the world began. */
  readonly layFact: (entry: FactEntry) => void;
  readonly ancientPaths: () => Iterable<string>;
  readonly onRemoved: ((path: string, isAncient: boolean) => void)[];
  readonly onFact: ((entry: FactEntry) => void)[];
  readonly onMarkerWritten: ((marker: Marker, caller: Caller) => void)[];
  /** With the time of its last write. */
  readonly onMarkerRemoved: ((key: ChapterKey, caller: Caller, writtenMs: number) => void)[];
};

type Deps = {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly weather: Weather;
  readonly trace: Trace;
};

export function createFiles(deps: Deps): Files {
  const { clock, trace } = deps;
  const facts = new Map<string, FactEntry>();
  const ancient = new Map<string, FactEntry | undefined>();
  const torn = new Set<string>();
  const volumes: Files["volumes"] = new Map();
  const onFact: Files["onFact"] = [];
  const markers = createMarkers(deps);
  const get = <K extends FactKind>(ref: FactRef<K>): FactEntry<K> | undefined =>
    (ancient.get(ref.path) ?? facts.get(ref.path)) as FactEntry<K> | undefined;
  return {
    get,
    all: () => facts.values(),
    read: (ref) => {
      if (torn.has(ref.path)) throw new PoisonMessageError(`the fact ${ref.path} is no JSON`);
      const entry = get(ref);
      return entry && storedOf(entry);
    },
    create: (ref, fact, caller) => {
      const had = get(ref);
      if (had !== undefined) return { ...storedOf(had), isNew: false };
      const { text, fact: kept } = factText(ref, fact);
      const entry = {
        ref,
        fact: deepFreeze(kept),
        text,
        atMs: clock.nowMs(),
        sinceMs: caller.sinceMs,
      };
      facts.set(ref.path, entry as unknown as FactEntry);
      trace.mix(text.length, facts.size);
      trace.say(() => `✎ ${ref.path} ${JSON.stringify(fact)}`);
      for (const listener of onFact) listener(entry as unknown as FactEntry);
      return { ...storedOf(entry), isNew: true };
    },
    plans: createPlans(deps),
    ...createFolders(deps, [ancient, facts]),
    layAncient: (path, entry) => void ancient.set(path, entry),
    layFact: (entry) => void facts.set(entry.ref.path, entry),
    ancientPaths: () => ancient.keys(),
    layTorn: (run_id, touchedMs) => {
      torn.add(factRef.ticket(run_id).path);
      markers.layMarker(freshMarker({ run_id, chapter: 1 }, touchedMs));
    },
    ...markers,
    volumes,
    readVolume: (path, bytesMax) => {
      const content = volumes.get(path)?.();
      if (content === undefined) return { kind: "absent" };
      return content.byteLength > bytesMax
        ? { kind: "too-large", bytes: content.byteLength }
        : { kind: "found", content };
    },
    onFact,
  };
}

/** Paths are relative to the plans volume. */
type Plans = Pick<Files, "list" | "isEmpty" | "remove" | "onRemoved"> & {
  /** A file at the path stays as it is. */
  readonly put: (path: string, content: Uint8Array) => void;
  readonly get: (path: string) => Uint8Array | undefined;
  readonly all: () => Iterable<readonly [path: string, content: Uint8Array]>;
  /** Somebody put other bytes where some were. */
  readonly onDispute: ((path: string) => void)[];
};

function createPlans(deps: Deps): Plans {
  const stored = new Map<string, Uint8Array>();
  const onDispute: Plans["onDispute"] = [];
  return {
    ...createFolders(deps, [stored]),
    onDispute,
    get: (path) => stored.get(path),
    all: () => stored,
    put: (path, content) => {
      const had = stored.get(path);
      if (had === undefined) stored.set(path, content);
      else if (Buffer.compare(had, content) !== 0) for (const listener of onDispute) listener(path);
      deps.trace.mix(content.byteLength, stored.size);
      deps.trace.say(() => `✎ plans/${path}`);
    },
  };
}

type Paths = Pick<ReadonlyMap<string, unknown>, "keys"> & Pick<Map<string, unknown>, "delete">;

/** Folders are where paths go through; the first store is that of long ago. */
function createFolders({ clock, weather, trace }: Deps, stores: readonly [Paths, ...Paths[]]) {
  const removedMs = new Map<string, number>();
  const onRemoved: Files["onRemoved"] = [];
  const present = (): readonly string[] => stores.flatMap((store) => [...store.keys()]);
  return {
    onRemoved,
    list: (folder: string) => {
      const sinceMs = clock.nowMs() - weather.lagMsMax / 2;
      const ghosts = [...removedMs].filter(([, atMs]) => atMs > sinceMs).map(([path]) => path);
      return entriesIn([...present(), ...ghosts], folder);
    },
    removedMs: (path: string) => removedMs.get(path),
    isEmpty: (folder: string) => entriesIn(present(), folder).length === 0,
    remove: (path: string) => {
      const store = stores.find((one) => one.delete(path));
      if (store === undefined) return;
      removedMs.set(path, clock.nowMs());
      trace.mix(path.length, removedMs.size);
      trace.say(() => `␡ ${path}`);
      for (const listener of onRemoved) listener(path, store === stores[0]);
    },
  };
}

/** Made once for each fact; spreading it would make the digest of a getter again and again. */
const storedByEntry = new WeakMap<object, Stored<unknown>>();
function storedOf<K extends FactKind>(entry: FactEntry<K>): Stored<FactOf<K>> {
  const had = storedByEntry.get(entry) as Stored<FactOf<K>> | undefined;
  if (had !== undefined) return had;
  const stored = { fact: entry.fact, sha256: sha256Of(entry.text), text: entry.text };
  storedByEntry.set(entry, stored);
  return stored;
}
