// Every method of every port, and how often each of them broke in each way. A method that is added
// to ports.ts and not to these tables does not compile; what is written there and never breaks
// fails the test.
import { readFileSync } from "node:fs";
import type * as ports from "../../shared/ports.ts";

export type Ports = ports.FactsPort &
  ports.PlansPort &
  ports.FactRemovalPort &
  ports.MarkersPort &
  ports.HintsPort &
  ports.VolumesPort &
  ports.JobsPort &
  ports.IdentityPort &
  ports.QueuesPort &
  ports.DeadLettersPort &
  ports.LedgerPort &
  ports.EventsPort &
  ports.ClockPort &
  ports.DigestPort &
  ports.RandomPort &
  ports.InflatePort &
  ports.LogPort &
  ports.WorkloadsPort &
  ports.PlanePort &
  ports.SettingsPort;

type Callable = (...args: never[]) => unknown;
type Names<P, Wanted> = {
  [K in keyof P & string]: P[K] extends Callable
    ? P[K] extends Wanted
      ? K
      : never
    : {
        [M in keyof P[K] & string]: P[K][M] extends Wanted ? `${K}.${M}` : never;
      }[keyof P[K] & string];
}[keyof P & string];

/** The methods that go over a wire, except time. */
export type PortMethod = Exclude<
  Names<Ports, (...args: never[]) => Promise<unknown>>,
  keyof typeof spared
>;
/** The systems that can be down for hours, all of it at once. */
export type System = "files" | "jobs" | "sqs" | "sql" | "bus";

/** Methods that the simulation replaces and does not break, each with the reason. */
export const spared = {
  "clock.nowMs": "time itself; it jumps, but it does not fail",
  "clock.timer": "time itself; it rings in time, or its function is dead",
  "clock.sleep": "time itself; the function that sleeps is cut off and killed",
  sha256: "pure",
  hmacSha256: "pure",
  inflate: "pure",
  randomHex: "chance itself, drawn from the seed",
  log: "writes to the function's own output and never fails",
  "workloads.names": "bundled with the function, read before the first message",
  "workloads.recipe": "bundled with the function, read before the first message",
  "workloads.file": "bundled with the function, read before the first message",
} as const satisfies Partial<Record<Names<Ports, Callable>, string>>;

export const systemOf = {
  "facts.read": "files",
  "facts.create": "files",
  "facts.list": "files",
  "facts.remove": "files",
  "facts.removeFolder": "files",
  "plans.put": "files",
  "plans.list": "files",
  "plans.remove": "files",
  "plans.removeFolder": "files",
  "markers.read": "files",
  "markers.write": "files",
  "markers.remove": "files",
  "markers.list": "files",
  "hints.read": "files",
  "hints.write": "files",
  "volumes.read": "files",
  "plane.id": "files",
  "jobs.submit": "jobs",
  "jobs.get": "jobs",
  "jobs.output": "jobs",
  "jobs.find": "jobs",
  "jobs.listActive": "jobs",
  "jobs.cancel": "jobs",
  "identity.own": "jobs",
  "queues.send": "sqs",
  "deadLetters.send": "sqs",
  "ledger.merge": "sql",
  "events.announce": "bus",
  "events.reject": "bus",
} as const satisfies Record<PortMethod, System>;

export const portMethods = Object.keys(systemOf) as PortMethod[];

/** The ways in which a call goes wrong. */
const mishaps = [
  "fails before its effect",
  "fails after its effect",
  "lands late",
  "killed before its effect",
  "killed after its effect",
] as const;
export type Mishap = (typeof mishaps)[number];

export type Coverage = {
  readonly calls: Record<PortMethod, number>;
  readonly fired: Record<PortMethod, Record<Mishap, number>>;
};

export const createCoverage = (): Coverage => ({
  calls: each(() => 0),
  fired: each(() => Object.fromEntries(mishaps.map((mishap) => [mishap, 0])) as never),
});

const each = <T>(make: () => T): Record<PortMethod, T> =>
  Object.fromEntries(portMethods.map((method) => [method, make()])) as never;

export function addCoverage(sum: Coverage, more: Coverage): void {
  for (const method of portMethods) {
    sum.calls[method] += more.calls[method];
    for (const mishap of mishaps) sum.fired[method][mishap] += more.fired[method][mishap];
  }
}

/** The pairs of method and mishap that never happened. */
export const neverFired = (coverage: Coverage): readonly string[] =>
  portMethods.flatMap((method) =>
    mishaps
      .filter((mishap) => coverage.fired[method][mishap] === 0)
      .map((mishap) => `${method} ${mishap}`),
  );

export function coverageTable(coverage: Coverage): string {
  const heads = ["calls", ...mishaps];
  const rows = portMethods.map((method) => {
    const counts = [
      coverage.calls[method],
      ...mishaps.map((mishap) => coverage.fired[method][mishap]),
    ];
    return method.padEnd(18) + counts.map((n, i) => String(n).padStart(widthOf(heads[i]))).join("");
  });
  const head = " ".repeat(18) + heads.map((text) => text.padStart(widthOf(text))).join("");
  return [head, ...rows].join("\n");
}

const widthOf = (head = ""): number => Math.max(9, head.length + 2);

/**
 * The methods of every port interface, as the text of ports.ts (and seed.ts) has them:
 * `facts.read`, …, `sha256`.
 */
export function methodsInText(): readonly string[] {
  const text = textOf("ports") + textOf("domain/seed");
  const bodies = text.matchAll(
    /^export (?:interface \w+Port|type Digests)[^{]*\{\n([\s\S]*?)^\}/gm,
  );
  return [...bodies].flatMap(([, body = ""]) => methodsOfBody(text, body));
}

const textOf = (name: string): string =>
  readFileSync(new URL(`../../shared/${name}.ts`, import.meta.url), "utf8");

/** A property is a method, an object of methods, or an object whose type has a name of its own. */
function methodsOfBody(text: string, body: string): readonly string[] {
  return [...body.matchAll(/^ {2}readonly (\w+): (\{.*|\(.*|\w+;)/gm)].flatMap((property) => {
    const [, name = "", rest = ""] = property;
    if (rest.startsWith("(")) return [name];
    const oneLine = /^\{ readonly (\w+):/.exec(rest);
    if (oneLine !== null) return [`${name}.${oneLine[1]}`];
    if (rest.endsWith(";")) {
      const named = new RegExp(`^type ${rest.slice(0, -1)} = \\{\n([\\s\\S]*?)^\\}`, "m").exec(
        text,
      );
      return methodsOfBody(text, named?.[1] ?? "").map((method) => `${name}.${method}`);
    }
    const inner = body.slice(property.index).split(/^ {2}\}/m)[0] ?? "";
    return [...inner.matchAll(/^ {4}readonly (\w+): [(<]/gm)].map((m) => `${name}.${m[1]}`);
  });
}
