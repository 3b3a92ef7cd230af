// The embedded Databricks workspace, composed: state, APIs, the edge. One call starts it, for tests
// and for `main.ts`.
import { lstatSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type * as z from "zod";
import { adminRoutes } from "./admin.ts";
import { type CallAdmin, createAdminClient } from "./admin-client.ts";
import { apiRoutes } from "./apis.ts";
import type { Credentials, PrincipalRequest } from "./auth/people.ts";
import { type Identities, OTHER, openIdentities } from "./auth/principals.ts";
import type { Certificates } from "./certificates.ts";
import { createClock } from "./clock.ts";
import { type Closers, createClosers } from "./closers.ts";
import type { Settings, WorkspaceContext } from "./context.ts";
import { removeFolder } from "./execution/task-folder.ts";
import { createFaults, type Fault, FaultRequest, type Faults } from "./http/faults.ts";
import {
  createRequestLog,
  type LoggedRequest,
  type RequestFilter,
  type RequestLog,
} from "./http/request-log.ts";
import { createRouter, type Router } from "./http/router.ts";
import { type Server, type ServerOptions, startServer } from "./http/server.ts";
import { keptFacts } from "./kept-facts.ts";
import { defaultSettings, SettingsChange } from "./settings.ts";
import { openState } from "./state/open.ts";
import { openStore, type Store } from "./store.ts";
import { type Trust, writeTrust } from "./trust.ts";

export type WorkspaceOptions = {
  /** Default: any free port, or the one that `data` remembers. */
  readonly port?: number;
  /** A folder that outlives the process; without it, everything is gone at the end. */
  readonly data?: string;
  /** Default true. Plain HTTP is for clients that accept it. */
  readonly tls?: boolean;
  /** Workspace seconds in a real second. Default 1. */
  readonly timeScale?: number;
  /** Real milliseconds before each answer; the same as `settings.latencyMs`. */
  readonly latencyMs?: number;
  /** Default `duckdb`. */
  readonly sql?: "duckdb" | "spark";
  /** Any of the switches of `context.ts`, as they shall be at the start. */
  readonly settings?: SettingsChange;
  /** Besides `administrator` and `other`. */
  readonly principals?: readonly PrincipalRequest[];
  /** Besides `main.default.files`: `catalog.schema.volume`, made with what contains them. */
  readonly volumes?: readonly string[];
  /** Where lines of the log go. Default: nowhere. */
  readonly log?: (line: string) => void;
};

export type Workspace = AsyncDisposable & {
  readonly url: string;
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly port: number;
  /** The certificate authority to trust (`customCaCert`, `ca`); empty without TLS. */
  readonly caPem: string;
  /** The environment that an unmodified client needs. */
  readonly env: Readonly<Record<string, string>>;
  /** `DATABRICKS_WORKSPACE_ADMIN`: faults, requests, settings. The URL carries its own token. */
  readonly adminUrl: string;
  readonly administrator: Credentials;
  /** May do nothing. */
  readonly other: Credentials;
  readonly principal: (displayName: string) => Credentials;
  readonly addPrincipal: (request: PrincipalRequest) => Credentials;
  /** Change its values at any time. */
  readonly settings: Settings;
  readonly fail: (request: z.input<typeof FaultRequest>) => Fault;
  readonly clearFaults: () => void;
  readonly requests: (filter?: RequestFilter) => readonly LoggedRequest[];
  /** Any other address below `adminUrl`: `admin("POST", "/scripts", { states: [] })`. */
  readonly admin: CallAdmin;
  /** The inside, for tests that look at state. */
  readonly context: WorkspaceContext;
  readonly close: () => Promise<void>;
};

/**
 * Starts a workspace on 127.0.0.1. It executes what it is given: every task of every run is a
 * process on this machine.
 * @throws Error when the port is taken or the folder cannot be used
 */
export async function startWorkspace(options: WorkspaceOptions = {}): Promise<Workspace> {
  const closers = createClosers();
  try {
    return await compose(options, closers);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function compose(options: WorkspaceOptions, closers: Closers): Promise<Workspace> {
  const { folder, store } = openFolder(options, closers);
  const settings = settingsOf(options);
  const clock = createClock(options.timeScale ?? 1);
  const facts = keptFacts(store, clock.nowMs());
  openTasksFolder(facts.tasksFolder, closers);
  const certificates = options.tls === false ? undefined : facts.certificates();
  let url = "";
  const identities = openIdentities({
    store,
    settings,
    url: () => url,
    workspaceId: facts.workspaceId,
    nowMs: clock.nowMs,
  });
  for (const request of options.principals ?? []) identities.ensure(request);
  const edge: Edge = {
    router: createRouter(),
    admin: { path: ADMIN_PATH, opens: facts.adminTokens.opens, router: createRouter() },
    faults: createFaults(),
    requestLog: createRequestLog(),
  };
  // The port first: addresses appear in answers, and the APIs are composed once the address is
  // known.
  const server = await listen(options, facts.port(), {
    ...edge,
    settings,
    authenticate: identities.authenticate,
    workspaceId: facts.workspaceId,
    log: options.log ?? (() => undefined),
    ...(certificates !== undefined && { certificates }),
  });
  closers.use(server);
  facts.rememberPort(server.port);
  url = `${certificates === undefined ? "http" : "https"}://127.0.0.1:${server.port}`;
  const trust = certificates === undefined ? undefined : writeTrust(folder, certificates);
  const volumes = options.volumes ?? [];
  const state = openState({ folder, store, clock, identities, volumes });
  const context: WorkspaceContext = {
    url,
    workspaceId: facts.workspaceId,
    folder,
    tasksFolder: facts.tasksFolder,
    durable: options.data !== undefined,
    sqlEngine: options.sql ?? "duckdb",
    warehouseId: facts.warehouseId,
    clusterId: state.clusterId,
    store,
    clock,
    settings,
    principals: identities,
    ...state.parts,
    onClose: (close) => closers.defer(close),
    adminRoute: edge.admin.router.add,
    log: options.log ?? (() => undefined),
    ...(trust !== undefined && { caFile: trust.bundleFile }),
  };
  for (const route of adminRoutes({
    ...edge,
    settings,
    identities,
    list: edge.admin.router.list,
  }))
    edge.admin.router.add(route);
  for (const route of apiRoutes(context, { identities, ...state.parts })) edge.router.add(route);
  const adminUrl = `${url}${ADMIN_PATH}/${facts.adminTokens.token}`;
  return handle({ context, identities, edge, adminUrl, closers, server, certificates, trust });
}

const ADMIN_PATH = "/_admin";

type Edge = {
  readonly router: Router;
  readonly admin: ServerOptions["admin"];
  readonly faults: Faults;
  readonly requestLog: RequestLog;
};

type Parts = {
  readonly context: WorkspaceContext;
  readonly identities: Identities;
  readonly edge: Edge;
  readonly adminUrl: string;
  readonly closers: Closers;
  readonly server: Server;
  readonly certificates: Certificates | undefined;
  readonly trust: Trust | undefined;
};

/** The handle of the program that started it. */
function handle(parts: Parts): Workspace {
  const { context, identities, edge, adminUrl, closers, server, trust } = parts;
  const caPem = parts.certificates?.caPem ?? "";
  const administrator = credentialsOf(identities, identities.administrator.id);
  const other = credentialsOf(identities, OTHER);
  const close = () => closers.close();
  return {
    url: context.url,
    host: `127.0.0.1:${server.port}`,
    port: server.port,
    caPem,
    env: {
      ...environment(context, administrator, other, adminUrl),
      ...(trust !== undefined && {
        SSL_CERT_FILE: trust.bundleFile,
        REQUESTS_CA_BUNDLE: trust.bundleFile,
        NODE_EXTRA_CA_CERTS: trust.caFile,
      }),
    },
    adminUrl,
    administrator,
    other,
    principal: (name) => credentialsOf(identities, name),
    addPrincipal: identities.add,
    settings: context.settings,
    fail: (request) => edge.faults.add(FaultRequest.parse(request)),
    clearFaults: () => void edge.faults.remove(),
    requests: (filter = {}) => edge.requestLog.find(filter),
    admin: createAdminClient(adminUrl, caPem),
    context,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function openFolder({ data }: WorkspaceOptions, closers: Closers) {
  if (data !== undefined) {
    const folder = resolve(data);
    // Tokens and client secrets are in there.
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const store = storeIn(folder);
    closers.use(store);
    return { folder, store };
  }
  const folder = mkdtempSync(join(tmpdir(), "embedded-workspace-"));
  closers.defer(() => rmSync(folder, { recursive: true, force: true }));
  const store = openStore();
  closers.use(store);
  return { folder, store };
}

/**
 * The same after a restart, so that what was executing is found. @throws Error when it is somebody
 * else's
 */
function openTasksFolder(path: string, closers: Closers): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const found = lstatSync(path);
  if (!found.isDirectory() || (process.getuid !== undefined && found.uid !== process.getuid()))
    throw new Error(`The folder of tasks ${path} belongs to somebody else; remove it.`);
  closers.defer(() => removeFolder(path));
}

/** @throws Error in one sentence when another workspace holds the folder */
function storeIn(folder: string): Store {
  try {
    return openStore(folder);
  } catch (error) {
    throw new Error(
      `The data folder ${folder} cannot be opened (${error instanceof Error ? error.message : String(error)}); end the workspace that uses it, or choose another folder.`,
      { cause: error },
    );
  }
}

/** The port asked for, else the remembered one if it is free, else any. */
async function listen(
  { port }: WorkspaceOptions,
  rememberedPort: number,
  options: Omit<ServerOptions, "port">,
): Promise<Server> {
  if (port !== undefined) return startServer({ ...options, port });
  try {
    return await startServer({ ...options, port: rememberedPort });
  } catch {
    return startServer({ ...options, port: 0 });
  }
}

function settingsOf(options: WorkspaceOptions): Settings {
  const change = SettingsChange.parse(options.settings ?? {});
  return Object.assign(defaultSettings(), change, {
    ...(options.latencyMs !== undefined && { latencyMs: options.latencyMs }),
  });
}

function credentialsOf(identities: Identities, name: string): Credentials {
  const found = identities.credentialsOf(name);
  if (found === undefined) throw new Error(`there is no principal '${name}' in this workspace`);
  return found;
}

/**
 * `DATABRICKS_AUTH_TYPE` because the SDKs refuse to start when both a token and a client secret are
 * set ("more than one authorization method configured") unless they are told which to take.
 */
const environment = (
  context: WorkspaceContext,
  administrator: Credentials,
  other: Credentials,
  adminUrl: string,
): Record<string, string> => ({
  DATABRICKS_HOST: context.url,
  DATABRICKS_AUTH_TYPE: "pat",
  DATABRICKS_TOKEN: administrator.token,
  DATABRICKS_CLIENT_ID: administrator.id,
  DATABRICKS_CLIENT_SECRET: administrator.clientSecret,
  DATABRICKS_OTHER_TOKEN: other.token,
  DATABRICKS_OTHER_CLIENT_ID: other.id,
  DATABRICKS_OTHER_CLIENT_SECRET: other.clientSecret,
  DATABRICKS_HTTP_PATH: `/sql/1.0/warehouses/${context.warehouseId}`,
  DATABRICKS_WAREHOUSE_ID: context.warehouseId,
  DATABRICKS_CLUSTER_ID: context.clusterId,
  DATABRICKS_WORKSPACE_ID: context.workspaceId,
  DATABRICKS_WORKSPACE_ADMIN: adminUrl,
});
