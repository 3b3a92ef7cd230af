// Secrets Manager's GetSecretValue over a table in memory.
import { randomUUID } from "node:crypto";
import { AwsError, type AwsService, authorize } from "./aws-json-server.ts";
import type { Principal } from "./principals.ts";
import { ACCOUNT_ID, REGION } from "./queue-shape.ts";

type Version = { readonly id: string; readonly text: string; readonly createdMs: number };
type Secret = { readonly arn: string; readonly current: Version; readonly previous?: Version };

export type SecretsManager = {
  readonly service: AwsService;
  /** Creates a secret, or rotates it: the old text stays readable as AWSPREVIOUS. */
  readonly put: (name: string, text: string) => void;
};

export function createSecretsManager(secrets: Readonly<Record<string, string>>): SecretsManager {
  const held = new Map<string, Secret>();
  const put = (name: string, text: string): void => {
    const before = held.get(name);
    held.set(name, {
      arn: before?.arn ?? arnOf(name),
      current: { id: randomUUID(), text, createdMs: Date.now() },
      ...(before !== undefined && { previous: before.current }),
    });
  };
  for (const [name, text] of Object.entries(secrets)) put(name, text);
  const get = (input: Readonly<Record<string, unknown>>, caller: Principal) => {
    authorize(caller, { action: "secretsmanager:GetSecretValue", on: String(input["SecretId"]) });
    const [name, secret] = find(held, input["SecretId"]);
    const [stage, version] = versionOf(secret, input);
    return {
      ARN: secret.arn,
      Name: name,
      VersionId: version.id,
      SecretString: version.text,
      VersionStages: [stage],
      CreatedDate: version.createdMs / 1000,
    };
  };
  return {
    put,
    service: {
      name: "Secrets Manager",
      targetPrefix: "secretsmanager",
      signingName: "secretsmanager",
      operations: { GetSecretValue: get },
    },
  };
}

// A real ARN ends with six characters: a policy that forgets them fails here as well.
const arnOf = (name: string): string =>
  `arn:aws:secretsmanager:${REGION}:${ACCOUNT_ID}:secret:${name}-${randomUUID().slice(0, 6)}`;

/**
 * Finds a secret by name, whole ARN, or ARN without its last six characters, as Secrets Manager
 * does.
 */
function find(held: ReadonlyMap<string, Secret>, id: unknown): readonly [string, Secret] {
  if (typeof id !== "string" || id === "")
    throw new AwsError("InvalidParameterException", "You must provide a value for SecretId.");
  const found = [...held].find(
    ([name, { arn }]) => id === name || id === arn || id === arn.slice(0, -7),
  );
  if (found === undefined)
    throw new AwsError(
      "ResourceNotFoundException",
      "Secrets Manager can't find the specified secret.",
    );
  return found;
}

function versionOf(
  { current, previous }: Secret,
  input: Readonly<Record<string, unknown>>,
): readonly [string, Version] {
  const versions: readonly (readonly [string, Version])[] = [
    ["AWSCURRENT", current],
    ...(previous === undefined ? [] : [["AWSPREVIOUS", previous] as const]),
  ];
  const id = input["VersionId"];
  const stage = input["VersionStage"] ?? (id === undefined ? "AWSCURRENT" : undefined);
  const found = versions.find(
    ([name, version]) =>
      (stage === undefined || name === stage) && (id === undefined || version.id === id),
  );
  if (found === undefined)
    throw new AwsError(
      "ResourceNotFoundException",
      `Secrets Manager can't find the specified secret value for ${
        id === undefined ? `staging label: ${String(stage)}` : `VersionId: ${String(id)}`
      }`,
    );
  return found;
}
