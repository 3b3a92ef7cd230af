// GRANT, REVOKE and SHOW GRANTS.

import type { Securable } from "../../context.ts";
import { rowsInMemory, type SqlResult } from "../engine.ts";
import { SqlError } from "../errors.ts";
import type { SecurableName, Statement } from "../parse/ast.ts";
import { STRING } from "../types.ts";
import { translated } from "./containers.ts";
import { checkNamespace, fullName, fullSchema, notFound, requireOwnership } from "./names.ts";
import type { Session } from "./session.ts";

export function grantOrRevoke(
  session: Session,
  statement: Statement & { is: "grant" | "revoke" },
): void {
  const securable = securableOf(session, statement.on);
  requireOwnership(
    session,
    securable.type === "function" ? "table" : securable.type,
    securable.name,
  );
  const { grants } = session.context;
  const change = statement.is === "grant" ? grants.grant : grants.revoke;
  translated("PRINCIPAL", () =>
    change(securable, principalOf(session, statement.principal), statement.privileges),
  );
}

export function showGrants(
  session: Session,
  statement: Statement & { is: "showGrants" },
): SqlResult {
  const securable = securableOf(session, statement.on);
  const only =
    statement.principal === undefined ? undefined : principalOf(session, statement.principal);
  const rows = session.context.grants
    .show(securable)
    .filter((grant) => only === undefined || grant.principal === only)
    .flatMap((grant) =>
      grant.privileges.map((privilege) => [
        grant.principal,
        privilege,
        securable.type.toUpperCase(),
        securable.name,
      ]),
    );
  return rowsInMemory(
    ["Principal", "ActionType", "ObjectType", "ObjectKey"].map((name) => ({ name, type: STRING })),
    rows,
  );
}

function principalOf(session: Session, name: string): string {
  return session.context.principals.byName(name)?.id ?? name;
}

/** It must be there. @throws SqlError 42704, 42P01 */
function securableOf(session: Session, { type, name }: SecurableName): Securable {
  switch (type) {
    case "catalog": {
      const catalog = (name[0] ?? "").toLowerCase();
      checkNamespace(session, catalog, undefined);
      return { type, name: catalog };
    }
    case "schema": {
      const [catalog, schema] = fullSchema(session, name);
      checkNamespace(session, catalog, schema);
      return { type, name: `${catalog}.${schema}` };
    }
    case "volume": {
      const [catalog, schema, volume] = fullName(session, name);
      if (session.context.catalogs.volume(catalog, schema, volume) === undefined)
        throw new SqlError(
          "VOLUME_DOES_NOT_EXIST",
          "42704",
          `Volume ${catalog}.${schema}.${volume} does not exist`,
        );
      return { type, name: `${catalog}.${schema}.${volume}` };
    }
    default: {
      const full = fullName(session, name);
      if (type === "function" || session.tables.get(full) === undefined) throw notFound(name);
      return { type: "table", name: full.join(".") };
    }
  }
}
