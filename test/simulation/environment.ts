// One warm execution environment of a Lambda function. It handles one batch at a time; between two
// it is frozen, with whatever it left unfinished; it can die at any moment, and then nothing in it
// ever goes on.
import type { QueueName, ServiceName } from "../../shared/topology.ts";

export type Environment = {
  readonly id: number;
  readonly name: string;
  readonly service: ServiceName;
  /** It knows what was deployed then. */
  readonly bornMs: number;
  /** Tells the world that promises were settled, so that it lets the handlers run. */
  readonly pulse: Pulse;
  /** How far its clock is ahead of everybody else's. */
  readonly skewMs: number;
  /**
   * What the invocation that runs here is for; mixed, where work of an earlier one goes on beside
   * it.
   */
  purpose: QueueName | "schedule" | "mixed";
  /** Messages of this invocation that it has logged as failed. */
  readonly failed: Set<string>;
  isDead: boolean;
  isRunning: boolean;
  /** Calls without an answer yet. */
  pending: number;
  /** When the oldest invocation began whose work may still be going on here. */
  sinceMs: number;
  /** Answers that came while it was frozen. */
  readonly frozen: (() => void)[];
  /** Ends the invocation that runs here. */
  onDeath: (() => void) | undefined;
};

/** True when a promise was settled in this event. */
export type Pulse = { hasBeat: boolean };

/** Gives an answer to the code in the environment: now, or when it is thawed, or never. */
export function resume(env: Environment, answer: () => void): void {
  if (env.isDead) return;
  if (!env.isRunning) {
    env.frozen.push(answer);
    return;
  }
  env.pulse.hasBeat = true;
  answer();
}

export function die(env: Environment): void {
  if (env.isDead) return;
  env.isDead = true;
  env.isRunning = false;
  env.onDeath?.();
  env.onDeath = undefined;
}

/** A new invocation begins: what was frozen goes on beside it. */
export function thaw(env: Environment, purpose: Environment["purpose"], nowMs: number): void {
  env.purpose = env.pending === 0 ? purpose : "mixed";
  if (env.pending === 0) env.sinceMs = nowMs;
  env.failed.clear();
  env.isRunning = true;
  env.pulse.hasBeat = true;
  for (const answer of env.frozen.splice(0)) answer();
}
