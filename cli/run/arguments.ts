// Arguments and options that several commands about runs have.
import { Argument, InvalidArgumentError } from "@commander-js/extra-typings";
import { RunId } from "../../shared/domain/messages.ts";

/** @throws InvalidArgumentError */
function runId(text: string): string {
  const parsed = RunId.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError(
    "a run's id must begin with a letter or digit and have at most 64 letters, digits, dots, dashes and underscores.",
  );
}

export const runIdArgument = () =>
  new Argument("<run_id>", "the run's id, which is its ticket's").argParser(runId);
