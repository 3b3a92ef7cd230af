// Whether Python can read the files of a workload. Nothing of them is run.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as z from "zod";
import { messageOf } from "../../shared/domain/body.ts";
import type { Fault } from "./yaml-faults.ts";

/** Parses each file named in its arguments, and says what it cannot parse, as JSON. */
const PARSE = `
import ast, json, sys
faults = []
for path in sys.argv[1:]:
    try:
        with open(path, "rb") as file:
            ast.parse(file.read(), path)
    except SyntaxError as error:
        faults.append({"file": path, "line": error.lineno, "column": error.offset, "sentence": error.msg})
    except ValueError as error:
        faults.append({"file": path, "line": None, "column": None, "sentence": str(error)})
print(json.dumps(faults))
`;

const Faults = z.array(
  z.object({
    file: z.string(),
    line: z.int().min(1).nullable().catch(null),
    column: z.int().min(1).nullable().catch(null),
    sentence: z.string(),
  }),
);

/** @throws Error if there is no Python to ask */
export async function pythonFaults(files: readonly string[]): Promise<readonly Fault[]> {
  if (files.length === 0) return [];
  try {
    const { stdout } = await promisify(execFile)("python3", ["-I", "-c", PARSE, ...files]);
    return Faults.parse(JSON.parse(stdout)).map(({ file, line, column, sentence }) => ({
      file,
      ...(line !== null && { line }),
      ...(column !== null && { column }),
      sentence: `Python cannot parse it: ${sentence}`,
    }));
  } catch (error) {
    throw new Error(
      `python3 could not be asked whether the workloads' code parses (${messageOf(error).split("\n")[0]}): install Python 3.10 or later, or say --no-python`,
      { cause: error },
    );
  }
}
