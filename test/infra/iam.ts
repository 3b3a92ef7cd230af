// What IAM says to a request, by the statements of a template alone: an explicit deny wins, then an
// allow of the caller's own policies. Only what our policies use; anything else is an error, so
// that no test is green because it was not understood.
import type { Template } from "aws-cdk-lib/assertions";
import { resourcesOf } from "./support.ts";

export const ACCOUNT = "111122223333";

type Statement = {
  readonly Effect: "Allow" | "Deny";
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};

export type Caller = {
  /** Of the role or user, not of its session. Absent: a service of AWS. */
  readonly arn?: string;
  readonly account?: string;
  /** What its own policies say. */
  readonly statements: readonly Statement[];
};

export type Asked = {
  readonly action: string;
  /** As `textOf` has it. */
  readonly resource: string;
  /** Further keys of the request, each with its values. */
  readonly context?: Readonly<Record<string, readonly string[]>>;
};

/** A value of the template as one text: references become `${<logical id>}`. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) throw new Error(`no text: ${String(value)}`);
  if ("Ref" in value) return value.Ref === "AWS::AccountId" ? ACCOUNT : `\${${String(value.Ref)}}`;
  if ("Fn::GetAtt" in value && Array.isArray(value["Fn::GetAtt"]))
    return `\${${value["Fn::GetAtt"].join(".")}}`;
  if ("Fn::Join" in value && Array.isArray(value["Fn::Join"])) {
    const [separator, parts] = value["Fn::Join"] as [string, unknown[]];
    return parts.map(textOf).join(separator);
  }
  throw new Error(`no text: ${JSON.stringify(value)}`);
}

/**
 * The statements of the policies that are attached to a role, by the beginning of its logical id.
 */
export function roleOf(template: Template, prefix: string): Caller {
  const [id = ""] = Object.keys(resourcesOf(template, "AWS::IAM::Role")).filter((each) =>
    each.startsWith(`${prefix}Role`),
  );
  const own = Object.values(resourcesOf(template, "AWS::IAM::Policy")).filter(({ Properties }) =>
    JSON.stringify(Properties["Roles"]).includes(`"${id}"`),
  );
  return { arn: `\${${id}.Arn}`, account: ACCOUNT, statements: own.flatMap(statementsIn) };
}

/** Somebody of the account with a managed policy of the stack, by its description. */
export function holderOf(template: Template, description: RegExp, arn: string): Caller {
  const own = Object.values(resourcesOf(template, "AWS::IAM::ManagedPolicy")).filter(
    ({ Properties }) => description.test(String(Properties["Description"])),
  );
  if (own.length !== 1) throw new Error(`${own.length} policies are described as ${description}`);
  return { arn, account: ACCOUNT, statements: own.flatMap(statementsIn) };
}

/** Whatever IAM can allow: an administrator, or somebody with a careless policy. */
export const mighty = (arn: string, account = ACCOUNT): Caller => ({
  ...{ arn, account },
  statements: [{ Effect: "Allow", Action: "*", Resource: "*" }],
});

/**
 * A service that acts for itself; that somebody let it in by the resource's policy is taken for
 * granted.
 */
export const service: Caller = {
  statements: [{ Effect: "Allow", Action: "*", Resource: "*" }],
};

const statementsIn = ({ Properties }: { readonly Properties: Readonly<Record<string, unknown>> }) =>
  (Properties["PolicyDocument"] as { readonly Statement: readonly Statement[] }).Statement;

/** The policies of queues and buses. */
const ofResources = (template: Template): readonly Statement[] => [
  ...Object.values(resourcesOf(template, "AWS::SQS::QueuePolicy")).flatMap(statementsIn),
  ...Object.values(resourcesOf(template, "AWS::Events::EventBusPolicy")).map(
    ({ Properties }) => Properties["Statement"] as Statement,
  ),
];

export function isAllowed(template: Template, caller: Caller, asked: Asked): boolean {
  const context: Context = {
    "aws:SecureTransport": ["true"],
    "aws:PrincipalIsAWSService": [String(caller.arn === undefined)],
    ...(caller.arn !== undefined && { "aws:PrincipalArn": [caller.arn] }),
    ...(caller.account !== undefined && { "aws:PrincipalAccount": [caller.account] }),
    ...asked.context,
  };
  const matching = [...caller.statements, ...ofResources(template)].filter(
    (statement) => isAbout(statement, asked) && holds(statement, context),
  );
  return (
    !matching.some(({ Effect }) => Effect === "Deny") &&
    matching.some(
      (statement) => statement.Effect === "Allow" && caller.statements.includes(statement),
    )
  );
}

const isAbout = ({ Action, Resource }: Statement, { action, resource }: Asked): boolean =>
  [Action].flat().some((pattern) => fits(pattern, action)) &&
  [Resource].flat().some((pattern) => fits(textOf(pattern), resource));

type Context = Readonly<Record<string, readonly string[]>>;

const holds = ({ Condition = {} }: Statement, context: Context): boolean =>
  Object.entries(Condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) =>
      judged(operator, context[key] ?? [], [wanted].flat().map(textOf)),
    ),
  );

/**
 * By IAM's rules: a missing key fulfils what is negated, and ForAllValues; and never ForAnyValue.
 */
function judged(operator: string, found: readonly string[], wanted: readonly string[]): boolean {
  const [, set, negated, kind] =
    /^(?:(ForAllValues|ForAnyValue):)?(?:String|Arn)(Not)?(Equals|Like)$/.exec(
      operator === "Bool" ? "StringEquals" : operator,
    ) ?? [];
  if (kind === undefined) throw new Error(`the condition ${operator} is not understood here`);
  const isOne = (value: string) =>
    wanted.some((pattern) => (kind === "Like" ? fits(pattern, value) : pattern === value));
  const isRight = (value: string) => isOne(value) !== (negated === "Not");
  if (set === "ForAllValues") return found.every(isRight);
  if (set === "ForAnyValue") return found.some(isRight);
  return found.length === 0 ? negated === "Not" : found.every(isRight);
}

const fits = (pattern: string, text: string): boolean =>
  new RegExp(`^${pattern.split("*").map(RegExp.escape).join(".*")}$`).test(text);
