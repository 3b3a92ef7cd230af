// The platform's requests per second, one token bucket for each route, whichever version of the API is called.
import type { Route } from "../route.ts";

export type RateLimiter = {
  /** Takes one request of this route's allowance; false when there is none left. */
  readonly admit: (route: Route) => boolean;
};

export function createRateLimiter(nowMs: () => number): RateLimiter {
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  return {
    admit: (route) => {
      const perSecondMax = route.perSecondMax;
      if (perSecondMax === undefined) return true;
      const name = `${route.method} ${route.path.replace(/\/api\/\d+\.\d+/, "")}`;
      const now = nowMs();
      const bucket = buckets.get(name) ?? { tokens: perSecondMax, atMs: now };
      const earned = ((now - bucket.atMs) / 1000) * perSecondMax;
      const tokens = Math.min(perSecondMax, bucket.tokens + earned);
      const admitted = tokens >= 1;
      buckets.set(name, { tokens: admitted ? tokens - 1 : tokens, atMs: now });
      return admitted;
    },
  };
}
