// cdk-nag's AwsSolutions rules over the whole app: a finding is mended, or kept with a reason.
import { type Stack, Validations } from "aws-cdk-lib";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Queue } from "aws-cdk-lib/aws-sqs";
import { AwsSolutionsChecks } from "cdk-nag";
import { expect, test } from "vitest";
import { createApp } from "../../infra/control-plane-stack.ts";
import { createStack, ownKeyText, scheduledExample, stageOf, stageText } from "./support.ts";

const federation = stageText.replace(
  "{ kind: oauth-m2m, secret: signalbox/test/databricks }",
  "{ kind: federation, audience: 33333333-3333-4333-8333-333333333333 }",
);
const inVpc = stageText.replace(
  "region: eu-central-1",
  `region: eu-central-1
  vpc:
    subnet_ids: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]
    security_group_ids: [sg-0123456789abcdef0]`,
);

/** Synthesises with the rules; findings are thrown, with the construct and the rule. */
function check(text: string, plant: (stack: Stack) => void = () => {}): void {
  const app = createApp();
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  plant(createStack(stageOf(text), scheduledExample, app));
  try {
    app.synth();
  } finally {
    process.exitCode = 0; // findings also fail the process; here they fail the expectation
  }
}

test.each([
  { given: "an OAuth secret", text: stageText },
  { given: "federation", text: federation },
  { given: "a key of the account's own", text: ownKeyText },
  { given: "subnets", text: inVpc },
  {
    given: "nobody to alarm",
    text: stageText.replace("{ email: oncall@example.com }", "{ nobody: true }"),
  },
])("with $given, AwsSolutions finds nothing without a reason", ({ text }) => {
  expect(() => check(text)).not.toThrow();
});

test.each([
  {
    planted: "a queue without TLS",
    plant: (stack: Stack) => void new Queue(stack, "Planted"),
    rule: /AwsSolutions-SQS4/,
  },
  {
    planted: "a grant on everything",
    plant: (stack: Stack) =>
      void new Role(stack, "Planted", {
        assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
      }).addToPolicy(new PolicyStatement({ actions: ["sqs:SendMessage"], resources: ["*"] })),
    rule: /AwsSolutions-IAM5/,
  },
])("$planted is found", ({ plant, rule }) => {
  expect(() => check(stageText, plant)).toThrow(rule);
});
