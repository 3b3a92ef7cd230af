// Unity Catalog's privileges: who may do what with a catalog, a schema, a volume, a table.
import type { Grant, Grants, Principals, Privilege, Securable } from "../context.ts";
import { ApiError, type Principal } from "../route.ts";
import type { Collection, Store } from "../store.ts";

/** The group of everybody; it needs no membership. */
const EVERYBODY = "account users";

type Held = {
  readonly owner?: string;
  readonly grants: Readonly<Record<string, readonly Privilege[]>>;
};

export function createGrants(store: Store, principals: () => Principals): Grants {
  const held = store.collection<Held>("grants");
  const at = (securable: Securable): Held => held.get(keyOf(securable)) ?? { grants: {} };

  const holds = (principal: Principal, privilege: Privilege, securable: Securable): boolean =>
    selfAndAbove(securable).some((level) => {
      const { owner, grants } = at(level);
      if (owner === principal.id) return true;
      const granted = [...(grants[principal.id] ?? []), ...(grants[EVERYBODY] ?? [])];
      return granted.includes(privilege) || granted.includes("ALL PRIVILEGES");
    });

  /** The first privilege that is missing: on what contains the securable, then on itself. */
  const missing = (principal: Principal, privilege: Privilege, securable: Securable) => {
    if (principal.admin) return undefined;
    const needed = [
      ...above(securable).map((level) => [`USE ${level.type.toUpperCase()}`, level] as const),
      [privilege, securable] as const,
    ];
    return needed.find(([wanted, level]) => !holds(principal, wanted, level));
  };

  return {
    may: (principal, privilege, securable) =>
      missing(principal, privilege, securable) === undefined,
    require: (principal, privilege, securable) => {
      const lack = missing(principal, privilege, securable);
      if (lack === undefined) return;
      const [wanted, level] = lack;
      throw new ApiError(
        403,
        "PERMISSION_DENIED",
        `User does not have ${wanted} on ${capitalized(level.type)} '${level.name}'.`,
      );
    },
    grant: (securable, name, privileges) =>
      change(
        held,
        principals(),
        securable,
        name,
        privileges,
        (before, given) => new Set([...before, ...given]),
      ),
    revoke: (securable, name, privileges) =>
      change(held, principals(), securable, name, privileges, (before, given) =>
        given.has("ALL PRIVILEGES")
          ? new Set()
          : new Set([...before].filter((privilege) => !given.has(privilege))),
      ),
    show: (securable): Grant[] =>
      Object.entries(at(securable).grants).map(([principal, privileges]) => ({
        principal,
        privileges,
      })),
    mayManage: (principal, securable) => principal.admin || holds(principal, "MANAGE", securable),
    ...ownership(held, at),
  };
}

function ownership(
  held: Collection<Held>,
  at: (securable: Securable) => Held,
): Pick<Grants, "setOwner" | "ownerOf" | "ownedBelow" | "rename" | "forget"> {
  return {
    setOwner: (securable, owner) =>
      held.put(keyOf(securable), { ...at(securable), owner: owner.id }),
    rename: (securable, name) => {
      held.put(keyOf({ ...securable, name }), at(securable));
      held.delete(keyOf(securable));
    },
    ownerOf: (securable) => at(securable).owner,
    ownedBelow: (name) =>
      [...held.entries()]
        .filter(([, { owner }]) => owner !== undefined)
        .map(([key]) => securableOf(key))
        .filter((securable) => securable.name.startsWith(`${name}.`)),
    forget: (securable) => {
      held.delete(keyOf(securable));
      for (const [key] of [...held.entries()])
        if (securableOf(key).name.startsWith(`${securable.name}.`)) held.delete(key);
    },
  };
}

function change(
  held: Collection<Held>,
  principals: Principals,
  securable: Securable,
  name: string,
  privileges: readonly Privilege[],
  update: (before: Set<Privilege>, given: Set<Privilege>) => Set<Privilege>,
): void {
  const principal = grantee(principals, name);
  const given = new Set(privileges.map((privilege) => known(privilege, securable)));
  const { owner, grants }: Held = held.get(keyOf(securable)) ?? { grants: {} };
  const after = [...update(new Set(grants[principal] ?? []), given)].sort();
  const others = Object.entries(grants).filter(([other]) => other !== principal);
  held.put(keyOf(securable), {
    ...(owner !== undefined && { owner }),
    grants: Object.fromEntries([...others, ...(after.length > 0 ? [[principal, after]] : [])]),
  });
}

/** The privileges of each kind of securable, as `GRANT` spells them. */
const ON_DATA = ["SELECT", "MODIFY", "REFRESH", "EXECUTE", "READ VOLUME", "WRITE VOLUME"];
const ON_ALL = ["ALL PRIVILEGES", "MANAGE", "APPLY TAG"];
const IN_SCHEMA = [
  ...ON_ALL,
  ...ON_DATA,
  "USE SCHEMA",
  "CREATE TABLE",
  "CREATE VOLUME",
  "CREATE FUNCTION",
  "CREATE MODEL",
  "CREATE MODEL VERSION",
  "CREATE MATERIALIZED VIEW",
  "EXTERNAL USE SCHEMA",
];
const privilegesOf = {
  catalog: [...IN_SCHEMA, "USE CATALOG", "CREATE SCHEMA", "BROWSE"],
  schema: IN_SCHEMA,
  volume: [...ON_ALL, "READ VOLUME", "WRITE VOLUME"],
  table: [...ON_ALL, "SELECT", "MODIFY", "REFRESH"],
  function: [...ON_ALL, "EXECUTE"],
} as const satisfies Record<Securable["type"], readonly Privilege[]>;

function known(privilege: Privilege, { type }: Securable): Privilege {
  const spelled = privilege.toUpperCase().replaceAll("_", " ");
  const possible: readonly Privilege[] = privilegesOf[type];
  if (possible.includes(spelled)) return spelled;
  throw new ApiError(
    400,
    "INVALID_PARAMETER_VALUE",
    `Privilege ${privilege} is not applicable to this entity [${type.toUpperCase()}/...]. Applicable: ${possible.join(", ")}.`,
  );
}

function grantee(principals: Principals, name: string): string {
  if (name === EVERYBODY) return EVERYBODY;
  const principal = principals.byName(name);
  if (principal !== undefined) return principal.id;
  throw new ApiError(
    404,
    "PRINCIPAL_DOES_NOT_EXIST",
    `Could not find principal with name ${name}.`,
  );
}

const keyOf = ({ type, name }: Securable) => `${type}:${name}`;

function securableOf(key: string): Securable {
  const at = key.indexOf(":");
  const type = kinds.find((kind) => kind === key.slice(0, at));
  if (type === undefined) throw new Error(`'${key}' is not a key of a securable`);
  return { type, name: key.slice(at + 1) };
}

const kinds = ["catalog", "schema", "volume", "table", "function"] as const;

/** `main.default.files` is in schema `main.default`, in catalog `main`. */
function above({ name }: Securable): Securable[] {
  const [catalog = "", schema, leaf] = name.split(".");
  return [
    ...(schema === undefined ? [] : [{ type: "catalog", name: catalog } as const]),
    ...(leaf === undefined ? [] : [{ type: "schema", name: `${catalog}.${schema}` } as const]),
  ];
}

const selfAndAbove = (securable: Securable) => [securable, ...above(securable)];

const capitalized = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
