// The workspace's requests: the last ones in full, and counts of all of them.

export type LoggedRequest = {
  readonly id: number;
  readonly at: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** The route's pattern; absent when there is none (501). */
  readonly route?: string;
  readonly status: number | null;
  readonly duration_ms: number;
  readonly principal?: string;
  readonly user_agent?: string;
  /** From the query, the body or the answer. Text, because ids may be beyond 2^53. */
  readonly run_id?: string;
  /** The id of the fault that was injected. */
  readonly fault?: string;
};

export type RequestFilter = {
  readonly route?: string;
  readonly runId?: string;
  readonly method?: string;
  readonly status?: number;
};

export type RequestLog = {
  readonly nextId: () => number;
  readonly record: (request: LoggedRequest) => void;
  readonly find: (filter: RequestFilter) => readonly LoggedRequest[];
  /** Since the start or the last `clear`, also of those no longer held. */
  readonly counts: () => {
    readonly total: number;
    readonly routes: Record<string, number>;
    readonly statuses: Record<string, number>;
  };
  /** Forgets what was asked until now, also what is still being answered. */
  readonly clear: () => void;
};

const HELD_MAX = 10_000;

export function createRequestLog(): RequestLog {
  let held: LoggedRequest[] = [];
  let total = 0;
  let lastId = 0;
  let clearedId = 0;
  const routes = new Map<string, number>();
  const statuses = new Map<string, number>();
  const count = (counts: Map<string, number>, key: string) =>
    counts.set(key, (counts.get(key) ?? 0) + 1);
  return {
    nextId: () => {
      lastId += 1;
      return lastId;
    },
    record: (request) => {
      if (request.id <= clearedId) return;
      held.push(request);
      if (held.length > HELD_MAX * 1.25) held = held.slice(-HELD_MAX);
      total += 1;
      count(routes, `${request.method} ${request.route ?? request.path}`);
      count(statuses, request.status === null ? "none" : String(request.status));
    },
    find: (filter) => held.slice(-HELD_MAX).filter((request) => matches(request, filter)),
    counts: () => ({
      total,
      routes: Object.fromEntries([...routes].sort()),
      statuses: Object.fromEntries([...statuses].sort()),
    }),
    clear: () => {
      clearedId = lastId;
      held = [];
      total = 0;
      routes.clear();
      statuses.clear();
    },
  };
}

function matches(request: LoggedRequest, filter: RequestFilter): boolean {
  return (
    (filter.route === undefined ||
      routePattern(filter.route).test(`${request.method} ${request.path}`) ||
      (request.route !== undefined &&
        routePattern(filter.route).test(`${request.method} ${request.route}`))) &&
    (filter.runId === undefined || request.run_id === filter.runId) &&
    (filter.method === undefined || request.method === filter.method) &&
    (filter.status === undefined || request.status === filter.status)
  );
}

/**
 * `POST /api/2.2/jobs/runs/submit`, or a path alone (any method), or a part of a path that ends it
 * (`runs/submit`, any version), with `*` for anything.
 */
export function routePattern(text: string): RegExp {
  const [first = "", ...rest] = text.trim().split(/\s+/);
  const hasMethod = rest.length > 0;
  const method = hasMethod ? glob(first.toUpperCase()) : "[A-Z]+";
  const path = hasMethod ? rest.join(" ") : first;
  const anchored = path.startsWith("/") || path.startsWith("*") ? "" : "/(?:.*/)?";
  return new RegExp(`^${method} ${anchored}${glob(path)}$`);
}

const glob = (text: string) =>
  text
    .split("*")
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
