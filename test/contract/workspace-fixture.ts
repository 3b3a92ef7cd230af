// An embedded workspace with the volumes of a plane, and our adapters connected to it as its
// administrator.
import {
  startWorkspace,
  type Workspace,
  type WorkspaceOptions,
} from "embedded-databricks-workspace";
import { createTokenSource, type TokenSource } from "../../shared/adapters/databricks-auth.ts";
import {
  createDatabricksHttp,
  type DatabricksHttp,
} from "../../shared/adapters/databricks-http.ts";
import { createJobs } from "../../shared/adapters/databricks-jobs.ts";
import { createDatabricksSql, type DatabricksSql } from "../../shared/adapters/databricks-sql.ts";
import { createRateLimiter, type Rates, wholeRates } from "../../shared/adapters/rate-limit.ts";
import type { SecretsPort } from "../../shared/adapters/secrets.ts";
import { systemClock, systemRandom } from "../../shared/adapters/system.ts";
import {
  createFacts,
  createMarkers,
  createPlans,
  createVolumes,
} from "../../shared/adapters/volume-facts.ts";
import { createVolumeFiles, type VolumeFiles } from "../../shared/adapters/volume-files.ts";
import { createWire } from "../../shared/adapters/wire.ts";
import type {
  ClockPort,
  FactRemovalPort,
  FactsPort,
  JobsPort,
  MarkersPort,
  PlansPort,
  VolumesPort,
} from "../../shared/ports.ts";

const FACTS_VOLUME = "/Volumes/main/ops/facts";

export type Connected = FactsPort &
  PlansPort &
  FactRemovalPort &
  MarkersPort &
  VolumesPort &
  JobsPort & {
    readonly http: DatabricksHttp;
    readonly tokens: TokenSource;
    readonly files: VolumeFiles;
    readonly sql: DatabricksSql;
  };

export type Fixture = AsyncDisposable & {
  readonly workspace: Workspace;
  /** Adapters of an instance of their own; `host` may be a proxy's. */
  readonly connect: (host?: string) => Connected;
};

export async function startFixture(options: WorkspaceOptions = {}): Promise<Fixture> {
  const ending = new AsyncDisposableStack();
  const workspace = ending.use(
    await startWorkspace({
      volumes: ["facts", "plans", "scratchpad", "company_codebase"].map(
        (name) => `main.ops.${name}`,
      ),
      ...options,
    }),
  );
  return {
    workspace,
    connect: (host = workspace.url) => connect(workspace, host, ending),
    [Symbol.asyncDispose]: () => ending.disposeAsync(),
  };
}

// Limits have a test of their own; here they would only cost time.
const fast = {
  ...wholeRates.files,
  perSecond: 10_000,
  mostPerSecond: 10_000,
  burst: 100,
};
const rates: Rates = { submit: fast, get: fast, list: fast, files: fast };

/** Pauses before second tries are there, and short. */
const hurried: ClockPort["clock"] = {
  nowMs: systemClock.clock.nowMs,
  sleep: (ms) => systemClock.clock.sleep(ms / 20),
  timer: (ms, ring) => systemClock.clock.timer(ms / 20, ring),
};

function connect(workspace: Workspace, host: string, ending: AsyncDisposableStack): Connected {
  const { caPem } = workspace;
  const wire = ending.use(createWire({ origin: host, caPem, connectionsMax: 20 }));
  const tokens = createTokenSource({
    ...systemClock,
    ...secretsOf(workspace),
    wire,
    auth: { kind: "oauth-m2m", secretId: "databricks" },
    webIdentityToken: () => Promise.reject(new Error("nobody federates here")),
  });
  const http = createDatabricksHttp({
    clock: hurried,
    wire,
    tokens,
    limiter: createRateLimiter(rates, systemClock),
    userAgent: "signalbox-tests/0.0.0",
    random: systemRandom,
  });
  const files = createVolumeFiles(http);
  const sql = createDatabricksSql({
    host,
    httpPath: `/sql/1.0/warehouses/${workspace.context.warehouseId}`,
    tokens,
    caPem,
    catalog: "main",
    schema: "ops",
    userAgent: "signalbox-tests",
  });
  return {
    http,
    tokens,
    files,
    sql,
    ...createFacts({ files, factsVolume: FACTS_VOLUME }),
    ...createPlans(files, "/Volumes/main/ops/plans"),
    ...createMarkers({ files, factsVolume: FACTS_VOLUME }),
    ...createVolumes(files),
    ...createJobs(http),
  };
}

/** What a secret store would hold for the workspace's administrator. */
function secretsOf({ administrator }: Workspace): SecretsPort {
  const text = JSON.stringify({
    client_id: administrator.id,
    client_secret: administrator.clientSecret,
  });
  return { secrets: { read: async () => text, reread: async () => text } };
}
