// Failing on demand: which fault, if any, strikes a request, and what it looks like.
import { randomInt } from "node:crypto";
import * as z from "zod";
import { routePattern } from "./request-log.ts";

/** The body of `POST $DATABRICKS_WORKSPACE_ADMIN/faults`. */
export const FaultRequest = z.strictObject({
  /** `POST /api/2.2/jobs/runs/submit`, `runs/submit` (any version), `*` for anything. */
  route: z.string().min(1),
  /**
   * before: then the request goes on, unless the fault answers it or ends it (the effect does not happen)
   * after: the effect happens, its answer is lost or replaced
   * instead: the request is never carried out
   */
  when: z.enum(["before", "after", "instead"]).default("instead"),
  kind: z
    .enum([
      "answer",
      "delay",
      "reset",
      "hang",
      "drip",
      "html",
      "integer_error_code",
      "wrong_content_length",
      "expired_token",
    ])
    .optional(),
  status: z.number().int().min(200).max(599).optional(),
  /** Text goes out as it is, anything else as JSON. */
  body: z.unknown().optional(),
  headers: z.record(z.string(), z.string()).default({}),
  delay_ms: z.number().int().min(0).max(600_000).default(0),
  /** For `drip`: real milliseconds between two bytes. */
  drip_ms: z.number().int().min(1).max(10_000).default(20),
  /** How often it strikes; without it, until it is deleted. */
  times: z.number().int().min(1).optional(),
  /** How many matching requests pass before it begins to strike. */
  skip: z.number().int().min(0).default(0),
  probability: z.number().min(0).max(1).default(1),
  /** The same seed strikes the same requests of a sequence. */
  seed: z.number().int().min(0).max(0xffff_ffff).optional(),
});
export type FaultRequest = z.infer<typeof FaultRequest>;

type FaultKind = NonNullable<FaultRequest["kind"]>;

export type Fault = Omit<FaultRequest, "kind" | "seed"> & {
  readonly id: string;
  readonly kind: FaultKind;
  readonly seed: number;
};

export type Faults = {
  /** @throws never; the request has been checked */
  readonly add: (request: FaultRequest) => Fault;
  readonly list: () => readonly (Fault & { readonly seen: number; readonly struck: number })[];
  /** All of them, or the one with this id. Returns how many went. */
  readonly remove: (id?: string) => number;
  /** The fault that strikes this request; counts it. The first one added wins. */
  readonly strike: (method: string, path: string, route: string) => Fault | undefined;
};

export function createFaults(): Faults {
  const active = new Map<string, Armed>();
  let lastId = 0;
  return {
    add: (request) => {
      lastId += 1;
      const seed = request.seed ?? randomInt(2 ** 32);
      const fault = { ...request, id: `f${lastId}`, kind: kindOf(request), seed };
      const pattern = routePattern(request.route);
      active.set(fault.id, { fault, pattern, draw: mulberry32(seed), seen: 0, struck: 0 });
      return fault;
    },
    list: () => [...active.values()].map(({ fault, seen, struck }) => ({ ...fault, seen, struck })),
    remove: (id) => {
      const removed = id === undefined ? active.size : Number(active.delete(id));
      if (id === undefined) active.clear();
      return removed;
    },
    strike: (method, path, route) => {
      for (const armed of active.values()) {
        const hit = [path, route].some((text) => armed.pattern.test(`${method} ${text}`));
        if (hit && strikes(armed)) return armed.fault;
      }
      return undefined;
    },
  };
}

type Armed = {
  readonly fault: Fault;
  readonly pattern: RegExp;
  readonly draw: () => number;
  seen: number;
  struck: number;
};

function strikes(armed: Armed): boolean {
  const { fault } = armed;
  if (fault.times !== undefined && armed.struck >= fault.times) return false;
  armed.seen += 1;
  if (armed.seen <= fault.skip) return false;
  // Drawn for each request, also at probability 1, so that a changed probability does not shift the sequence.
  if (armed.draw() >= fault.probability) return false;
  armed.struck += 1;
  return true;
}

function kindOf(request: FaultRequest): FaultKind {
  if (request.kind !== undefined) return request.kind;
  const answers = request.status !== undefined || request.body !== undefined;
  if (answers) return "answer";
  return request.delay_ms > 0 && request.when !== "instead" ? "delay" : "answer";
}

/** The answer that a fault gives in place of the real one; absent for those that only disturb its transport. */
export function faultAnswer(
  fault: Fault,
): { status: number; headers: Record<string, string>; body: unknown } | undefined {
  const headers = { ...fault.headers };
  switch (fault.kind) {
    case "answer":
      return {
        status: fault.status ?? (fault.body === undefined ? 500 : 200),
        headers,
        body: fault.body ?? defaultBody(fault.status ?? 500),
      };
    case "html":
      return {
        status: fault.status ?? 503,
        headers: { "content-type": "text/html; charset=utf-8", ...headers },
        body: fault.body ?? HTML,
      };
    case "integer_error_code": {
      const status = fault.status ?? 401;
      return { status, headers, body: fault.body ?? { error_code: status, message: MESSAGE } };
    }
    case "expired_token": {
      const status = fault.status ?? 401;
      return {
        status,
        headers,
        body: fault.body ?? { error_code: status, message: "Access token is expired." },
      };
    }
    case "delay":
    case "reset":
    case "hang":
    case "drip":
    case "wrong_content_length":
      return undefined;
  }
}

const MESSAGE = "A fault was injected here.";
const HTML = `<!DOCTYPE html><html><head><title>Service Unavailable</title></head>
<body><h2>HTTP ERROR 503</h2><pre>Service Unavailable: a fault was injected here.</pre></body></html>`;

// The platform's codes by status, so that a client's error classes are exercised without a body being spelled out.
const codes: Readonly<Record<number, string>> = {
  400: "INVALID_PARAMETER_VALUE",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "RESOURCE_DOES_NOT_EXIST",
  409: "ALREADY_EXISTS",
  429: "REQUEST_LIMIT_EXCEEDED",
  500: "INTERNAL_ERROR",
  503: "TEMPORARILY_UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

const defaultBody = (status: number) => ({
  error_code: codes[status] ?? "UNKNOWN",
  message: MESSAGE,
});

/** Mulberry32: small, seeded, good enough to choose which requests fail. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
