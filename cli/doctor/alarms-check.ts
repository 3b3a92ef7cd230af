// Checks whether anybody hears the alarms: who is named, whether they have confirmed it, and
// whether CloudWatch may speak to the topic.
import { GetTopicAttributesCommand, SNSClient } from "@aws-sdk/client-sns";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import * as z from "zod";
import { alarmTopicName } from "../../infra/names.ts";
import type { Stage } from "../../infra/stage.ts";
import { jsonOrNothing } from "../../shared/domain/body.ts";
import { awsOptionsOf } from "../stage-context.ts";
import { type Check, type Finding, ok, restoring, warn } from "./check.ts";

/** As GetTopicAttributes has them: all of them text. */
export type TopicAttributes = Readonly<Record<string, string>>;

export const alarmsCheck = (stage: Stage): Check => ({
  id: "alarms",
  remedy: `npx cdk deploy ${stage.stack}`,
  look: async () => {
    if ("nobody" in stage.alarms) return nobodyFinding(stage);
    const sns = new SNSClient(awsOptionsOf(stage));
    const TopicArn =
      "topic_arn" in stage.alarms
        ? stage.alarms.topic_arn
        : await ownTopic(stage, await sns.config.region());
    const { Attributes = {} } = await sns.send(new GetTopicAttributesCommand({ TopicArn }));
    return topicFinding(stage, TopicArn, Attributes);
  },
});

async function ownTopic(stage: Stage, region: string): Promise<string> {
  const sts = new STSClient(awsOptionsOf(stage));
  const { Account = "", Arn = "" } = await sts.send(new GetCallerIdentityCommand({}));
  const partition = Arn.split(":")[1] ?? "aws";
  return `arn:${partition}:sns:${region}:${Account}:${alarmTopicName(stage.stack)}`;
}

const nobodyFinding = ({ name, stack }: Stage): Finding =>
  warn(
    "nobody hears them: the stage says so",
    `name an address or a topic as alarms in ${name}.yaml, and npx cdk deploy ${stack}`,
  );

/**
 * Runs end correctly without it, so this is a warning. But a failure at night is found in the
 * morning only.
 */
export function topicFinding(stage: Stage, topicArn: string, topic: TopicAttributes): Finding {
  const isOwn = "email" in stage.alarms;
  if (!letsCloudWatchIn(topic["Policy"] ?? ""))
    return warn(
      `the policy of ${topicArn} does not let CloudWatch publish: nobody hears them`,
      isOwn
        ? restoring(stage)
        : "allow sns:Publish to the service cloudwatch.amazonaws.com there (aws sns set-topic-attributes --attribute-name Policy)",
    );
  const confirmed = Number(topic["SubscriptionsConfirmed"] ?? 0);
  if (confirmed > 0) return ok(`${topicArn} has ${confirmed} who hear them`);
  const pending = Number(topic["SubscriptionsPending"] ?? 0);
  return warn(
    pending > 0
      ? "nobody hears them yet: the subscription waits to be confirmed"
      : `nobody hears them: nobody is subscribed to ${topicArn}`,
    isOwn
      ? `open the mail "AWS Notification - Subscription Confirmation" and confirm; another one: aws sns subscribe --topic-arn ${topicArn} --protocol email --notification-endpoint <address>`
      : `subscribe somebody: aws sns subscribe --topic-arn ${topicArn} --protocol email --notification-endpoint <address>`,
  );
}

const Policy = z.object({
  Statement: z.array(z.object({ Effect: z.string(), Principal: z.unknown(), Action: z.unknown() })),
});

/** SNS' default policy lets everybody in, with a condition on the account that alarms fulfil. */
function letsCloudWatchIn(text: string): boolean {
  const policy = Policy.safeParse(jsonOrNothing(text));
  const mentions = (value: unknown, word: RegExp) => word.test(JSON.stringify(value ?? ""));
  return (
    policy.success &&
    policy.data.Statement.some(
      ({ Effect, Principal, Action }) =>
        Effect === "Allow" &&
        mentions(Principal, /"cloudwatch\.amazonaws\.com"|"\*"/) &&
        mentions(Action, /"(sns:Publish|sns:\*|\*)"/i),
    )
  );
}
