// The context of every API family: the parts of the workspace that several families share, as
// interfaces.
import type { Principal, Route } from "./route.ts";
import type { Store } from "./store.ts";

export type WorkspaceContext = {
  /** `https://127.0.0.1:port`, without a slash at the end. */
  readonly url: string;
  /** A number too large for a JavaScript number on some workspaces, therefore text. */
  readonly workspaceId: string;
  /**
   * The folder of everything that is kept (`--data`), or a temporary one that is removed at the
   * end.
   */
  readonly folder: string;
  /** Where tasks work: apart from `folder`, which is closed to them. Removed at the end. */
  readonly tasksFolder: string;
  /** Whether `folder` outlives the process (`--data` was given). */
  readonly durable: boolean;
  /**
   * Certificate authorities for child processes (SSL_CERT_FILE and its like): the workspace's, and
   * those of this machine, so that pip goes on working. Absent without TLS.
   */
  readonly caFile?: string;
  readonly sqlEngine: "duckdb" | "spark";
  readonly warehouseId: string;
  readonly clusterId: string;
  readonly store: Store;
  readonly clock: Clock;
  /**
   * Switches that may change while the workspace runs: `PATCH
   * $DATABRICKS_WORKSPACE_ADMIN/settings`.
   */
  readonly settings: Settings;
  readonly principals: Principals;
  readonly grants: Grants;
  readonly catalogs: Catalogs;
  readonly volumes: Volumes;
  readonly secrets: Secrets;
  readonly workspaceFiles: WorkspaceFiles;
  readonly clusters: Clusters;
  /**
   * Registers what must end with the workspace (child processes, timers, engines). Last registered,
   * first closed.
   */
  readonly onClose: (close: () => void | Promise<void>) => void;
  /**
   * Adds a route below `$DATABRICKS_WORKSPACE_ADMIN` (`/faults`, `/scripts`…); no principal is
   * needed there.
   */
  readonly adminRoute: (route: Route) => void;
  /** One line on stderr; silent in tests unless asked for. */
  readonly log: (line: string) => void;
};

export type Clock = {
  /** Wall clock, epoch milliseconds. */
  readonly nowMs: () => number;
  /** Workspace seconds in a real second: at 100, a run of 300 s lasts 3 s. Default 1. */
  readonly timeScale: number;
  /**
   * Waits `workspaceMs / timeScale` real milliseconds. @throws the signal's reason when aborted.
   */
  readonly sleep: (workspaceMs: number, signal?: AbortSignal) => Promise<void>;
};

/** Read a setting when it is needed, not once: tests change them. */
export type Settings = {
  /** Real milliseconds before each answer. */
  latencyMs: number;
  /** The platform's requests per second of each route; off, because a test is seldom about them. */
  rateLimits: boolean;
  /** Seconds in `Retry-After` of a 429, or none: the platform does not promise the header. */
  retryAfterSeconds: number | null;
  /** Life of an access token. The platform says 3600. */
  tokenSeconds: number;
  /** Tokens have been seen refused up to 30 s before their `exp`. */
  tokenRefusedEarlySeconds: number;
  /** 401, and 403 has been seen as well. */
  tokenExpiredStatus: 401 | 403;
  /** Largest file of a volume. */
  fileBytesMax: number;
  /** Listings of a directory may begin with an empty page that has a `next_page_token`. */
  emptyPages: boolean;
  /**
   * The answer for a missing run (and job): 400 INVALID_PARAMETER_VALUE, or 404
   * RESOURCE_DOES_NOT_EXIST.
   */
  missingRunStatus: 400 | 404;
  /**
   * A SQL statement ends after so many real seconds, whatever its client asked for. The platform
   * says two days.
   */
  statementSecondsMax: number;
  /**
   * Whether the identity that a run has may see it. No document says; its creator and its access
   * list may anyway.
   */
  runAsMayView: boolean;
  /**
   * Whether it may cancel, repair and delete the run; who may, may also see it. No document says.
   */
  runAsMayManage: boolean;
  /**
   * Whose an idempotency token is. No document says. `workspace`: whoever submits under a used one
   * gets the run that has it, also one that he may not see. `user`: each principal has tokens of
   * its own.
   */
  tokenScope: "workspace" | "user";
  /** When the `logs` of get-output are there. No document says. */
  output: "present" | "late" | "absent" | "absent_on_failure";
  /** With `late`: workspace seconds after the end of the task. */
  outputLateSeconds: number;
  /** New ids lie beyond 2^53, where JavaScript numbers lose them. */
  largeIds: boolean;
  /** Runs in progress report a life cycle state that no client knows yet. */
  unknownStates: boolean;
};

export type Principals = {
  /** The administrator that `DATABRICKS_TOKEN` and `DATABRICKS_CLIENT_ID` name. */
  readonly administrator: Principal;
  readonly byId: (id: string) => Principal | undefined;
  /** By application id or display name, as `run_as`, access lists and GRANT name it. */
  readonly byName: (name: string) => Principal | undefined;
  readonly list: () => readonly Principal[];
  /** The rules of who may run code as whom. */
  readonly ruleSets: RuleSets;
  /**
   * May it use the workspace at all (runs, clusters, SQL)? Catalog objects ask for grants as well.
   * @throws ApiError 403 PERMISSION_DENIED
   */
  readonly requireEntitled: (principal: Principal) => void;
  /** A fresh access token for code that runs as this principal. */
  readonly issueToken: (principal: Principal) => string;
};

type GrantRule = {
  /** `servicePrincipals/<application id>`; groups are those of everybody. */
  readonly principals: readonly string[];
  /** `roles/servicePrincipal.user`, `roles/servicePrincipal.manager` */
  readonly role: string;
};

export type GrantRules = readonly GrantRule[];

/** Roles on service principals. */
export type RuleSets = {
  /** Of the service principal with this application id. */
  readonly read: (applicationId: string) => { readonly etag: string; readonly rules: GrantRules };
  /** False when the etag is no longer the current one: somebody else wrote in between. */
  readonly replace: (applicationId: string, etag: string, rules: GrantRules) => boolean;
  readonly has: (holder: Principal, role: "user" | "manager", applicationId: string) => boolean;
};

/**
 * `volume` `main.default.files`, `schema` `main.default`, `catalog` `main`. Names in lower case.
 */
export type Securable = {
  readonly type: "catalog" | "schema" | "volume" | "table" | "function";
  readonly name: string;
};

/** As SQL spells it: `READ VOLUME`, `USE SCHEMA`, `SELECT`, `ALL PRIVILEGES`. */
export type Privilege = string;

export type Grant = {
  /** Application id of a principal, or the group `account users` (everybody). */
  readonly principal: string;
  readonly privileges: readonly Privilege[];
};

export type Grants = {
  /**
   * Administrators and owners may everything. Anybody else needs the privilege (or ALL PRIVILEGES)
   * on the securable or one that contains it, and USE CATALOG and USE SCHEMA on what contains it.
   * Says nothing about existence.
   */
  readonly may: (principal: Principal, privilege: Privilege, securable: Securable) => boolean;
  /** @throws ApiError 403 PERMISSION_DENIED, in the platform's words */
  readonly require: (principal: Principal, privilege: Privilege, securable: Securable) => void;
  /** Unknown privileges and principals are refused. @throws ApiError 400, 404 */
  readonly grant: (
    securable: Securable,
    principal: string,
    privileges: readonly Privilege[],
  ) => void;
  readonly revoke: (
    securable: Securable,
    principal: string,
    privileges: readonly Privilege[],
  ) => void;
  /** Direct grants only, without those inherited. */
  readonly show: (securable: Securable) => readonly Grant[];
  /**
   * May it change grants here: administrators, owners of it or of what contains it, holders of
   * MANAGE.
   */
  readonly mayManage: (principal: Principal, securable: Securable) => boolean;
  /** The creator of a thing owns it. Tables too: tell it when a table appears. */
  readonly setOwner: (securable: Securable, owner: Principal) => void;
  /** A thing takes its owner and its grants along to its new name. */
  readonly rename: (securable: Securable, name: string) => void;
  readonly ownerOf: (securable: Securable) => string | undefined;
  /** Everything below a catalog or schema that has an owner. */
  readonly ownedBelow: (name: string) => readonly Securable[];
  /** Forgets grants and owner of a dropped securable and of everything below it. */
  readonly forget: (securable: Securable) => void;
};

export type CatalogInfo = {
  readonly name: string;
  readonly comment?: string;
  readonly owner: string;
  readonly createdAt: number;
  readonly updatedAt: number;
};
export type SchemaInfo = CatalogInfo & { readonly catalog: string };
export type VolumeInfo = SchemaInfo & { readonly schema: string; readonly volumeId: string };

/**
 * Catalogs, schemas and volumes: REST and SQL (`CREATE VOLUME`) both come here. Names arrive in any
 * case.
 */
export type Catalogs = {
  readonly catalogs: () => readonly CatalogInfo[];
  readonly catalog: (name: string) => CatalogInfo | undefined;
  readonly createCatalog: (principal: Principal, name: string, comment?: string) => CatalogInfo;
  readonly dropCatalog: (principal: Principal, name: string, force: boolean) => void;
  readonly schemas: (catalog: string) => readonly SchemaInfo[];
  readonly schema: (catalog: string, name: string) => SchemaInfo | undefined;
  /** Checks CREATE SCHEMA. @throws ApiError 400, 403, 404, 409 */
  readonly createSchema: (
    principal: Principal,
    catalog: string,
    name: string,
    comment?: string,
  ) => SchemaInfo;
  /** With `force`, what it contains goes too; listeners of `onSchemaDropped` drop tables. */
  readonly dropSchema: (
    principal: Principal,
    catalog: string,
    name: string,
    force: boolean,
  ) => void;
  readonly volumes: (catalog: string, schema: string) => readonly VolumeInfo[];
  readonly volume: (catalog: string, schema: string, name: string) => VolumeInfo | undefined;
  /** Checks CREATE VOLUME. @throws ApiError 400, 403, 404, 409 */
  readonly createVolume: (
    principal: Principal,
    catalog: string,
    schema: string,
    name: string,
    comment?: string,
  ) => VolumeInfo;
  readonly dropVolume: (
    principal: Principal,
    catalog: string,
    schema: string,
    name: string,
  ) => void;
  /** Comment and owner; checks MANAGE. @throws ApiError 403, 404 */
  readonly update: (
    principal: Principal,
    securable: Securable,
    change: { readonly comment?: string; readonly owner?: Principal },
  ) => void;
  readonly onSchemaDropped: (listener: (catalog: string, schema: string) => void) => void;
};

export type ResolvedVolumePath = {
  /** Where the bytes are on this machine. The file itself may not exist. */
  readonly realPath: string;
  readonly volume: VolumeInfo;
  /** Inside the volume, begins with a slash; `/` is the volume itself. */
  readonly inside: string;
  /** The path as the platform says it, with the lower-case names. */
  readonly path: string;
};

export type Volumes = {
  /**
   * A folder of this machine that looks like `/Volumes`: `root/<catalog>/<schema>/<volume>/…`,
   * lower case.
   */
  readonly root: string;
  readonly realRoot: (catalog: string, schema: string, volume: string) => string;
  /**
   * `/Volumes/<catalog>/<schema>/<volume>/…` (or with `dbfs:` in front) to a file of this machine.
   * Refuses what leaves the volume (`..`, links). Checks grants before existence.
   * @throws ApiError 400 for a malformed path, 403, 404 when the volume does not exist
   */
  readonly resolve: (
    path: string,
    principal: Principal,
    privilege: "READ VOLUME" | "WRITE VOLUME",
  ) => ResolvedVolumePath;
  /** Every volume, and what this principal may do there: the view that a run's processes get. */
  readonly visibleTo: (principal: Principal) => readonly {
    readonly volume: VolumeInfo;
    readonly realRoot: string;
    readonly read: boolean;
    readonly write: boolean;
  }[];
};

export type Secrets = {
  /**
   * The bytes of a secret, for a principal with READ on its scope.
   * @throws ApiError 403 PERMISSION_DENIED, 404 RESOURCE_DOES_NOT_EXIST
   */
  readonly get: (scope: string, key: string, principal: Principal) => Buffer;
  /** Text in which each `{{secrets/scope/key}}` is replaced. @throws ApiError as `get` */
  readonly resolveReferences: (text: string, principal: Principal) => string;
  /** Scopes and keys that this principal may read (for `dbutils.secrets.listScopes`, `list`). */
  readonly readableScopes: (principal: Principal) => readonly string[];
  readonly keys: (scope: string, principal: Principal) => readonly string[];
};

export type WorkspaceObject = {
  /** With the prefix `/Workspace`. */
  readonly path: string;
  readonly objectType: "FILE" | "NOTEBOOK" | "DIRECTORY";
  readonly language?: "PYTHON" | "SQL" | "SCALA" | "R";
  readonly objectId: number;
  readonly createdAt: number;
  readonly modifiedAt: number;
  /** Bytes of a file or of a notebook's source; 0 for a directory. */
  readonly size: number;
  /**
   * Where the bytes are on this machine. A notebook has no extension; its source begins with its
   * header line.
   */
  readonly realPath: string;
};

export type WorkspaceFiles = {
  /** A folder of this machine that looks like `/Workspace`. */
  readonly root: string;
  /**
   * `/Workspace/Users/x/job.py`, or the same without `/Workspace`. A notebook is found with and
   * without its extension.
   * @throws ApiError 400 for a path that leaves the workspace
   */
  readonly resolve: (path: string) => WorkspaceObject | undefined;
};

export type ClusterState =
  | "PENDING"
  | "RUNNING"
  | "RESTARTING"
  | "RESIZING"
  | "TERMINATING"
  | "TERMINATED"
  | "ERROR"
  | "UNKNOWN";

export type Cluster = {
  readonly clusterId: string;
  readonly clusterName: string;
  readonly state: ClusterState;
  readonly stateMessage: string;
  readonly sparkConf: Readonly<Record<string, string>>;
  readonly sparkEnvVars: Readonly<Record<string, string>>;
  readonly startTime: number;
};

export type Clusters = {
  readonly get: (clusterId: string) => Cluster | undefined;
  /** Starts a terminated cluster; PENDING for a while, then RUNNING. No-op in other states. */
  readonly start: (clusterId: string) => void;
  /**
   * Starts it if need be and waits until it runs, as a run on `existing_cluster_id` does. @throws
   * ApiError 400 unknown
   */
  readonly ensureRunning: (clusterId: string, signal?: AbortSignal) => Promise<void>;
};
