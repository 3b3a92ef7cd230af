// Prepares a Databricks statement for open-source Spark: parameters, and names
// without the catalog.
import type { SqlParameter } from "../engine.ts";
import { SqlError } from "../errors.ts";
import { tokenize } from "../parse/tokens.ts";

/** Parameters are bound by Spark itself: `EXECUTE IMMEDIATE '…' USING value AS name`. */
export function withParameters(statement: string, parameters: readonly SqlParameter[]): string {
  if (parameters.length === 0) return statement;
  const values = parameters.map(
    (parameter) =>
      literal(parameter) + (parameter.name === undefined ? "" : ` AS ${name(parameter.name)}`),
  );
  return `EXECUTE IMMEDIATE ${text(statement)} USING ${values.join(", ")}`;
}

/**
 * `main.default.t` is `default.t` there: open-source Delta knows one catalog, and calls it
 * otherwise.
 */
export function withoutCatalog(statement: string): string {
  const tokens = tokenize(statement);
  let result = statement;
  for (const [index, token] of [...tokens.entries()].reverse()) {
    const isCatalog =
      (token.kind === "word" || token.kind === "quoted") && token.text.toLowerCase() === "main";
    const [dot, , second] = tokens.slice(index + 1, index + 4);
    const before = tokens[index - 1]?.text;
    if (!isCatalog || dot?.text !== "." || second?.text !== "." || before === "." || before === ":")
      continue;
    result = result.slice(0, token.from) + result.slice(dot.to);
  }
  return result;
}

function literal({ type = "STRING", value }: SqlParameter): string {
  if (value === null) return "NULL";
  const upper = type.toUpperCase();
  if (upper === "STRING") return text(value);
  if (!/^[A-Z_]+(\(\d+(,\s*\d+)?\))?$/.test(upper))
    throw new SqlError(
      "INVALID_PARAMETER_TYPE",
      "42K09",
      `A parameter cannot have the type ${type}`,
    );
  return `CAST(${text(value)} AS ${upper === "INTEGER" ? "INT" : upper})`;
}

function name(parameter: string): string {
  return `\`${parameter.replaceAll("`", "``")}\``;
}

function text(value: string): string {
  return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
