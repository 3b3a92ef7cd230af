// What the template says, above all where no emulator would notice that it is wrong.
import { Match } from "aws-cdk-lib/assertions";
import { describe, expect, test } from "vitest";
import { type QueueName, type ServiceName, topology } from "../../shared/topology.ts";
import { KMS_KEY_ARN, ownKeyText, resourcesOf, stageOf, stageText, templateOf } from "./support.ts";

const template = templateOf();
const queueNames = Object.keys(topology) as QueueName[];
const services: ServiceName[] = ["orchestrator", "run-poller", "ingester"];

const arnOf = (queue: QueueName) => ({
  "Fn::Join": [
    "",
    ["arn:aws:sqs:eu-central-1:", { Ref: "AWS::AccountId" }, `:signalbox-test-${queue}`],
  ],
});

describe("queues", () => {
  test.each(queueNames)(
    "%s has the topology's numbers, and keeps messages for four days",
    (queue) => {
      const { visibilitySeconds, receivesMax } = topology[queue];
      template.hasResourceProperties("AWS::SQS::Queue", {
        QueueName: `signalbox-test-${queue}`,
        VisibilityTimeout: visibilitySeconds,
        MessageRetentionPeriod: 345_600,
        SqsManagedSseEnabled: true,
        RedrivePolicy: { maxReceiveCount: receivesMax, deadLetterTargetArn: Match.anyValue() },
      });
    },
  );

  test.each(queueNames)(
    "the dead letters of %s are kept for fourteen days, and come from it alone",
    (queue) => {
      template.hasResourceProperties("AWS::SQS::Queue", {
        QueueName: `signalbox-test-${queue}-dead-letters`,
        MessageRetentionPeriod: 1_209_600,
        RedriveAllowPolicy: { redrivePermission: "byQueue", sourceQueueArns: [arnOf(queue)] },
      });
    },
  );

  test.each(queueNames)("%s is visible again only after six timeouts and its window", (queue) => {
    const { visibilitySeconds, timeoutSeconds, windowSeconds } = topology[queue];
    expect(visibilitySeconds).toBeGreaterThanOrEqual(6 * timeoutSeconds + windowSeconds);
  });

  test("every queue refuses what comes without TLS", () => {
    const queues = Object.keys(resourcesOf(template, "AWS::SQS::Queue"));
    const policies = Object.values(resourcesOf(template, "AWS::SQS::QueuePolicy"));
    const guarded = policies.flatMap(({ Properties }) => {
      const text = JSON.stringify(Properties["PolicyDocument"]);
      const denies = text.includes('"aws:SecureTransport":"false"') && text.includes('"Deny"');
      return denies ? (Properties["Queues"] as { Ref: string }[]).map(({ Ref }) => Ref) : [];
    });
    expect(guarded.toSorted()).toEqual(queues.toSorted());
  });
});

describe("functions", () => {
  test.each(services)("the %s may loop, and runs on Node 24 and Graviton", (service) => {
    template.hasResourceProperties("AWS::Lambda::Function", {
      FunctionName: `signalbox-test-${service}`,
      Runtime: "nodejs24.x",
      Architectures: ["arm64"],
      RecursiveLoop: "Allow",
      LoggingConfig: { LogFormat: "JSON", LogGroup: Match.anyValue() },
      Environment: { Variables: Match.objectLike({ NODE_OPTIONS: "--enable-source-maps" }) },
    });
  });

  test.each(queueNames)("%s starts its consumer as the topology says", (queue) => {
    const { batchSize, windowSeconds, concurrencyMax } = topology[queue];
    const mappings = Object.entries(resourcesOf(template, "AWS::Lambda::EventSourceMapping"));
    const own = mappings.filter(([id]) =>
      id.includes(`${queue[0]?.toUpperCase()}${queue.slice(1)}Mapping`),
    );
    expect(own.map(([, { Properties }]) => Properties)).toEqual([
      {
        BatchSize: batchSize,
        MaximumBatchingWindowInSeconds: windowSeconds,
        ScalingConfig: { MaximumConcurrency: concurrencyMax },
        FunctionResponseTypes: ["ReportBatchItemFailures"],
        EventSourceArn: expect.anything(),
        FunctionName: expect.anything(),
        Tags: expect.anything(),
      },
    ]);
  });

  test("no mapping filters: SQS deletes what a filter passes over", () => {
    expect(JSON.stringify(template.toJSON())).not.toContain("FilterCriteria");
  });

  test("each function has a log group of its own that forgets", () => {
    const groups = Object.values(resourcesOf(template, "AWS::Logs::LogGroup"));
    expect(
      groups.map(({ Properties }) => [Properties["LogGroupName"], Properties["RetentionInDays"]]),
    ).toEqual(
      expect.arrayContaining(
        services.map((service) => [`/aws/lambda/signalbox-test-${service}`, 90]),
      ),
    );
  });

  test("a start that fails after Lambda took it is put aside, not dropped", () => {
    template.hasResourceProperties("AWS::Lambda::EventInvokeConfig", {
      MaximumRetryAttempts: 2,
      DestinationConfig: { OnFailure: { Destination: Match.anyValue() } },
    });
  });
});

describe("schedules", () => {
  test("the sweep comes every five minutes", () => {
    template.hasResourceProperties("AWS::Scheduler::Schedule", {
      ScheduleExpression: "rate(5 minutes)",
      FlexibleTimeWindow: { Mode: "OFF" },
      Target: Match.objectLike({
        Input: '{"schedule":"sweep"}',
        DeadLetterConfig: { Arn: Match.anyValue() },
        RetryPolicy: { MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 300 },
      }),
    });
  });

  test("a workload with a schedule gets a ticket whose id carries the scheduled time", () => {
    template.hasResourceProperties("AWS::Scheduler::Schedule", {
      Name: "signalbox-test-workload-nightly-report",
      ScheduleExpression: "cron(0 6 * * ? *)",
      ScheduleExpressionTimezone: "UTC",
      Target: Match.objectLike({
        Input: JSON.stringify({
          schedule: "workload",
          workload: "nightly-report",
          scheduled_time: "<aws.scheduler.scheduled-time>",
        }),
        DeadLetterConfig: { Arn: Match.anyValue() },
      }),
    });
  });

  test("a stage may switch workloads' schedules off", () => {
    const quiet = templateOf(stageOf(`${stageText}limits: { workload_schedules: false }\n`));
    expect(Object.keys(resourcesOf(quiet, "AWS::Scheduler::Schedule"))).toHaveLength(1);
  });

  test("names that are too long for AWS are shortened, and stay apart", () => {
    const long = (last: string) => ({
      workload: `${"a".repeat(62)}${last}`,
      schedule: "rate(1 day)",
    });
    const names = Object.values(
      resourcesOf(templateOf(stageOf(), [long("x"), long("y")]), "AWS::Scheduler::Schedule"),
    ).map(({ Properties }) => String(Properties["Name"]));
    expect(new Set(names).size).toBe(3);
    expect(Math.max(...names.map((name) => name.length))).toBeLessThanOrEqual(64);
  });
});

describe("stages", () => {
  test("two stages share an account: no name is in both", () => {
    const keys = ["Queue", "Function", "LogGroup", "Role", "Alarm", "Dashboard", ""];
    const namesOf = (stage: string): string[] => {
      const { Resources } = templateOf(stageOf(stageText, stage)).toJSON();
      return Object.values<{ Properties: Record<string, unknown> }>(Resources).flatMap(
        ({ Properties }) =>
          keys.flatMap((key) =>
            Properties[`${key}Name`] === undefined
              ? []
              : [JSON.stringify(Properties[`${key}Name`])],
          ),
      );
    };
    const other = new Set(namesOf("blue").filter((name) => !name.includes('"Ref"')));
    expect(other.size).toBeGreaterThan(20);
    expect(namesOf("green").filter((name) => other.has(name))).toEqual([]);
  });

  test("each has its own volumes, concurrency and window", () => {
    const own = templateOf(
      stageOf(
        `${stageText.replace("schema: ops", "schema: ops\n  volumes: { facts: blue_facts }")}
limits: { concurrency: { watches: 40, reports: 10 }, ledger_window_seconds: 120 }
`,
        "blue",
      ),
    );
    const mappings = Object.values(resourcesOf(own, "AWS::Lambda::EventSourceMapping"));
    const numbers = mappings.map(({ Properties }) => [
      JSON.stringify(Properties["EventSourceArn"]).match(/Queues([A-Z][a-z]+)/)?.[1],
      Properties["ScalingConfig"],
      Properties["MaximumBatchingWindowInSeconds"],
    ]);
    expect(numbers).toEqual([
      ["Tickets", { MaximumConcurrency: 2 }, 0],
      ["Orders", { MaximumConcurrency: 2 }, 0],
      ["Turns", { MaximumConcurrency: 2 }, 0],
      ["Watches", { MaximumConcurrency: 40 }, 0],
      ["Reports", { MaximumConcurrency: 10 }, 0],
      ["Records", { MaximumConcurrency: 2 }, 120],
    ]);
    // AWS's advice: six times the timeout, and the window.
    own.hasResourceProperties("AWS::SQS::Queue", {
      QueueName: "signalbox-blue-records",
      VisibilityTimeout: 480,
    });
    own.hasResourceProperties("AWS::Lambda::Function", {
      FunctionName: "signalbox-blue-ingester",
      Environment: {
        Variables: Match.objectLike({
          SIGNALBOX_FACTS_VOLUME: "blue_facts",
          // The workspace's rate limits are divided among so many.
          SIGNALBOX_INSTANCES: "12",
        }),
      },
    });
  });

  test("subnets are used where the stage names them", () => {
    const inVpc = templateOf(
      stageOf(
        stageText.replace(
          "region: eu-central-1",
          "vpc: { subnet_ids: [subnet-0123456789abcdef0, subnet-0123456789abcdef1], security_group_ids: [sg-0123456789abcdef0] }",
        ),
      ),
    );
    for (const { Properties } of Object.values(resourcesOf(inVpc, "AWS::Lambda::Function")))
      expect(Properties["VpcConfig"]).toEqual({
        SubnetIds: ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        SecurityGroupIds: ["sg-0123456789abcdef0"],
      });
    expect(JSON.stringify(template.toJSON())).not.toContain("VpcConfig");
  });

  test("alarms go to a topic that exists, to a new one with an address, or to nobody", () => {
    const toTopic = templateOf(
      stageOf(
        stageText.replace(
          "{ email: oncall@example.com }",
          '{ topic_arn: "arn:aws:sns:eu-central-1:111122223333:oncall" }',
        ),
      ),
    );
    const actionsOf = (of: typeof template) =>
      Object.values(resourcesOf(of, "AWS::CloudWatch::Alarm")).map(({ Properties }) =>
        JSON.stringify(Properties["AlarmActions"]),
      );
    expect(new Set(actionsOf(toTopic))).toEqual(
      new Set(['["arn:aws:sns:eu-central-1:111122223333:oncall"]']),
    );
    template.hasResourceProperties("AWS::SNS::Subscription", { Endpoint: "oncall@example.com" });
    const toNobody = templateOf(
      stageOf(stageText.replace("{ email: oncall@example.com }", "{ nobody: true }")),
    );
    expect(new Set(actionsOf(toNobody))).toEqual(new Set([undefined]));
  });
});

describe("people", () => {
  const statementsOf = (description: RegExp, of = template) => {
    const policies = Object.values(resourcesOf(of, "AWS::IAM::ManagedPolicy"));
    const own = policies.filter(({ Properties }) =>
      description.test(String(Properties["Description"])),
    );
    expect(own).toHaveLength(1);
    const document = own[0]?.Properties["PolicyDocument"] ?? { Statement: [] };
    const { Statement } = document as {
      Statement: { Action: string | string[]; Resource: unknown }[];
    };
    return Statement.map(({ Action, Resource }) => ({
      actions: [Action].flat(),
      resources: JSON.stringify(Resource),
    }));
  };

  test("producers are let into the queue of tickets alone", () => {
    expect(statementsOf(/send tickets, and nothing else/)[0]).toEqual({
      actions: ["sqs:SendMessage"],
      resources: '{"Fn::GetAtt":["QueuesTicketsAFF8285F","Arn"]}',
    });
  });

  test("on-call engineers take letters, never tickets, and no policy of theirs has a star", () => {
    const statements = statementsOf(/dead letters/);
    const takes = statements.filter(({ actions }) => actions.includes("sqs:ReceiveMessage"));
    expect(takes).toHaveLength(1);
    for (const id of takes[0]?.resources.match(/(?<=GetAtt":\[")[^"]+/g) ?? [])
      expect(id).toMatch(/DeadLetters/);
    expect(statements.map(({ resources }) => resources).join()).not.toContain('"*"');
    expect(statements.flatMap(({ actions }) => actions).join()).not.toContain("*");
  });

  test.each([
    { given: "no principal of its own", on_call: "", secret: undefined },
    {
      given: "a principal whose secret people keep",
      on_call: "on_call: { client_id: 44444444-4444-4444-8444-444444444444 }",
      secret: undefined,
    },
    {
      given: "a principal with a stored secret",
      on_call:
        "on_call: { client_id: 44444444-4444-4444-8444-444444444444, secret: signalbox/test/on-call }",
      secret: "secret:signalbox/test/on-call-??????",
    },
  ])("with $given, on-call reads that secret and never the functions'", ({ on_call, secret }) => {
    const own = templateOf(
      stageOf(stageText.replace("catalog: main", `catalog: main\n  ${on_call}`)),
    );
    const reads = statementsOf(/dead letters/, own).filter(({ actions }) =>
      actions.includes("secretsmanager:GetSecretValue"),
    );
    expect(reads.map(({ resources }) => resources.match(/secret:[^"]+/)?.[0])).toEqual(
      secret === undefined ? [] : [secret],
    );
  });
});

describe("the dashboard", () => {
  test("counts the warehouse's hours of a whole day, though it shows half of one", () => {
    const [board] = Object.values(resourcesOf(template, "AWS::CloudWatch::Dashboard"));
    const text = JSON.stringify(board?.Properties["DashboardBody"]).replaceAll("\\", "");
    expect(text).toContain('"start":"-PT12H"');
    const widget = text.slice(text.indexOf("Warehouse hours"));
    expect(widget).toContain('"start":"-P1D"');
    expect(widget).toContain('"expression":"TIME_SERIES(SUM(');
  });

  const urlOf = (of: typeof template) =>
    (of.toJSON()["Outputs"].DashboardUrl as { Value: unknown }).Value;
  test.each([
    { region: "eu-central-1", host: "eu-central-1.console.aws.amazon.com" },
    { region: "us-gov-west-1", host: "us-gov-west-1.console.amazonaws-us-gov.com" },
    { region: "cn-north-1", host: "cn-north-1.console.amazonaws.cn" },
  ])("opens in the console of $region", ({ region, host }) => {
    const own = templateOf(stageOf(stageText.replace("eu-central-1", region)));
    expect(urlOf(own)).toBe(
      `https://${host}/cloudwatch/home?region=${region}#dashboards/dashboard/signalbox-test`,
    );
  });
});

describe("secrets", () => {
  test("none is in the template: a secret is named, never made or resolved", () => {
    const text = JSON.stringify(template.toJSON());
    expect(resourcesOf(template, "AWS::SecretsManager::Secret")).toEqual({});
    expect(text).not.toMatch(/\{\{resolve:|dapi[0-9a-f]{32}|client_secret/);
    expect(text).toContain("secret:signalbox/test/databricks-??????");
  });

  test("a key of the account's own is used by functions, through Secrets Manager alone", () => {
    const { Resources } = templateOf(stageOf(ownKeyText)).toJSON();
    type Statement = { readonly Sid: string };
    const statements = Object.values<{
      Properties: { PolicyDocument?: { Statement: Statement[] } };
    }>(Resources)
      .flatMap(({ Properties }) => Properties.PolicyDocument?.Statement ?? [])
      .filter(({ Sid }) => Sid === "DecryptSecret");
    const wanted = {
      Sid: "DecryptSecret",
      Effect: "Allow",
      Action: "kms:Decrypt",
      Resource: KMS_KEY_ARN,
      Condition: {
        StringEquals: { "kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com" },
      },
    };
    expect(statements).toEqual([wanted, wanted, wanted]);
    expect(JSON.stringify(template.toJSON())).not.toContain("kms:Decrypt");
  });

  test("with federation there is none at all", () => {
    const federated = templateOf(
      stageOf(
        stageText.replace(
          "{ kind: oauth-m2m, secret: signalbox/test/databricks }",
          "{ kind: federation, audience: 33333333-3333-4333-8333-333333333333 }",
        ),
      ),
    );
    expect(JSON.stringify(federated.toJSON())).not.toContain("secretsmanager");
    federated.hasResourceProperties("AWS::IAM::Policy", {
      PolicyDocument: Match.objectLike({
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: "sts:GetWebIdentityToken",
            Condition: {
              "ForAllValues:StringEquals": {
                "sts:IdentityTokenAudience": "33333333-3333-4333-8333-333333333333",
              },
              NumericLessThanEqualsIfExists: { "sts:DurationSeconds": 300 },
            },
          }),
        ]),
      }),
    });
  });
});
