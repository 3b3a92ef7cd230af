// Whether anybody hears an alarm: the template's half of it. CloudWatch logs what a topic refuses, and says it to nobody.
import { expect, test } from "vitest";
import { resourcesOf, templateOf } from "./support.ts";

const template = templateOf();
const alarms = Object.values(resourcesOf(template, "AWS::CloudWatch::Alarm")).map(
  ({ Properties }) => Properties,
);

type Statement = {
  readonly Effect: string;
  readonly Action: string;
  readonly Principal: unknown;
  readonly Condition?: unknown;
  readonly Resource: unknown;
};

test.each(alarms)("CloudWatch may say $AlarmName to the topic that it names", (alarm) => {
  const topics = [alarm["AlarmActions"], alarm["OKActions"]].flat();
  expect(topics).toHaveLength(2);
  const policies = Object.values(resourcesOf(template, "AWS::SNS::TopicPolicy"));
  for (const topic of topics) {
    const own = policies.filter(({ Properties }) =>
      JSON.stringify(Properties["Topics"]).includes(JSON.stringify(topic)),
    );
    const statements = own.flatMap(
      ({ Properties }) => (Properties["PolicyDocument"] as { Statement: Statement[] }).Statement,
    );
    expect(statements).toContainEqual({
      Sid: "AlarmsPublish",
      Effect: "Allow",
      Action: "sns:Publish",
      Principal: { Service: "cloudwatch.amazonaws.com" },
      Condition: { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } },
      Resource: topic,
    });
  }
});
