// A check of the doctor: one question, one sentence as the answer, and what to do if it is not the right one.
import { messageOf } from "../../shared/domain/body.ts";

export type Finding =
  | { readonly status: "ok"; readonly said: string }
  /** `warn`: it works, and should not stay so. `fail`: runs would not end as they must. `skipped`: could not be looked at. */
  | {
      readonly status: "warn" | "fail" | "skipped";
      readonly said: string;
      readonly remedy: string;
    };

export type Check = {
  readonly id: string;
  /** What to do if looking itself fails. */
  readonly remedy: string;
  readonly look: () => Promise<Finding>;
};

export type Answer = Finding & { readonly id: string };

export const ok = (said: string): Finding => ({ status: "ok", said });
export const warn = (said: string, remedy: string): Finding => ({ status: "warn", said, remedy });
export const fail = (said: string, remedy: string): Finding => ({ status: "fail", said, remedy });
export const skipped = (said: string, remedy: string): Finding => ({
  status: "skipped",
  said,
  remedy,
});

/** Looks at everything, one after the other: a check that throws has failed, and the others go on. */
export async function lookAtAll(
  checks: readonly Check[],
  onAnswer: (answer: Answer) => void,
): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  for (const { id, remedy, look } of checks) {
    const finding = await look().catch((error: unknown) => ofError(error, remedy));
    const answer = { id, ...finding };
    onAnswer(answer);
    answers.push(answer);
  }
  return answers;
}

/** Not being allowed to look says nothing about what is there. */
function ofError(error: unknown, remedy: string): Finding {
  const isDenied = error instanceof Error && /AccessDenied|NotAuthorized/.test(error.name);
  return isDenied
    ? skipped(
        `you may not look: ${error.message}`,
        "run the doctor as somebody who may read the stack",
      )
    : fail(messageOf(error), remedy);
}

/** For people: a sign, the answer, and the remedy below it. */
export function linesOf(answer: Answer): readonly string[] {
  const sign = { ok: "ok  ", warn: "WARN", fail: "FAIL", skipped: "skip" }[answer.status];
  const first = `${sign}  ${answer.id}: ${answer.said}`;
  return answer.status === "ok" ? [first] : [first, `      → ${answer.remedy}`];
}

/** For scripts: a failure is one; what could not be looked at, or only should be better, is none. */
export const isHealthy = (answers: readonly Answer[]): boolean =>
  answers.every(({ status }) => status !== "fail");
