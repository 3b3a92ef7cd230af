// MarkersPort over memory: one small file for each open chapter, overwritten by each touch.
import {
  MARKERS_FOLDER,
  markerKeyOf,
  markerOf,
  markerPath,
  markerText,
} from "../../../shared/adapters/fact-text.ts";
import type { ClockPort, MarkersPort } from "../../../shared/ports.ts";
import type { MemoryFiles } from "./files.ts";

const FOLDER = `${MARKERS_FOLDER}/`;

export const createMemoryMarkers = (files: MemoryFiles, { clock }: ClockPort): MarkersPort => ({
  markers: {
    read: async (key) => {
      const path = markerPath(key);
      const file = files.get(path);
      return file && markerOf(path, file.content);
    },
    write: async (marker) => {
      files.set(markerPath(marker), {
        content: Buffer.from(markerText(marker)),
        modifiedMs: clock.nowMs(),
      });
    },
    remove: async (key) => {
      files.delete(markerPath(key));
    },
    list: async () =>
      [...files].flatMap(([path, { modifiedMs }]) => {
        const key = path.startsWith(FOLDER) ? markerKeyOf(path.slice(FOLDER.length)) : undefined;
        return key === undefined ? [] : [{ key, modifiedMs }];
      }),
  },
});
