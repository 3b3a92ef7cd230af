// The tickets that a person means: from a file, from standard input, or from the command line.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { jsonOf, messageOf } from "../../shared/domain/body.ts";
import { UsageError } from "../usage.ts";
import { limitsOf } from "./limits.ts";

/** One ticket, a list of them, or one a line. @throws UsageError */
export function ticketsIn(name: string, given: string): readonly unknown[] {
  const text = given.replace(/^\uFEFF/, "").trim();
  if (text === "")
    throw new UsageError(`${name} is empty: a ticket is JSON with ticket_id and workload`);
  try {
    const value = wholeOrLines(text);
    return Array.isArray(value) ? value : [value];
  } catch (error) {
    throw new UsageError(`${name}: ${messageOf(error)}`, { cause: error });
  }
}

function wholeOrLines(text: string): unknown {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const isLines = lines.length > 1 && lines.every((line) => /^\s*\{.*\}\s*$/.test(line));
  if (isLines) return lines.map((line) => jsonOf(line));
  return text.startsWith("[") ? (JSON.parse(text) as unknown) : jsonOf(text);
}

/** @throws UsageError */
export function textOfFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`the file ${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

export type Flags = {
  readonly id?: string | undefined;
  readonly param?: readonly string[] | undefined;
  readonly set?: readonly string[] | undefined;
  readonly mode?: string | undefined;
};

/** @throws UsageError */
export function ticketOf(workload: string, { id, param = [], set, mode }: Flags): unknown {
  const limits = limitsOf(set);
  const parameters = Object.fromEntries(param.map(parameterOf));
  return {
    ticket_id: id ?? ownId(workload),
    workload,
    ...(param.length > 0 && { parameters }),
    ...(Object.keys(limits).length > 0 && { limits }),
    ...(mode !== undefined && { mode }),
  };
}

/** `year=2015`, `city=Seattle`, `cities=["a"]`: JSON if it is some, otherwise text. */
function parameterOf(given: string): readonly [string, unknown] {
  const at = given.indexOf("=");
  if (at < 1) throw new UsageError(`--param ${given}: say <name>=<value>`);
  const text = given.slice(at + 1);
  return [given.slice(0, at), jsonOrText(text)];
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** An id that nobody has used: the workload, the time, and a little chance. */
const ownId = (workload: string): string =>
  `${workload.slice(0, 40)}-${new Date().toISOString().slice(0, 19).replace(/[-:]/g, "")}-${randomBytes(2).toString("hex")}`;
