// Full names, existence and privileges of what a statement names.
import { insufficientPermissions, SqlError } from "../errors.ts";
import type { Name } from "../parse/ast.ts";
import type { RelationInfo } from "./catalog.ts";
import type { Session } from "./session.ts";

/** `[catalog, schema, name]` in lower case. */
export function fullName(session: Session, name: Name): readonly [string, string, string] {
  const parts = name.map((part) => part.toLowerCase());
  const [a = "", b = "", c = ""] = parts;
  if (parts.length === 1) return [session.catalog, session.schema, a];
  return parts.length === 2 ? [session.catalog, a, b] : [a, b, c];
}

/** `[catalog, schema]` in lower case. */
export function fullSchema(session: Session, name: Name): readonly [string, string] {
  const [a = "", b] = name.map((part) => part.toLowerCase());
  return b === undefined ? [session.catalog, a] : [a, b];
}

/** @throws SqlError 42704 when the catalog or the schema is not there */
export function checkNamespace(
  session: Session,
  catalog: string,
  schema: string | undefined,
): void {
  if (session.context.catalogs.catalog(catalog) === undefined)
    throw new SqlError(
      "NO_SUCH_CATALOG_EXCEPTION",
      "42704",
      `Catalog '${catalog}' was not found. Please verify the catalog name and then retry the query or command again`,
    );
  if (schema === undefined || schema === "information_schema") return;
  if (session.context.catalogs.schema(catalog, schema) === undefined)
    throw new SqlError(
      "SCHEMA_NOT_FOUND",
      "42704",
      `The schema \`${catalog}\`.\`${schema}\` cannot be found. Verify the spelling and correctness of the schema and catalog`,
    );
}

/** A table or view that is there and on which the session's principal has the privilege. @throws SqlError 42501, 42P01 */
export function requireRelation(session: Session, name: Name, privilege: string): RelationInfo {
  const full = fullName(session, name);
  requirePrivilege(session, privilege, "table", full.join("."));
  const info = session.tables.get(full);
  if (info === undefined) throw notFound(name);
  return info;
}

/** A table or view that is there and that the session's principal owns or manages. @throws SqlError 42501, 42P01 */
export function requireOwned(session: Session, name: Name): RelationInfo {
  const full = fullName(session, name);
  requireOwnership(session, "table", full.join("."));
  const info = session.tables.get(full);
  if (info === undefined) throw notFound(name);
  return info;
}

/** A table, not a view. */
export function requireTable(session: Session, name: Name, privilege: string): RelationInfo {
  const info = requireRelation(session, name, privilege);
  if (info.kind === "view")
    throw new SqlError(
      "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE",
      "42809",
      `The operation expects a table but ${quotedName(full(info))} is a view`,
    );
  return info;
}

type SecurableType = "catalog" | "schema" | "volume" | "table";

/** @throws SqlError 42501 */
export function requirePrivilege(
  session: Session,
  privilege: string,
  type: SecurableType,
  name: string,
): void {
  if (session.context.grants.may(session.principal, privilege, { type, name })) return;
  throw insufficientPermissions(
    privilege,
    type === "table" ? "Table" : `${type.charAt(0).toUpperCase()}${type.slice(1)}`,
    name,
  );
}

/** Owner, administrator or MANAGE. @throws SqlError 42501 */
export function requireOwnership(session: Session, type: SecurableType, name: string): void {
  if (session.context.grants.mayManage(session.principal, { type, name })) return;
  throw insufficientPermissions("MANAGE", type === "table" ? "Table" : type, name);
}

export function notFound(name: Name): SqlError {
  return new SqlError(
    "TABLE_OR_VIEW_NOT_FOUND",
    "42P01",
    `The table or view ${quotedName(name)} cannot be found. Verify the spelling and correctness of the schema and catalog. If you did not qualify the name with a schema, verify the current_schema() output, or qualify the name with the correct schema and catalog. To tolerate the error on drop use DROP VIEW IF EXISTS or DROP TABLE IF EXISTS.`,
  );
}

export function quotedName(name: Name): string {
  return name.map((part) => `\`${part}\``).join(".");
}

export function full(
  info: Pick<RelationInfo, "catalog" | "schema" | "name">,
): readonly [string, string, string] {
  return [info.catalog, info.schema, info.name];
}
