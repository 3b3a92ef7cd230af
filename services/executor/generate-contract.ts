// Writes the part of shared/domain/contract.ts that Python needs: node
// services/executor/generate-contract.ts && npm run fix
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { ExecutorManifest, Result, resultLimits } from "../../shared/domain/contract.ts";

/** The folder of the generated files, in the Python package. */
export const contractFolder = join(import.meta.dirname, "src/signalbox_executor/contract");

/** The content of each generated file, by its name. */
export function contractFiles(): Readonly<Record<string, object>> {
  return {
    "manifest.schema.json": z.toJSONSchema(ExecutorManifest),
    "result.schema.json": z.toJSONSchema(Result),
    "limits.json": resultLimits,
  };
}

if (import.meta.main) {
  for (const [name, content] of Object.entries(contractFiles())) {
    writeFileSync(join(contractFolder, name), `${JSON.stringify(content, null, 2)}\n`);
  }
}
