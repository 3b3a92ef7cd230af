// Facts and rows for the contracts: valid, and small.
import type { Marker, OutcomeFact, StopFact } from "../../shared/domain/facts.ts";

export const AT = "2026-11-21T06:00:00.000Z";

export const stopFact = (more: Partial<StopFact> = {}): StopFact => ({
  v: 1,
  run_id: "ORD-1",
  chapter: 1,
  reason: "enough",
  by: "somebody",
  stopped_at: AT,
  ...more,
});

export const outcomeFact = (more: Partial<OutcomeFact> = {}): OutcomeFact => ({
  v: 1,
  run_id: "ORD-1",
  chapter: 1,
  iter_n: 1,
  attempt: 1,
  workload: "weather-report",
  mode: "PROD",
  outcome: "succeeded",
  reason: "run and result say SUCCESS",
  metrics: { rmse: 1.25 },
  run_url: null,
  result_path: null,
  ended_at: AT,
  ...more,
});

export const marker = (more: Partial<Marker> = {}): Marker => ({
  v: 1,
  run_id: "ORD-1",
  chapter: 1,
  number: 0,
  heals: 0,
  touched_at: AT,
  ...more,
});
