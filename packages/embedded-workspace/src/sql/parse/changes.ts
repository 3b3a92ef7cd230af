// INSERT, UPDATE, DELETE and MERGE.
import { SqlError, unsupported } from "../errors.ts";
import type { Assignment, Cte, Expr, MergeClause, Name, Statement } from "./ast.ts";
import { type Cursor, parseBracketed, parseIdentifier, parseList, parseName } from "./cursor.ts";
import { parseRelation, parseWith } from "./queries.ts";

export function parseInsert(cursor: Cursor): Statement {
  cursor.expect("INSERT");
  const overwrite = cursor.take("OVERWRITE");
  if (!overwrite) cursor.expect("INTO");
  cursor.take("TABLE");
  const name = parseName(cursor);
  if (cursor.at("PARTITION")) throw unsupported("INSERT … PARTITION");
  if (cursor.at("REPLACE")) throw unsupported("INSERT … REPLACE WHERE");
  const byName = cursor.take("BY NAME");
  const isColumns = cursor.at("(") && !/^(SELECT|WITH|VALUES|\()$/i.test(cursor.peek(1).text);
  const columns = isColumns ? parseBracketed(cursor, () => parseIdentifier(cursor)) : [];
  const named = byName || cursor.take("BY NAME");
  return { is: "insert", name, columns, byName: named, overwrite, query: cursor.query() };
}

export function parseUpdate(cursor: Cursor): Statement {
  cursor.expect("UPDATE");
  const name = parseName(cursor);
  const alias = cursor.at("SET") ? undefined : parseTargetAlias(cursor);
  cursor.expect("SET");
  const set = parseList(cursor, () => parseAssignment(cursor));
  return { is: "update", name, alias, set, where: parseWhere(cursor) };
}

export function parseDelete(cursor: Cursor): Statement {
  cursor.expect("DELETE");
  cursor.expect("FROM");
  const name = parseName(cursor);
  const alias =
    cursor.at("WHERE") || cursor.at(";") || cursor.peek().kind === "end"
      ? undefined
      : parseTargetAlias(cursor);
  return { is: "delete", name, alias, where: parseWhere(cursor) };
}

function parseWhere(cursor: Cursor): Expr | undefined {
  return cursor.take("WHERE") ? cursor.expr() : undefined;
}

function parseTargetAlias(cursor: Cursor): string {
  cursor.take("AS");
  return parseIdentifier(cursor);
}

function parseAssignment(cursor: Cursor): Assignment {
  const column: Name = parseName(cursor);
  cursor.expect("=");
  return { column, value: cursor.expr() };
}

/** With `"with"`, common table expressions come first. */
export function parseMerge(cursor: Cursor, before: readonly Cte[] | "with"): Statement {
  const ctes = before === "with" ? parseWith(cursor) : before;
  cursor.expect("MERGE");
  if (cursor.at("WITH SCHEMA EVOLUTION"))
    throw unsupported("MERGE WITH SCHEMA EVOLUTION: change the schema with ALTER TABLE first");
  cursor.expect("INTO");
  const name = parseName(cursor);
  const alias = cursor.at("USING") ? undefined : parseTargetAlias(cursor);
  cursor.expect("USING");
  const source = parseRelation(cursor);
  cursor.expect("ON");
  const on = cursor.expr();
  const clauses: MergeClause[] = [];
  while (cursor.take("WHEN")) clauses.push(parseClause(cursor));
  if (clauses.length === 0)
    throw new SqlError(
      "MERGE_WITHOUT_WHEN",
      "42601",
      "There must be at least one WHEN clause in a MERGE statement",
    );
  checkConditions(clauses);
  return { is: "merge", name, alias, source, on, clauses, ctes };
}

function parseClause(cursor: Cursor): MergeClause {
  const when = parseWhen(cursor);
  const condition = cursor.take("AND") ? cursor.expr() : undefined;
  cursor.expect("THEN");
  return { when, condition, action: parseAction(cursor, when) };
}

function parseWhen(cursor: Cursor): MergeClause["when"] {
  if (cursor.take("MATCHED")) return "MATCHED";
  cursor.expect("NOT MATCHED");
  if (cursor.take("BY SOURCE")) return "NOT MATCHED BY SOURCE";
  cursor.take("BY TARGET");
  return "NOT MATCHED";
}

function parseAction(cursor: Cursor, when: MergeClause["when"]): MergeClause["action"] {
  if (when === "NOT MATCHED") {
    cursor.expect("INSERT");
    return parseInsertAction(cursor);
  }
  if (cursor.take("DELETE")) return { is: "delete" };
  cursor.expect("UPDATE");
  cursor.expect("SET");
  if (!cursor.at("*"))
    return { is: "update", set: parseList(cursor, () => parseAssignment(cursor)) };
  if (when === "NOT MATCHED BY SOURCE") throw cursor.fail("assignments");
  cursor.next();
  return { is: "updateAll" };
}

function parseInsertAction(cursor: Cursor): MergeClause["action"] {
  if (cursor.take("*")) return { is: "insertAll" };
  const columns = parseBracketed(cursor, () => parseName(cursor));
  cursor.expect("VALUES");
  const values = parseBracketed(cursor, cursor.expr);
  if (values.length !== columns.length)
    throw new SqlError(
      "MERGE_INSERT_VALUE_COUNT_MISMATCH",
      "42601",
      `The number of inserted values (${values.length}) cannot match the number of fields (${columns.length})`,
    );
  return { is: "insert", columns, values };
}

/** Only the last clause of its kind may lack a condition: the others would never be reached. */
function checkConditions(clauses: readonly MergeClause[]): void {
  for (const [when, errorClass] of [
    ["MATCHED", "NON_LAST_MATCHED_CLAUSE_OMIT_CONDITION"],
    ["NOT MATCHED", "NON_LAST_NOT_MATCHED_BY_TARGET_CLAUSE_OMIT_CONDITION"],
    ["NOT MATCHED BY SOURCE", "NON_LAST_NOT_MATCHED_BY_SOURCE_CLAUSE_OMIT_CONDITION"],
  ] as const) {
    const same = clauses.filter((clause) => clause.when === when);
    if (same.slice(0, -1).some((clause) => clause.condition === undefined))
      throw new SqlError(
        errorClass,
        "42613",
        `When there are more than one ${when} clauses in a MERGE statement, only the last ${when} clause can omit the condition`,
      );
  }
}
