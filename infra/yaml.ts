// Files that people write: whatever is wrong with one is said in a sentence.
import { parse } from "yaml";
import { messageOf } from "../shared/domain/body.ts";

/** @throws what `errorOf` makes of the fault: also an alias that leads nowhere, or that grows beyond all bounds. */
export function parseYaml(
  source: string,
  errorOf: (fault: string, options: ErrorOptions) => Error,
): unknown {
  try {
    return parse(source);
  } catch (error) {
    const [fault] = messageOf(error).split("\n");
    throw errorOf(`is not YAML: ${fault}`, { cause: error });
  }
}
