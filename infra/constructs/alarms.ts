// The alarms of a stage, and their recipients.
import { Stack } from "aws-cdk-lib";
import { Alarm, ComparisonOperator, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { type ITopic, Topic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import { Construct } from "constructs";
import { alarmTopicName, constructId } from "../names.ts";
import type { Stage } from "../stage.ts";
import { type AlarmShape, type AlarmsProps, alarmShapes } from "./alarm-shapes.ts";

export class Alarms extends Construct {
  readonly alarms: readonly Alarm[];
  readonly topic: ITopic | undefined;

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    this.topic = topicOf(this, props.stage);
    this.alarms = alarmShapes(props).map((shape) => this.alarm(props.stage, shape));
  }

  private alarm(stage: Stage, shape: AlarmShape): Alarm {
    const [datapointsToAlarm, evaluationPeriods] = shape.of ?? [1, 1];
    const alarm = new Alarm(this, constructId(shape.id), {
      alarmName: `${stage.stack}-${shape.id}`,
      alarmDescription: `impact: ${shape.impact} runbook: ${stage.runbook_url}#${shape.runbook}`,
      metric: shape.metric,
      threshold: shape.threshold,
      comparisonOperator: shape.below
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      datapointsToAlarm,
      evaluationPeriods,
      treatMissingData: shape.missingIsBad
        ? TreatMissingData.BREACHING
        : TreatMissingData.NOT_BREACHING,
    });
    if (this.topic !== undefined) {
      alarm.addAlarmAction(new SnsAction(this.topic));
      alarm.addOkAction(new SnsAction(this.topic));
    }
    return alarm;
  }
}

function topicOf(scope: Construct, { alarms, stack }: Stage): ITopic | undefined {
  if ("topic_arn" in alarms) return Topic.fromTopicArn(scope, "Topic", alarms.topic_arn);
  if ("nobody" in alarms) return undefined;
  const topic = new Topic(scope, "Topic", { topicName: alarmTopicName(stack), enforceSSL: true });
  // Any policy of our own, such as enforceSSL makes, replaces SNS' default, which lets CloudWatch
  // in.
  topic.addToResourcePolicy(
    new PolicyStatement({
      sid: "AlarmsPublish",
      principals: [new ServicePrincipal("cloudwatch.amazonaws.com")],
      actions: ["sns:Publish"],
      resources: [topic.topicArn],
      conditions: { StringEquals: { "aws:SourceAccount": Stack.of(scope).account } },
    }),
  );
  topic.addSubscription(new EmailSubscription(alarms.email));
  return topic;
}
