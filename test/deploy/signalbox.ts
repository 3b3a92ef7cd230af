// The signalbox command, as a person would type it, in a process of its own.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Context, STAGE } from "./context.ts";
import type { Person } from "./people.ts";
import { projectRoot } from "./tools.ts";

export type Typed = { readonly code: number; readonly printed: string };

export type Typist = (...args: readonly string[]) => Promise<Typed>;

/** `signalbox <args> --stage <named>` by this person; `extra` are further variables of theirs. */
export const typist =
  (
    context: Context,
    person: Person,
    extra: Readonly<Record<string, string>> = {},
    named = STAGE,
  ): Typist =>
  async (...args) => {
    const command = [join(projectRoot, "cli", "main.ts"), ...args];
    const stage = ["--stage", named, "--stages", context.app.stages];
    const { workloads } = context.app;
    const takesRecipes = /^(bootstrap|doctor|dead-letters replay)\b/.test(args.join(" "));
    const recipes = takesRecipes ? ["--workloads", workloads] : [];
    const env = {
      ...person.environment,
      SIGNALBOX_CA_FILE: context.access.controllers.caFile ?? "",
      ...extra,
    };
    try {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [...command, ...stage, ...recipes],
        {
          env,
        },
      );
      return { code: 0, printed: stdout };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, printed: `${stdout}${stderr}` };
    }
  };

/** The operator's own Databricks credentials, which make volumes and grants. */
export function operatorsVariables({ access }: Context): Readonly<Record<string, string>> {
  const { credentials } = access.operator;
  return credentials.kind === "pat"
    ? { DATABRICKS_TOKEN: credentials.token }
    : {
        DATABRICKS_CLIENT_ID: credentials.clientId,
        DATABRICKS_CLIENT_SECRET: credentials.clientSecret,
      };
}
