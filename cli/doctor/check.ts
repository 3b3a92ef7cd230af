// A check of the doctor: one question, one sentence as the answer, and a remedy if it is not the
// right one.
import type { Stage } from "../../infra/stage.ts";
import type { Scratchpad } from "../../infra/workloads.ts";
import { DatabricksError } from "../../shared/adapters/databricks-error.ts";
import { messageOf } from "../../shared/domain/body.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import type { WorkspaceClient } from "../workspace-client.ts";

export type Finding =
  | { readonly status: "ok"; readonly sentence: string }
  /**
   * `warn`: it works, but should not stay so. `fail`: runs would not end as they must. `skipped`:
   * could not be looked at.
   */
  | {
      readonly status: "warn" | "fail" | "skipped";
      readonly sentence: string;
      readonly remedy: string;
    };

/** Everything that the checks on the Databricks side need. */
export type WorkspaceCheckOptions = {
  readonly stage: Stage;
  readonly client: WorkspaceClient;
  /**
   * Whether `client` has the functions' identity; otherwise it has the one that the environment
   * names.
   */
  readonly asControllers: boolean;
  /**
   * True for a principal that only reads, and not everything: checks that must write are left out.
   */
  readonly asOnCall?: boolean;
  /** The application ids of all executors: the stage's, and those of recipes. */
  readonly executors: readonly string[];
  /** The principal that writes each scratchpad. */
  readonly scratchpads: readonly Scratchpad[];
  /** Whether a sleeping warehouse is woken up, which costs money. */
  readonly withWarehouse: boolean;
};

export type Check = {
  readonly id: string;
  /** The remedy if looking itself fails. */
  readonly remedy: string;
  /** The id of an earlier check. Skip this check unless that one passed. */
  readonly needs?: string;
  readonly look: () => Promise<Finding>;
};

export type Answer = Finding & {
  readonly id: string;
  /** The id of the check because of which this one was left out. */
  readonly after?: string;
};

export const ok = (sentence: string): Finding => ({ status: "ok", sentence });
export const warn = (sentence: string, remedy: string): Finding => ({
  status: "warn",
  sentence,
  remedy,
});
export const fail = (sentence: string, remedy: string): Finding => ({
  status: "fail",
  sentence,
  remedy,
});
export const skipped = (sentence: string, remedy: string): Finding => ({
  status: "skipped",
  sentence,
  remedy,
});

/**
 * Makes all checks, one after the other. A check that throws has failed, and those that do not need
 * it go on.
 */
export async function lookAtAll(
  checks: readonly Check[],
  onAnswer: (answer: Answer) => void,
): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  for (const check of checks) {
    const needed = answers.find(({ id }) => id === check.needs);
    const answer = leftOut(check, needed) ?? { id: check.id, ...(await found(check)) };
    onAnswer(answer);
    answers.push(answer);
  }
  return answers;
}

function leftOut({ id }: Check, needed: Answer | undefined): Answer | undefined {
  if (needed === undefined || needed.status === "ok" || needed.status === "warn") return undefined;
  const after = needed.after ?? needed.id;
  return { id, after, ...skipped(`not looked at, because of ${after}`, needed.remedy) };
}

const found = ({ remedy, look }: Check): Promise<Finding> =>
  look().catch((error: unknown) => ofError(error, remedy));

/** The same checks; all others need the first. */
export const afterTheFirst = ([first, ...others]: readonly Check[]): readonly Check[] =>
  first === undefined ? [] : [first, ...others.map((check) => ({ needs: first.id, ...check }))];

/**
 * Not being allowed to look says nothing about what is there; a platform that does not answer
 * says nothing about the stage, either, but runs would not end as they must.
 */
function ofError(error: unknown, remedy: string): Finding {
  if (isDenied(error))
    return skipped(
      `you may not look: ${error.message}`,
      "run the doctor as somebody who may read the stack",
    );
  return fail(messageOf(error), isOutage(error) ? WAIT : remedy);
}

export const isDenied = (error: unknown): error is Error =>
  error instanceof Error && /AccessDenied|NotAuthorized|AuthorizationError/.test(error.name);

const isOutage = (error: unknown): boolean =>
  error instanceof PlatformTroubleError &&
  error.cause instanceof DatabricksError &&
  (error.cause.status >= 500 || error.cause.status === 429);

const WAIT =
  "Databricks itself is in trouble or too busy (https://status.databricks.com), and nothing of the stage need be wrong: look again when it answers";

/**
 * The flag that reverts changes made by hand. A deploy without it compares templates
 * alone: it finds no changes, and changes nothing.
 */
export const restoring = ({ stack }: Pick<Stage, "stack">): string =>
  `npx cdk deploy ${stack} --revert-drift restores it (without the flag, a deploy sees no change)`;

/**
 * For people: a sign, the answer, and the remedy below it. The remedy is not repeated for checks
 * that were left out.
 */
export function linesOf(answer: Answer): readonly string[] {
  const sign = { ok: "ok  ", warn: "WARN", fail: "FAIL", skipped: "skip" }[answer.status];
  const first = `${sign}  ${answer.id}: ${answer.sentence}`;
  const isEnough = answer.status === "ok" || answer.after !== undefined;
  return isEnough ? [first] : [first, `      → ${answer.remedy}`];
}

export type Health = {
  /** `unseen`: nothing wrong was seen, but not everything was looked at, so it is not healthy. */
  readonly kind: "healthy" | "unhealthy" | "unseen";
  /** The ids of the checks that could not be looked at. */
  readonly unseen: readonly string[];
};

export function healthOf(answers: readonly Answer[]): Health {
  const unseen = answers.flatMap(({ id, status }) => (status === "skipped" ? [id] : []));
  const isWrong = answers.some(({ status }) => status === "fail");
  return { kind: isWrong ? "unhealthy" : unseen.length > 0 ? "unseen" : "healthy", unseen };
}

/** The last line for people. */
export function sentenceOf({ kind, unseen }: Health, count: number): string {
  const missing =
    unseen.length === 0
      ? ""
      : `${unseen.length} of ${count} checks could not be made: ${unseen.join(", ")}`;
  if (kind === "healthy") return "healthy";
  if (kind === "unseen") return `nothing wrong in what you may look at; ${missing}`;
  return `NOT healthy: runs would not end as they must${missing && `; ${missing}`}`;
}

/** For scripts: the field has been called `said` since the first version. */
export const toJson = ({ id, status, sentence: said, ...more }: Answer) => ({
  ...{ id, status, said },
  ...more,
});
