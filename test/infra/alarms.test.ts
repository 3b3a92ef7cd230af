// Whether anybody hears an alarm: the template's half of it. CloudWatch logs what a topic refuses,
// and says it to nobody.
import { expect, test } from "vitest";
import { RUNBOOK_URL_CHARS_MAX } from "../../infra/stage-schema.ts";
import { waitSeconds } from "../../shared/domain/cadence.ts";
import { resourcesOf, stageOf, stageText, templateOf } from "./support.ts";

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

const named = (name: string) => {
  const alarm = alarms.find(({ AlarmName }) => AlarmName === `signalbox-test-${name}`);
  return {
    statistic: alarm?.["Statistic"],
    periodSeconds: Number(alarm?.["Period"]),
    datapoints: Number(alarm?.["DatapointsToAlarm"]),
    periods: Number(alarm?.["EvaluationPeriods"]),
  };
};

/**
 * When something happens, in seconds: for each period from 0 on, whether the alarm is on at its
 * end.
 */
function states(name: string, seconds: readonly number[], untilSeconds: number): boolean[] {
  const { periodSeconds, datapoints, periods } = named(name);
  const isBad = Array.from({ length: Math.floor(untilSeconds / periodSeconds) }, (_, period) =>
    seconds.some((second) => Math.floor(second / periodSeconds) === period),
  );
  return isBad.map(
    (_, i) => isBad.slice(Math.max(0, i - periods + 1), i + 1).filter(Boolean).length >= datapoints,
  );
}

const HOUR = 3_600;

test("with the longest address of a runbook, every description fits", () => {
  const long = `https://${"r".repeat(RUNBOOK_URL_CHARS_MAX - 8)}`;
  const text = stageText.replace("https://example.com/runbook.md", long);
  const described = Object.values(
    resourcesOf(templateOf(stageOf(text)), "AWS::CloudWatch::Alarm"),
  ).map(({ Properties }) => String(Properties["AlarmDescription"]).length);
  expect(Math.max(...described)).toBeGreaterThan(RUNBOOK_URL_CHARS_MAX);
  expect(Math.max(...described)).toBeLessThanOrEqual(1_024);
});

test.each([
  { beginsAt: 0, jitter: 0 },
  { beginsAt: 0, jitter: 0.99 },
  { beginsAt: 299, jitter: 0.5 },
  { beginsAt: 599, jitter: 0 },
  { beginsAt: 450, jitter: 0.25 },
])(
  "one message that waits from second $beginsAt on, with jitter $jitter, is platform trouble within 40 minutes, until the end",
  ({ beginsAt, jitter }) => {
    const waits: number[] = [];
    for (let second = beginsAt, tries = 0; second < 6 * HOUR; tries++) {
      waits.push(second);
      second += waitSeconds({ tries, jitter, timeScale: 1 }) + 1;
    }
    const on = states("platform-trouble", waits, 6 * HOUR);
    expect(on.indexOf(true)).toBeLessThan(4);
    expect(on.slice(on.indexOf(true))).not.toContain(false);
  },
);

test("a hiccup of ten minutes is no platform trouble", () => {
  const waits = Array.from({ length: 600 }, (_, second) => 550 + second);
  expect(states("platform-trouble", waits, HOUR)).not.toContain(true);
});

test("a silent marker is an alarm all the time, though nobody reads it for half an hour after each heal", () => {
  const steps = (from: number, to: number) =>
    Array.from({ length: (to - from) / 300 + 1 }, (_, i) => from + 300 * i);
  const seen = [
    ...steps(65 * 60, 90 * 60),
    ...steps(125 * 60, 210 * 60),
    ...steps(245 * 60, 300 * 60),
  ];
  const on = states("silent-markers", seen, 300 * 60);
  expect(on.indexOf(true)).toBe(13);
  expect(on.slice(13)).not.toContain(false);
  expect(named("silent-markers").statistic).toBe("Maximum");
});
