// Secrets of one's own for executed code: the lines of a file, in the secret scope of the stack.
import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import type { DatabricksHttp } from "../../shared/adapters/databricks-http.ts";
import { messageOf } from "../../shared/domain/body.ts";

/** `NAME=value` lines. @throws Error in one sentence; no value is in it */
export function readSecrets(file: string): Readonly<Record<string, string>> {
  const secrets = parseEnv(textOf(file));
  const bad = Object.keys(secrets).find((name) => !/^[A-Za-z0-9_.-]{1,128}$/.test(name));
  if (bad !== undefined)
    throw new Error(
      `--env ${file}: "${bad}" is no name of a secret: take letters, digits, dots, dashes and underscores`,
    );
  return Object.fromEntries(Object.entries(secrets).map(([name, value]) => [name, value ?? ""]));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`--env ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** @returns a line for the screen, if there is something to say; never a value */
export async function putSecrets(
  http: DatabricksHttp,
  scope: string,
  secrets: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const names = Object.keys(secrets);
  for (const key of names) {
    const json = JSON.stringify({ scope, key, string_value: secrets[key] });
    const path = "/api/2.0/secrets/put";
    const reply = await http.call({ method: "POST", path, json, rate: "list" });
    if (reply.kind === "refused")
      throw new Error(`the secret ${key} could not be put: ${reply.error.message}`);
  }
  return names.length === 0
    ? []
    : [`secrets in scope ${scope}: ${names.join(", ")} (in a recipe: {{secrets/${scope}/NAME}})`];
}
