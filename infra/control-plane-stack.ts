// The loop on AWS, built from shared/topology.ts: queues, three functions, a schedule, a bus, and
// permissions.
import { App, CfnOutput, Stack, Tags } from "aws-cdk-lib";
import recommended from "aws-cdk-lib/recommended-feature-flags.json" with { type: "json" };
import { RegionInfo } from "aws-cdk-lib/region-info";
import type { Construct } from "constructs";
import type { ServiceName } from "../shared/topology.ts";
import { Alarms } from "./constructs/alarms.ts";
import { Consumer, ServiceIdentity } from "./constructs/consumer.ts";
import { Dashboard } from "./constructs/dashboard.ts";
import {
  keepBusToServices,
  keepOrdersToPeople,
  keepOutOtherAccounts,
} from "./constructs/kept-out.ts";
import { LoopQueues, type PutAside } from "./constructs/loop-queues.ts";
import { Outcomes } from "./constructs/outcomes.ts";
import { People } from "./constructs/people.ts";
import { Schedules } from "./constructs/schedules.ts";
import { queueNames } from "./constructs/traffic.ts";
import { constructId } from "./names.ts";
import type { Stage } from "./stage.ts";
import type { ScheduledWorkload } from "./workloads.ts";

/**
 * The CDK app with the behaviour that CDK recommends. Its feature flags come with the library that
 * package-lock.json pins, and the golden template shows what another version would change.
 */
export const createApp = (): App => new App({ analyticsReporting: false, context: recommended });

export type ControlPlaneProps = {
  readonly stage: Stage;
  /** The folder with handler.mjs for each function. */
  readonly code: Readonly<Record<ServiceName, string>>;
  /** The python_file of every submission, in the company codebase. */
  readonly executorPath: string;
  readonly scheduled: readonly ScheduledWorkload[];
};

export class ControlPlaneStack extends Stack {
  readonly consumers: Readonly<Record<ServiceName, Consumer>>;
  readonly queues: LoopQueues;
  readonly outcomes: Outcomes;
  readonly alarms: Alarms;
  readonly people: People;
  readonly schedules: Schedules;

  constructor(scope: Construct, props: ControlPlaneProps) {
    const { stage } = props;
    const { account, region } = stage.aws;
    super(scope, stage.stack, {
      stackName: stage.stack,
      description: `Signalbox ${stage.name}: a control plane for Databricks runs`,
      env: { ...(account !== undefined && { account }), ...(region !== undefined && { region }) },
    });
    Tags.of(this).add("signalbox:stage", stage.name);
    this.queues = new LoopQueues(this, "Queues", stage);
    this.outcomes = new Outcomes(this, "Outcomes", stage);
    this.consumers = this.createConsumers(props);
    this.schedules = new Schedules(this, "Schedules", {
      stack: stage.stack,
      orchestrator: this.consumers.orchestrator,
      workloads: stage.limits.workload_schedules ? props.scheduled : [],
    });
    const queues = this.queues.pairs;
    const putAside = [...this.schedules.putAside, this.outcomes.deadLetters];
    this.keepOut(stage, putAside);
    this.people = new People(this, "People", { stage, queues, putAside });
    const { consumers } = this;
    const scheduleGroup = this.schedules.groupName;
    this.alarms = new Alarms(this, "Alarms", {
      ...{ stage, consumers, queues, putAside, scheduleGroup },
    });
    new Dashboard(this, "Dashboard", { stack: stage.stack, consumers, queues, putAside });
    this.announce(props);
  }

  private createConsumers({ stage, code, executorPath }: ControlPlaneProps) {
    const { bus } = this.outcomes;
    const propsOf = (service: ServiceName) => ({
      ...{ stage, service, queues: this.queues.pairs },
      eventBus: { name: bus.eventBusName, arn: bus.eventBusArn },
    });
    const identityOf = (service: ServiceName) =>
      new ServiceIdentity(this, constructId(service), propsOf(service));
    const identities = {
      orchestrator: identityOf("orchestrator"),
      "run-poller": identityOf("run-poller"),
      ingester: identityOf("ingester"),
    };
    const ownRoleIds = Object.values(identities).map(({ role }) => role.roleId);
    const create = (service: ServiceName) =>
      new Consumer({
        ...propsOf(service),
        ...{ identity: identities[service], ownRoleIds, executorPath, code: code[service] },
      });
    return {
      orchestrator: create("orchestrator"),
      "run-poller": create("run-poller"),
      ingester: create("ingester"),
    };
  }

  private keepOut(stage: Stage, putAside: readonly PutAside[]): void {
    const pairs = Object.values(this.queues.pairs);
    keepOutOtherAccounts([
      ...pairs.flatMap(({ source, deadLetters }) => [source, deadLetters]),
      ...putAside.map(({ queue }) => queue),
      this.outcomes.example,
    ]);
    keepOrdersToPeople(this.queues.pairs.orders.source, this.consumers, stage);
    keepBusToServices(this.outcomes, this.consumers);
  }

  /**
   * Writes the outputs that an operator, an upstream system and the command line need of a deployed
   * stack.
   */
  private announce({ stage, executorPath }: ControlPlaneProps): void {
    const output = (key: string, value: string, description: string) =>
      new CfnOutput(this, `${key}Output`, { key, value, description });
    for (const queue of queueNames) {
      const { source, deadLetters } = this.queues.pairs[queue];
      const name = constructId(queue);
      output(`${name}QueueUrl`, source.queueUrl, `The queue ${queue}`);
      output(`${name}DeadLettersUrl`, deadLetters.queueUrl, `The dead letters of ${queue}`);
    }
    for (const { service, role } of Object.values(this.consumers))
      output(`${constructId(service)}RoleArn`, role.roleArn, `Subject of a federation policy`);
    output("EventBusName", this.outcomes.bus.eventBusName, "Where outcomes are announced");
    output("ExampleQueueUrl", this.outcomes.example.queueUrl, "What the example rule caught");
    output("ProducersPolicyArn", this.people.producers.managedPolicyArn, "May send tickets");
    output(
      "OnCallPolicyArn",
      this.people.onCall.managedPolicyArn,
      "May send orders and handle dead letters",
    );
    output("ExecutorPath", executorPath, "Where signalbox bootstrap uploads the executor");
    output("DashboardUrl", dashboardUrl(this.region, stage.stack), "The dashboard");
  }
}

const consoles: Readonly<Record<string, string>> = {
  "aws-cn": "console.amazonaws.cn",
  "aws-us-gov": "console.amazonaws-us-gov.com",
};

/** If only the deployment knows the region, CDK knows no partition. Then the usual one is taken. */
function dashboardUrl(region: string, name: string): string {
  const console = consoles[RegionInfo.get(region).partition ?? ""] ?? "console.aws.amazon.com";
  return `https://${region}.${console}/cloudwatch/home?region=${region}#dashboards/dashboard/${name}`;
}
