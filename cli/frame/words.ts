// Times and lengths of time in words.

/** `95 s`, `12 min`, `3.5 h`, `4.0 days`. */
export function agoOf(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${(seconds / 3_600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} days`;
}

/** `42.5 s`, `3 min 20 s`, `2 h 5 min`. */
export function lengthOf(seconds: number): string {
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`;
  const minutes = Math.floor(seconds / 60);
  const [whole, rest] =
    minutes < 60
      ? [`${minutes} min`, Math.round(seconds - minutes * 60)]
      : [`${Math.floor(minutes / 60)} h`, minutes % 60];
  return rest === 0 ? whole : `${whole} ${rest} ${minutes < 60 ? "s" : "min"}`;
}

/** `06:10:03` in UTC. */
export const clockOf = (iso: string): string => iso.slice(11, 19);

export const plural = (n: number, one: string, more = `${one}s`): string =>
  `${n} ${n === 1 ? one : more}`;
