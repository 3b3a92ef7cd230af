// Files that people write: whatever is wrong with one is said in a sentence.
import { strictYaml } from "../shared/adapters/strict-yaml.ts";
import { messageOf } from "../shared/domain/body.ts";

/** @throws what `errorOf` makes of the fault: also of what would be read as something else than what stands there. */
export function parseYaml(
  source: string,
  errorOf: (fault: string, options: ErrorOptions) => Error,
): unknown {
  try {
    return strictYaml(source);
  } catch (error) {
    throw errorOf(`is not YAML that can be read: ${messageOf(error)}`, { cause: error });
  }
}
