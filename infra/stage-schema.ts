// The schema of a stage file: each key with its fault and the fix. stage.ts reads and judges the
// file.
import * as z from "zod";
import { PrincipalId } from "../shared/domain/recipe.ts";
import { RETENTION_DAYS } from "../shared/domain/retention.ts";
import { type QueueName, topology } from "../shared/topology.ts";

const text = (pattern: RegExp, error: string) => z.string(error).regex(pattern, { error });
const identifier = (what: string) =>
  text(
    /^[a-z_][a-z0-9_]{0,99}$/,
    `must be the ${what}'s name in lower-case letters, digits and underscores`,
  );
const seconds = (what: string, max: number) =>
  z
    .int(`must be ${what}, in whole seconds`)
    .min(1, `must be at least 1 second`)
    .max(max, `must be at most ${max} seconds`);

const StoredSecret = {
  secret: text(
    /^[A-Za-z0-9/_+=.@-]{1,512}$/,
    "must be the name (not the ARN) of a Secrets Manager secret in this account and region, such as signalbox/dev/databricks",
  ),
  /** The key of the secret, if it is not Secrets Manager's own. */
  kms_key_arn: text(
    /^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key\/[A-Za-z0-9-]{1,64}$/,
    "must be the ARN of the KMS key that encrypts the secret, arn:aws:kms:…:key/… (not an alias), or be absent: Secrets Manager's own key needs no grant",
  ).optional(),
};

/**
 * A service principal that reads facts, plans, results and the ledger, and writes nothing: people
 * use it at night.
 */
const OnCall = z
  .strictObject(
    {
      client_id: PrincipalId,
      /**
       * Its client secret in Secrets Manager, which the on-call policy may then read. Absent:
       * people have credentials of their own.
       */
      secret: StoredSecret.secret.optional(),
      kms_key_arn: StoredSecret.kms_key_arn,
    },
    "must hold client_id, and may hold secret and kms_key_arn, or be absent",
  )
  .refine(({ secret, kms_key_arn }) => kms_key_arn === undefined || secret !== undefined, {
    path: ["secret"],
    message: "is missing, and kms_key_arn says that there is one",
  });

/** How the functions sign in at Databricks; in the order of preference. */
const Auth = z.discriminatedUnion(
  "kind",
  [
    z.strictObject({
      /**
       * No stored secret: a token of the function's role (STS GetWebIdentityToken), exchanged under
       * a federation policy.
       */
      kind: z.literal("federation"),
      audience: text(
        /^\S{1,1000}$/,
        "must be the audience of the service principal's federation policy (mostly the Databricks account id)",
      ),
    }),
    z.strictObject({
      /** An OAuth client secret in Secrets Manager: {"client_id": …, "client_secret": …}. */
      kind: z.literal("oauth-m2m"),
      ...StoredSecret,
    }),
    z.strictObject({
      /**
       * A personal access token in Secrets Manager: {"token": …}. It belongs to a person, and ends
       * when that person's account ends.
       */
      kind: z.literal("pat"),
      ...StoredSecret,
    }),
  ],
  { error: "must have kind: federation (recommended), oauth-m2m or pat" },
);

const volume = (what: string, usual: string) => identifier(`${what} volume`).default(usual);

/** All of them lie in the stage's own schema. */
const Volumes = z
  .strictObject(
    {
      facts: volume("facts", "facts"),
      plans: volume("plans", "plans"),
      scratchpad: volume("scratchpad", "scratchpad"),
      company_codebase: volume("company codebase", "company_codebase"),
    },
    "must name facts, plans, scratchpad and company_codebase, or be absent: all have defaults",
  )
  // Executed code may write to a volume that is never the one of the facts.
  .refine((names) => new Set(Object.values(names)).size === 4, {
    error: "must name four different volumes",
  })
  .prefault({});

const Identities = z.object({
  /** The functions' own service principal. */
  client_id: PrincipalId,
  /** The functions' earlier principals: runs that they submitted are still ours. */
  former_client_ids: z.array(PrincipalId).max(10).default([]),
  /** The service principal as which executors run. */
  run_as: PrincipalId,
  on_call: OnCall.optional(),
  /** If true, executed code could forge facts. For experiments only; the doctor keeps warning. */
  allow_same_identity: z.boolean("must be true or false").default(false),
});

const Databricks = z
  .strictObject(
    {
      host: text(
        /^https:\/\/[a-z0-9.-]+(:[0-9]{1,5})?$/,
        "must be the workspace's address, https://… without a path and without a slash at its end, such as https://dbc-1234abcd-5678.cloud.databricks.com",
      ),
      auth: Auth,
      ...Identities.shape,
      warehouse_id: text(
        /^[0-9a-f]{8,32}$/,
        "must be the id of the SQL warehouse for the ledger (SQL Warehouses → it → ID), in quotes",
      ),
      catalog: text(
        /^[a-z_][a-z0-9_-]{0,99}$/,
        "must be the catalog's name in lower-case letters, digits, underscores and dashes",
      ),
      schema: identifier("schema"),
      volumes: Volumes,
      /**
       * Where results are judged. `file` is for compute whose runs have no output: others may
       * rewrite the file before it is judged.
       */
      evidence: z.enum(["output", "file"], "must be output or file").default("output"),
    },
    "must hold host, auth, client_id, warehouse_id, catalog, schema and run_as: see infra/stages/dev.yaml",
  )
  .refine(
    ({ run_as, client_id, allow_same_identity }) => allow_same_identity || run_as !== client_id,
    {
      path: ["run_as"],
      message:
        "is the controllers' own client_id, so executed code could forge the facts that judge it: name another service principal, or say allow_same_identity: true",
      // Also if there are other faults, so that the operator sees all of them at once.
      when: ({ value }) => Identities.safeParse(value).success,
    },
  )
  .superRefine((value, { addIssue }) => {
    const fault = onCallFault(value);
    if (fault !== undefined)
      addIssue({ code: "custom", path: ["on_call", fault.key], message: fault.message });
  });

type Principals = Pick<z.infer<typeof Identities>, "client_id" | "run_as" | "on_call"> & {
  readonly auth: z.infer<typeof Auth>;
};

/** The identity of people at night must not be one that can change what they look at. */
function onCallFault({ client_id, run_as, on_call, auth }: Principals) {
  if (on_call?.client_id === client_id)
    return {
      key: "client_id",
      message:
        "is the controllers' own client_id, so whoever is on call could write facts: name another service principal",
    };
  if (on_call?.client_id === run_as)
    return {
      key: "client_id",
      message: "is also run_as, so whoever is on call could write results: name another one",
    };
  if (on_call?.secret !== undefined && auth.kind !== "federation" && on_call.secret === auth.secret)
    return {
      key: "secret",
      message: "is the functions' own secret, with which facts can be written: store another one",
    };
  return undefined;
}

/** The people who may give orders: roles and users of IAM. */
const People = z
  .strictObject(
    {
      /** Absent: every principal that IAM allows, but no service of AWS. */
      orders: z
        .array(
          text(
            /^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)\/[A-Za-z0-9+=,.@_/*?-]{1,600}$/,
            'must be the ARN of a role or user of IAM, such as "arn:aws:iam::111122223333:role/on-call*" (of a role that people assume, the role\'s own ARN)',
          ),
        )
        .min(1, "must name somebody, or be absent: nobody could stop a run")
        .max(50)
        .optional(),
    },
    "must hold orders, or be absent",
  )
  .default({});

/** A name that comes twice counts once: two subnets must be two zones. */
const areDistinct = (names: readonly string[]): boolean => new Set(names).size === names.length;

const Vpc = z.strictObject(
  {
    subnet_ids: z
      .array(text(/^subnet-[0-9a-f]{8,17}$/, "must be a subnet id, subnet-…"))
      .min(2, "must name at least two private subnets, in different zones")
      .refine(areDistinct, "must name each subnet once"),
    security_group_ids: z
      .array(text(/^sg-[0-9a-f]{8,17}$/, "must be a security group id, sg-…"))
      .min(
        1,
        "must name a security group that lets HTTPS out to the workspace, SQS, STS or Secrets Manager, EventBridge",
      )
      .refine(areDistinct, "must name each security group once"),
  },
  "must hold subnet_ids and security_group_ids",
);

// The parts of a region's name, not a list of names: there are new regions every year.
const REGION =
  /^[a-z]{2,4}(-(gov|iso[a-z]?|de))?-(north|south|east|west|central|northeast|northwest|southeast|southwest)-[1-9]$/;

const Aws = z.strictObject(
  {
    /**
     * Absent: the account of the deploying credentials. Named: CDK refuses a deployment with
     * credentials of another one.
     */
    account: text(/^[0-9]{12}$/, "must be the account's twelve digits, in quotes").optional(),
    region: text(REGION, "must be a region such as eu-central-1").optional(),
    /**
     * For workspaces behind IP access lists or private links. Absent: the functions run outside any
     * VPC.
     */
    vpc: Vpc.optional(),
  },
  "must hold account, region, vpc, or nothing: aws: {}",
);

const concurrency = z
  .int("must be a whole number of batches at once")
  .min(2, "must be at least 2 (Lambda's ScalingConfig)")
  .max(1000, "must be at most 1000 (Lambda's ScalingConfig)");

const queueNames = Object.keys(topology) as readonly QueueName[];

/** How many batches of each queue are handled at once; default: as in the topology. */
const Concurrency = z
  .partialRecord(z.enum(queueNames), concurrency, {
    error: `must be a map of ${queueNames.join(", ")} to numbers, or absent: all have defaults`,
  })
  .default({});

const Limits = z
  .strictObject(
    {
      log_retention_days: z
        .union(
          ([7, 14, 30, 60, 90, 120, 180, 365, 731] as const).map((days) => z.literal(days)),
          "must be 7, 14, 30, 60, 90, 120, 180, 365 or 731",
        )
        .default(90),
      /** A message that has waited so long in a queue is an alarm. */
      queue_age_seconds: seconds("the age of a waiting message that is an alarm", 86_400).default(
        900,
      ),
      /**
       * A ledger that keeps a warehouse awake for longer is an alarm, because it costs more than
       * all of AWS.
       */
      warehouse_hours_per_day: z
        .number("must be a number of hours")
        .min(0.1, "must be at least 0.1")
        .max(24, "must be at most 24")
        .default(8),
      /**
       * How long the facts of a run are kept after its end, and so how long its ticket_id is
       * remembered.
       */
      retention_days: z
        .int("must be a number of whole days")
        .min(RETENTION_DAYS.min, `must be at least ${RETENTION_DAYS.min}: messages live up to 18`)
        .max(RETENTION_DAYS.max, `must be at most ${RETENTION_DAYS.max}`)
        .default(RETENTION_DAYS.usually),
      concurrency: Concurrency,
      /**
       * How long records are gathered before they are written. Longer means fewer, larger merges,
       * and later outcomes.
       */
      ledger_window_seconds: z
        .int("must be a number of whole seconds")
        .min(1, "must be at least 1: Lambda gathers more than ten messages only within a window")
        .max(300, "must be at most 300 (Lambda's limit)")
        .default(topology.records.windowSeconds),
      /** Whether recipes' schedules send tickets here. */
      workload_schedules: z.boolean("must be true or false").default(true),
      /** Multiplies the plane's own waits. 1, except in rehearsals. */
      time_scale: z
        .number("must be a number")
        .min(0.01, "must be at least 0.01")
        .max(1, "must be at most 1")
        .default(1),
    },
    "must be a map, or absent: all limits have defaults",
  )
  .prefault({});

const Alarms = z.union(
  [
    z.strictObject({
      topic_arn: text(
        /^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$/,
        "must be the ARN of an SNS topic",
      ),
    }),
    z.strictObject({ email: z.email("must be an e-mail address; it gets a mail to confirm") }),
    z.strictObject({ nobody: z.literal(true) }),
  ],
  'must say who hears alarms: {topic_arn: "arn:aws:sns:…"}, {email: "oncall@example.com"}, or {nobody: true}',
);

/** The part of an alarm's 1,024 characters of description; the rest is for its meaning. */
export const RUNBOOK_URL_CHARS_MAX = 700;

/** A stage file, with its defaults. */
export const StageFile = z.strictObject(
  {
    // A key with nothing but comments below it is null in YAML.
    aws: z.preprocess((value) => value ?? {}, Aws),
    databricks: Databricks,
    limits: Limits,
    people: People,
    alarms: Alarms,
    /**
     * The address to which alarms send people: your copy of infra/runbook.md, as a link that opens
     * from a phone.
     */
    runbook_url: text(
      /^https:\/\/[^\s#]+$/,
      "must be the address of your copy of the runbook, https://… and without a #: alarms add their section",
    )
      .max(RUNBOOK_URL_CHARS_MAX, `must have at most ${RUNBOOK_URL_CHARS_MAX} characters`)
      .default("infra/runbook.md"),
  },
  "must be a map of databricks, alarms and more: see infra/stages/dev.yaml",
);
