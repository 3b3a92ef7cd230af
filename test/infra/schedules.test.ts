// Workloads' schedules, where their names or their number come near what AWS allows.
import { describe, expect, test } from "vitest";
import { SCHEDULED_WORKLOADS_MAX } from "../../infra/constructs/schedules.ts";
import { WorkloadError } from "../../infra/workloads.ts";
import { resourcesOf, stageOf, templateOf } from "./support.ts";

const scheduled = (...workloads: readonly string[]) =>
  workloads.map((workload) => ({ workload, schedule: "rate(1 day)" }));
const many = (count: number) =>
  scheduled(...Array.from({ length: count }, (_, i) => `${"w".repeat(40)}-${i}`));
const inputsOf = (template: ReturnType<typeof templateOf>) =>
  Object.values(resourcesOf(template, "AWS::Scheduler::Schedule")).map(({ Properties }) =>
    JSON.parse((Properties["Target"] as { Input: string }).Input),
  );

test.each([
  { names: ["report-1", "report1"] },
  { names: ["a-b", "a--b", "ab", "a-b-", "ab-"] },
  { names: ["1-a", "1a", "11"] },
])("workloads $names have a schedule each", ({ names }) => {
  const inputs = inputsOf(templateOf(stageOf(), scheduled(...names)));
  expect(inputs.flatMap(({ workload }) => workload ?? [])).toEqual(names);
});

/**
 * As AWS counts: the policy's text without white space, each reference as long as what it becomes
 * at most.
 */
function charactersOf(document: unknown): number {
  const arn = `arn:aws:sqs:eu-central-1:111122223333:${"q".repeat(80)}`;
  const text = JSON.stringify(document)
    .replaceAll(/\{"Fn::GetAtt":\["[^"]+","Arn"\]\}/g, JSON.stringify(arn))
    .replaceAll(/\{"Ref":"AWS::Partition"\}/g, '"aws"');
  return text.length;
}

describe("with 200 scheduled workloads", () => {
  const template = templateOf(stageOf(), many(200));

  test.each([
    { type: "AWS::IAM::ManagedPolicy", charsMax: 6_144 },
    { type: "AWS::IAM::Policy", charsMax: 10_240 },
  ])("every $type has at most $charsMax characters", ({ type, charsMax }) => {
    const policies = Object.values(resourcesOf(template, type));
    expect(policies.length).toBeGreaterThan(1);
    for (const { Properties } of policies)
      expect(charactersOf(Properties["PolicyDocument"])).toBeLessThanOrEqual(charsMax);
  });

  test("their dead letters wait in one queue, with one alarm", () => {
    const names = (type: string, key: string) =>
      Object.values(resourcesOf(template, type)).flatMap(({ Properties }) =>
        String(Properties[key]).includes("workload") ? [Properties[key]] : [],
      );
    expect(names("AWS::SQS::Queue", "QueueName")).toEqual([
      "signalbox-test-schedule-workloads-dead-letters",
    ]);
    expect(names("AWS::CloudWatch::Alarm", "AlarmName")).toEqual([
      "signalbox-test-dead-letters-workloads",
    ]);
  });
});

test("as many workloads as are let in fit into a stack, with room to grow", () => {
  const { Resources } = templateOf(stageOf(), many(SCHEDULED_WORKLOADS_MAX)).toJSON();
  expect(Object.keys(Resources).length).toBeLessThanOrEqual(450);
});

test("one more is refused in a sentence", () => {
  const synthesise = () => templateOf(stageOf(), many(SCHEDULED_WORKLOADS_MAX + 1));
  expect(synthesise).toThrow(WorkloadError);
  expect(synthesise).toThrow(/^301 workloads have a schedule, and a stack can hold 300: give/);
});

test("Scheduler takes the role for this stack's schedules alone", () => {
  const roles = Object.values(resourcesOf(templateOf(), "AWS::IAM::Role"));
  const [role, ...more] = roles.filter(({ Properties }) =>
    JSON.stringify(Properties).includes("scheduler.amazonaws.com"),
  );
  expect(more).toEqual([]);
  const document = role?.Properties["AssumeRolePolicyDocument"] as { Statement: object[] };
  expect(document.Statement).toEqual([
    {
      Effect: "Allow",
      Action: "sts:AssumeRole",
      Principal: { Service: "scheduler.amazonaws.com" },
      Condition: {
        StringEquals: {
          "aws:SourceAccount": { Ref: "AWS::AccountId" },
          "aws:SourceArn": {
            "Fn::Join": [
              "",
              [
                "arn:aws:scheduler:eu-central-1:",
                { Ref: "AWS::AccountId" },
                ":schedule-group/signalbox-test",
              ],
            ],
          },
        },
      },
    },
  ]);
});
