// Whether anybody hears an alarm, as the doctor judges it from what SNS says of the topic.
import { expect, test } from "vitest";
import { alarmsCheck, topicFinding } from "../../cli/doctor/alarms-check.ts";
import type { Stage } from "../../infra/stage.ts";
import { resourcesOf, stageOf, stageText, templateOf } from "../infra/support.ts";

const named = (alarms: string): Stage =>
  stageOf(stageText.replace("{ email: oncall@example.com }", alarms));
const ARN = "arn:aws:sns:eu-central-1:111122223333:signalbox-test-alarms";
const [deployed] = Object.values(resourcesOf(templateOf(), "AWS::SNS::TopicPolicy"));
const own = JSON.stringify(deployed?.Properties["PolicyDocument"]);
const ofSns = JSON.stringify({
  Statement: [
    {
      Effect: "Allow",
      Principal: { AWS: "*" },
      Action: ["SNS:GetTopicAttributes", "SNS:Publish", "SNS:Subscribe"],
      Condition: { StringEquals: { "AWS:SourceOwner": "111122223333" } },
    },
  ],
});
const tlsAlone = JSON.stringify({
  Statement: [
    {
      Effect: "Deny",
      Principal: "*",
      Action: "sns:Publish",
      Condition: { Bool: { "aws:SecureTransport": "false" } },
    },
  ],
});
const confirmed = { SubscriptionsConfirmed: "2", SubscriptionsPending: "0" };
const pending = { SubscriptionsConfirmed: "0", SubscriptionsPending: "1" };
const byMail = '{ email: "oncall@example.com" }';
const byTopic = `{ topic_arn: "${ARN}" }`;

test.each([
  { given: "the deployed policy", alarms: byMail, topic: { Policy: own, ...confirmed } },
  { given: "SNS' own policy", alarms: byTopic, topic: { Policy: ofSns, ...confirmed } },
])("with $given and two who confirmed, all is well", ({ alarms, topic }) => {
  expect(topicFinding(named(alarms), ARN, topic)).toEqual({
    status: "ok",
    sentence: `${ARN} has 2 who hear them`,
  });
});

test.each([
  {
    given: "a policy that only refuses",
    alarms: byMail,
    topic: { Policy: tlsAlone, ...confirmed },
    sentence: /does not let CloudWatch publish/,
    remedy: /^npx cdk deploy signalbox-test --revert-drift restores it/,
  },
  {
    given: "no policy, on a topic of the operator's",
    alarms: byTopic,
    topic: { ...confirmed },
    sentence: /does not let CloudWatch publish/,
    remedy: /allow sns:Publish to the service cloudwatch\.amazonaws\.com/,
  },
  {
    given: "nobody who confirmed",
    alarms: byMail,
    topic: { Policy: own, ...pending },
    sentence: /nobody hears them yet: the subscription waits to be confirmed/,
    remedy: /open the mail "AWS Notification - Subscription Confirmation"/,
  },
  {
    given: "nobody subscribed",
    alarms: byTopic,
    topic: { Policy: ofSns },
    sentence: /nobody is subscribed to arn:aws:sns/,
    remedy: /aws sns subscribe --topic-arn arn:aws:sns/,
  },
])("$given is a warning", ({ alarms, topic, sentence, remedy }) => {
  const finding = topicFinding(named(alarms), ARN, topic);
  expect(finding).toMatchObject({
    status: "warn",
    sentence: expect.stringMatching(sentence),
    remedy: expect.stringMatching(remedy),
  });
});

test("a stage that names nobody is warned of, without asking AWS", async () => {
  expect(await alarmsCheck(named("{ nobody: true }")).look()).toMatchObject({
    status: "warn",
    sentence: "nobody hears them: the stage says so",
    remedy: expect.stringMatching(/in test\.yaml, and npx cdk deploy signalbox-test/),
  });
});
