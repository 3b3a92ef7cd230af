// Limits as people type them.
import * as z from "zod";
import { faultsOf } from "../../shared/domain/body.ts";
import { Limits } from "../../shared/domain/contract.ts";
import { UsageError } from "../usage.ts";

const Some = z.strictObject(Limits.shape).partial();

/** `limits.attempts=2`, or `attempts=2` → what a message has. @throws UsageError */
export function limitsOf(given: readonly string[] = []): Partial<Limits> {
  const entries = given.map((each) => {
    const match = /^(?:limits\.)?([a-z_]+)=([0-9]{1,9})$/.exec(each);
    if (match === null)
      throw new UsageError(
        `--set ${each}: say limits.<name>=<number>, where <name> is ${Object.keys(Limits.shape).join(", ")}`,
      );
    return [match[1], Number(match[2])] as const;
  });
  const parsed = Some.safeParse(Object.fromEntries(entries));
  if (parsed.success) return parsed.data as Partial<Limits>;
  throw new UsageError(`--set: ${faultsOf(parsed.error)}`);
}
