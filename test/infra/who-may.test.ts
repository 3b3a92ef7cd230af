// Who may send what where: every principal that the stack knows, and those that it must keep out,
// against every queue and the bus.
import { describe, expect, test } from "vitest";
import { EVENT_SOURCE } from "../../shared/domain/events.ts";
import { type QueueName, topology } from "../../shared/topology.ts";
import { ACCOUNT, type Caller, holderOf, isAllowed, mighty, roleOf, service } from "./iam.ts";
import { resourcesOf, stageOf, stageText, templateOf } from "./support.ts";

const queueNames = Object.keys(topology) as QueueName[];
const person = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;
const open = templateOf();
const named = templateOf(
  stageOf(`${stageText}people: { orders: ["arn:aws:iam::${ACCOUNT}:role/on-call*"] }\n`),
);

/** The queue's ARN, as a statement of the template names it. */
function arnOf(template: typeof open, name: string): string {
  const found = Object.entries(resourcesOf(template, "AWS::SQS::Queue")).find(
    ([, { Properties }]) => Properties["QueueName"] === `signalbox-test-${name}`,
  );
  if (found === undefined) throw new Error(`there is no queue ${name}`);
  return `\${${found[0]}.Arn}`;
}

const sendsTo = (template: typeof open, caller: Caller): readonly string[] =>
  queueNames.filter((queue) =>
    isAllowed(template, caller, { action: "sqs:SendMessage", resource: arnOf(template, queue) }),
  );

const producers = /send tickets, and nothing else/;
const onCalls = /dead letters/;

describe.each([
  { stage: "says nothing of people", template: open },
  { stage: "names who gives orders", template: named },
])("where the stage $stage", ({ template }) => {
  test.each([
    {
      who: "the orchestrator",
      role: "Orchestrator",
      sends: /tickets orders turns watches reports records/,
    },
    { who: "the run-poller", role: "RunPoller", sends: /watches reports/ },
    { who: "the ingester", role: "Ingester", sends: /turns watches reports records/ },
  ])("$who sends what the topology says", ({ role, sends }) => {
    expect(sendsTo(template, roleOf(template, role)).join(" ")).toMatch(
      new RegExp(`^${sends.source}$`),
    );
  });

  test("a producer sends tickets, and nothing else whatever else they may", () => {
    const producer = holderOf(template, producers, person("upstream"));
    expect(sendsTo(template, producer)).toEqual(["tickets"]);
    const careless = mighty(person("upstream"));
    const both = { ...producer, statements: [...producer.statements, ...careless.statements] };
    expect(sendsTo(template, both)).toEqual(["tickets"]);
    for (const action of ["sqs:ReceiveMessage", "sqs:PurgeQueue", "sqs:DeleteMessage"])
      for (const queue of [
        "turns",
        "orders",
        "tickets-dead-letters",
        "schedule-sweep-dead-letters",
      ])
        expect(isAllowed(template, both, { action, resource: arnOf(template, queue) })).toBe(false);
  });

  test("whoever is on call gives orders and replays", () => {
    const onCall = holderOf(template, onCalls, person("on-call-eu"));
    expect(sendsTo(template, onCall)).toEqual(queueNames);
    for (const queue of queueNames) {
      const takes = (of: string) =>
        isAllowed(template, onCall, {
          action: "sqs:ReceiveMessage",
          resource: arnOf(template, of),
        });
      expect([takes(`${queue}-dead-letters`), takes(queue)]).toEqual([true, false]);
    }
  });

  test("no service of AWS gives an order, whoever lets it in", () => {
    expect(sendsTo(template, service)).not.toContain("orders");
    expect(sendsTo(template, service)).toContain("tickets");
  });

  test("nobody of another account reaches any queue, whoever lets them in", () => {
    const stranger = mighty("arn:aws:iam::999988887777:role/on-call", "999988887777");
    for (const { Properties } of Object.values(resourcesOf(template, "AWS::SQS::Queue"))) {
      const resource = arnOf(
        template,
        String(Properties["QueueName"]).replace("signalbox-test-", ""),
      );
      for (const action of ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:PurgeQueue"])
        expect(isAllowed(template, stranger, { action, resource })).toBe(false);
    }
  });

  test("EventBridge still delivers to the example, and puts aside what it cannot", () => {
    for (const queue of ["outcomes-example", "outcomes-example-dead-letters"])
      expect(
        isAllowed(template, service, {
          action: "sqs:SendMessage",
          resource: arnOf(template, queue),
        }),
      ).toBe(true);
  });
});

test("an administrator gives orders where nobody is named, and not where others are", () => {
  const administrator = mighty(person("administrator"));
  expect(sendsTo(open, administrator)).toContain("orders");
  expect(sendsTo(named, administrator)).not.toContain("orders");
  expect(sendsTo(named, mighty(person("on-call")))).toContain("orders");
});

describe("on the bus", () => {
  const [busId = ""] = Object.keys(resourcesOf(open, "AWS::Events::EventBus"));
  const says = (caller: Caller, source: string, detailType: string) =>
    isAllowed(open, caller, {
      action: "events:PutEvents",
      resource: `\${${busId}.Arn}`,
      context: { "events:source": [source], "events:detail-type": [detailType] },
    });
  const administrator = mighty(person("administrator"));

  test.each([
    { who: "the ingester", caller: roleOf(open, "Ingester"), outcome: true, rejected: false },
    {
      who: "the orchestrator",
      caller: roleOf(open, "Orchestrator"),
      outcome: false,
      rejected: true,
    },
    { who: "the run-poller", caller: roleOf(open, "RunPoller"), outcome: false, rejected: false },
    {
      who: "a producer",
      caller: holderOf(open, producers, person("upstream")),
      outcome: false,
      rejected: false,
    },
    {
      who: "on-call",
      caller: holderOf(open, onCalls, person("on-call")),
      outcome: false,
      rejected: false,
    },
    { who: "an administrator", caller: administrator, outcome: false, rejected: false },
    { who: "a service of AWS", caller: service, outcome: false, rejected: false },
  ])("$who says outcomes: $outcome, rejections: $rejected", ({ caller, outcome, rejected }) => {
    expect(says(caller, EVENT_SOURCE, "Run Outcome")).toBe(outcome);
    expect(says(caller, EVENT_SOURCE, "Ticket Rejected")).toBe(rejected);
    expect(says(caller, "somebody.else", "Run Outcome")).toBe(false);
  });

  test("a role with more than its own policy still says its own alone", () => {
    const ingester = roleOf(open, "Ingester");
    const careless = mighty(ingester.arn ?? "");
    expect(says(careless, EVENT_SOURCE, "Run Outcome")).toBe(true);
    expect(says(careless, EVENT_SOURCE, "Ticket Rejected")).toBe(false);
  });
});

test("every function knows the roles of all three", () => {
  const functions = Object.values(resourcesOf(open, "AWS::Lambda::Function"));
  const known = functions.map(({ Properties }) => {
    const { Variables } = Properties["Environment"] as { Variables: Record<string, unknown> };
    return JSON.stringify(Variables["SIGNALBOX_OWN_ROLES"]).match(/\w+(?=","RoleId")/g);
  });
  const roles = ["Orchestrator", "RunPoller", "Ingester"].map(
    (prefix) => roleOf(open, prefix).arn?.match(/\w+(?=\.Arn)/)?.[0],
  );
  expect(known).toEqual([roles, roles, roles]);
});
