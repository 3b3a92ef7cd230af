// The fields of TCLIService's calls that the service looks at.
import { randomBytes, randomUUID } from "node:crypto";
import type { SqlParameter } from "../engine.ts";
import type { Int64 } from "./codec.ts";

/**
 * NULL has neither type nor value; ordinals have neither name nor ordinal, only an order
 * (docs/facts/databricks.md#parameters-need-protocol-v8).
 */
export function parameterOf(parameter: ParameterRequest): SqlParameter {
  const value = parameter.value;
  const text =
    value?.stringValue ?? value?.doubleValue?.toString() ?? value?.booleanValue?.toString() ?? null;
  return {
    ...(parameter.name != null && { name: parameter.name }),
    ...(parameter.type != null && { type: parameter.type }),
    value: text,
  };
}

export type Handle = { readonly guid: Buffer; readonly secret: Buffer };

/**
 * The guid must be an RFC 4122 UUID: the driver prints it as one and refuses anything else
 * (docs/facts/databricks.md#thrift-handles-are-uuids).
 */
export function newHandle(): Handle {
  return { guid: Buffer.from(randomUUID().replaceAll("-", ""), "hex"), secret: randomBytes(16) };
}

export function keyOf(handle: Handle): string {
  return `${Buffer.from(handle.guid).toString("hex")}${Buffer.from(handle.secret).toString("hex")}`;
}

export type OfSession = { readonly sessionHandle: { readonly sessionId: Handle } };
export type OfOperation = { readonly operationHandle: { readonly operationId: Handle } };
export type DirectRequest = {
  readonly runAsync?: boolean | null;
  readonly getDirectResults?: { readonly maxRows: Int64 } | null;
};
export type OpenSessionRequest = {
  readonly initialNamespace?: {
    readonly catalogName?: string | null;
    readonly schemaName?: string | null;
  } | null;
  readonly configuration?: Record<string, string> | null;
};
type ParameterRequest = {
  readonly name?: string | null;
  readonly type?: string | null;
  readonly value?: {
    readonly stringValue?: string | null;
    readonly doubleValue?: number | null;
    readonly booleanValue?: boolean | null;
  } | null;
};
export type ExecuteRequest = OfSession &
  DirectRequest & {
    readonly statement: string;
    readonly queryTimeout?: Int64 | null;
    readonly resultRowLimit?: Int64 | null;
    readonly parameters?: readonly ParameterRequest[] | null;
  };
export type FetchRequest = OfOperation & {
  readonly orientation?: number | null;
  readonly maxRows: Int64;
  readonly startRowOffset?: Int64 | null;
  readonly includeResultSetMetadata?: boolean | null;
};
export type InfoRequest = { readonly infoType: number };
