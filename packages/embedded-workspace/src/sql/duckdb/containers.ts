// Catalogs, schemas and volumes as SQL: the workspace keeps them, REST and SQL see the same.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { ApiError } from "../../route.ts";
import { rowsInMemory, type SqlResult } from "../engine.ts";
import { SqlError } from "../errors.ts";
import type { Statement } from "../parse/ast.ts";
import { BIGINT, STRING } from "../types.ts";
import { removeRelation } from "./definitions.ts";
import { checkNamespace, fullName, fullSchema } from "./names.ts";
import type { Session } from "./session-state.ts";

type Create = Statement & { is: "createSchema" | "createCatalog" | "createVolume" };

export function createContainer(session: Session, statement: Create): void {
  const { catalogs } = session.context;
  const { principal } = session;
  if (statement.is === "createCatalog") {
    const name = (statement.name[0] ?? "").toLowerCase();
    if (statement.ifNotExists && catalogs.catalog(name) !== undefined) return;
    translated("CATALOG", () => catalogs.createCatalog(principal, name, statement.comment));
    return;
  }
  if (statement.is === "createSchema") {
    const [catalog, schema] = fullSchema(session, statement.name);
    checkNamespace(session, catalog, undefined);
    if (statement.ifNotExists && catalogs.schema(catalog, schema) !== undefined) return;
    translated("SCHEMA", () =>
      catalogs.createSchema(principal, catalog, schema, statement.comment),
    );
    return;
  }
  const [catalog, schema, volume] = fullName(session, statement.name);
  checkNamespace(session, catalog, schema);
  if (statement.ifNotExists && catalogs.volume(catalog, schema, volume) !== undefined) return;
  translated("VOLUME", () =>
    catalogs.createVolume(principal, catalog, schema, volume, statement.comment),
  );
}

export async function dropContainer(
  session: Session,
  statement: Statement & { is: "drop" },
  signal: AbortSignal,
): Promise<void> {
  const { catalogs } = session.context;
  const { principal } = session;
  if (statement.what === "CATALOG") {
    const name = (statement.name[0] ?? "").toLowerCase();
    if (statement.ifExists && catalogs.catalog(name) === undefined) return;
    translated("CATALOG", () => catalogs.dropCatalog(principal, name, statement.cascade));
    return;
  }
  if (statement.what === "VOLUME") {
    const [catalog, schema, volume] = fullName(session, statement.name);
    if (catalogs.volume(catalog, schema, volume) === undefined) {
      if (statement.ifExists) return;
      throw new SqlError(
        "VOLUME_DOES_NOT_EXIST",
        "42704",
        `Volume ${catalog}.${schema}.${volume} does not exist`,
      );
    }
    translated("VOLUME", () => catalogs.dropVolume(principal, catalog, schema, volume));
    return;
  }
  const [catalog, schema] = fullSchema(session, statement.name);
  if (statement.ifExists && catalogs.schema(catalog, schema) === undefined) return;
  checkNamespace(session, catalog, schema);
  const inside = session.tables.list(catalog, schema);
  if (inside.length > 0 && !statement.cascade)
    throw new SqlError(
      "SCHEMA_NOT_EMPTY",
      "2BP01",
      `Cannot drop a schema \`${catalog}\`.\`${schema}\` because it contains objects. Use DROP SCHEMA ... CASCADE to drop the schema and all its objects`,
    );
  translated("SCHEMA", () => catalogs.dropSchema(principal, catalog, schema, statement.cascade));
  for (const info of inside) await removeRelation(session, info, signal);
}

/** `LIST '/Volumes/…'`: one row for each file or folder. */
export async function listVolume(
  session: Session,
  path: string,
  limit: number | undefined,
): Promise<SqlResult> {
  const found = translated("VOLUME", () =>
    session.context.volumes.resolve(path, session.principal, "READ VOLUME"),
  );
  const names = await readdir(found.realPath, { withFileTypes: true }).catch((cause: unknown) => {
    throw new SqlError("PATH_NOT_FOUND", "42K03", `Path does not exist: ${path}`, { cause });
  });
  const rows = await Promise.all(
    names
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, limit)
      .map(async (entry) => {
        const info = await stat(join(found.realPath, entry.name));
        const slash = entry.isDirectory() ? "/" : "";
        return [
          `dbfs:${found.path.replace(/\/$/, "")}/${entry.name}${slash}`,
          `${entry.name}${slash}`,
          String(entry.isDirectory() ? 0 : info.size),
          String(Math.trunc(info.mtimeMs)),
        ];
      }),
  );
  const columns = [
    ["path", STRING],
    ["name", STRING],
    ["size", BIGINT],
    ["modification_time", BIGINT],
  ] as const;
  return rowsInMemory(
    columns.map(([name, type]) => ({ name, type })),
    rows,
  );
}

/** A refusal of the REST side as a statement's error. */
export function translated<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof ApiError ? asSqlError(what, error) : error;
  }
}

/** By the API's code where it tells, by the status otherwise. */
function asSqlError(what: string, error: ApiError): SqlError {
  const code = String(error.errorCode);
  const is = (status: number, ending: RegExp) => error.status === status || ending.test(code);
  const fail = (errorClass: string, sqlState: string) =>
    new SqlError(errorClass, sqlState, error.message, { cause: error });
  if (is(403, /PERMISSION_DENIED$/)) return fail("INSUFFICIENT_PERMISSIONS", "42501");
  if (is(409, /ALREADY_EXISTS$/))
    return fail(`${what}_ALREADY_EXISTS`, what === "SCHEMA" ? "42P06" : "42710");
  if (is(404, /(DOES_NOT_EXIST|NOT_FOUND)$/)) return fail(`${what}_DOES_NOT_EXIST`, "42704");
  if (error.status === 400) return fail("INVALID_PARAMETER_VALUE", "22023");
  return fail("INTERNAL_ERROR", "XX000");
}
