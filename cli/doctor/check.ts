// A check of the doctor: one question, one sentence as the answer, and what to do if it is not the right one.
import { messageOf } from "../../shared/domain/body.ts";

export type Finding =
  | { readonly status: "ok"; readonly sentence: string }
  /** `warn`: it works, and should not stay so. `fail`: runs would not end as they must. `skipped`: could not be looked at. */
  | {
      readonly status: "warn" | "fail" | "skipped";
      readonly sentence: string;
      readonly remedy: string;
    };

export type Check = {
  readonly id: string;
  /** What to do if looking itself fails. */
  readonly remedy: string;
  /** The id of a check before it: where that one is not content, this one would only say the same again. */
  readonly needs?: string;
  readonly look: () => Promise<Finding>;
};

export type Answer = Finding & {
  readonly id: string;
  /** The id of the check for the sake of which this one was left out. */
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

/** Looks at everything, one after the other: a check that throws has failed, and those that do not need it go on. */
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

/** The same checks, of which all others need the first. */
export const afterTheFirst = ([first, ...others]: readonly Check[]): readonly Check[] =>
  first === undefined ? [] : [first, ...others.map((check) => ({ needs: first.id, ...check }))];

/** Not being allowed to look says nothing about what is there. */
function ofError(error: unknown, remedy: string): Finding {
  const isDenied =
    error instanceof Error && /AccessDenied|NotAuthorized|AuthorizationError/.test(error.name);
  return isDenied
    ? skipped(
        `you may not look: ${error.message}`,
        "run the doctor as somebody who may read the stack",
      )
    : fail(messageOf(error), remedy);
}

/** For people: a sign, the answer, and the remedy below it, which is not said again for what was left out. */
export function linesOf(answer: Answer): readonly string[] {
  const sign = { ok: "ok  ", warn: "WARN", fail: "FAIL", skipped: "skip" }[answer.status];
  const first = `${sign}  ${answer.id}: ${answer.sentence}`;
  const isEnough = answer.status === "ok" || answer.after !== undefined;
  return isEnough ? [first] : [first, `      → ${answer.remedy}`];
}

/** For scripts: a failure is one; what could not be looked at, or only should be better, is none. */
export const isHealthy = (answers: readonly Answer[]): boolean =>
  answers.every(({ status }) => status !== "fail");

/** For scripts: the field has been called `said` since the first version. */
export const toJson = ({ id, status, sentence, ...more }: Answer) => ({
  ...{ id, status, sentence },
  ...more,
});
