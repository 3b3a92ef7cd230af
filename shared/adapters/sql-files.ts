// Applies files of SQL statements, as a bootstrap does with the ledger's tables.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DatabricksSql } from "./databricks-sql.ts";

/**
 * Runs every statement of every `*.sql` file of a folder, by file name. @returns how many there
 * were
 */
export async function applySqlFolder(sql: DatabricksSql, folder: string): Promise<number> {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".sql"))
    .sort();
  if (files.length === 0) throw new Error(`${folder} has no *.sql files`);
  await using session = await sql.open();
  let applied = 0;
  for (const name of files)
    for (const statement of statementsOf(readFileSync(join(folder, name), "utf8"))) {
      await session.execute(statement);
      applied++;
    }
  return applied;
}

// First comments, strings and quoted names, in which a semicolon ends nothing; then the semicolon;
// then any other character.
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`|"(?:[^"\\]|\\.)*"|;|[\s\S]/g;

/** The statements of a text, without their semicolons and comments. */
export function statementsOf(text: string): readonly string[] {
  const statements = [""];
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === ";") statements.push("");
    else if (!token.startsWith("--") && !token.startsWith("/*"))
      statements.push(`${statements.pop()}${token}`);
  }
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== "");
}
