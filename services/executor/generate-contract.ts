// Writes what Python has to know of shared/domain/contract.ts: node services/executor/generate-contract.ts && npm run fix
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { ExecutorManifest, Result, resultLimits } from "../../shared/domain/contract.ts";

/** Where the generated files lie, as part of the Python package. */
export const contractFolder = join(import.meta.dirname, "src/signalbox_executor/contract");

/** What each generated file holds, by its name. */
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
