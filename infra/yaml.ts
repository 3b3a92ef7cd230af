// Reads files that people write. Each fault is reported in a sentence.
import { strictYaml } from "../shared/adapters/strict-yaml.ts";
import { messageOf } from "../shared/domain/body.ts";

/**
 * @throws the error that `errorOf` makes of a fault, also of a text that would be read as something
 *   else than it says
 */
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
