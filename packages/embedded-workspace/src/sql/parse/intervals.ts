// INTERVAL literals: `INTERVAL 1 DAY 2 HOURS`, `INTERVAL '1' DAY`, `INTERVAL '1 day 2 hours'`.
import { SqlError } from "../errors.ts";
import type { Expr, IntervalPart } from "./ast.ts";
import type { Cursor } from "./cursor.ts";

const UNIT = /^(YEAR|QUARTER|MONTH|WEEK|DAY|HOUR|MINUTE|SECOND|MILLISECOND|MICROSECOND)S?$/i;

export function parseInterval(cursor: Cursor): Expr {
  cursor.expect("INTERVAL");
  const token = cursor.peek();
  if (token.kind === "string" && !UNIT.test(cursor.peek(1).text)) {
    cursor.next();
    return { is: "interval", parts: partsOf(token.text) };
  }
  const parts: IntervalPart[] = [];
  do {
    const amount = cursor.value(4);
    const unit = unitOf(cursor.next().text);
    if (cursor.at("TO")) throw invalid("with TO; write one unit after another");
    parts.push({ amount, unit });
  } while (cursor.peek(0).kind === "number" && UNIT.test(cursor.peek(1).text));
  return { is: "interval", parts };
}

/** The singular, in upper case. */
function unitOf(text: string): string {
  const unit = UNIT.exec(text)?.[1];
  if (unit === undefined) throw invalid(`with the unit ${text}`);
  return unit.toUpperCase();
}

function partsOf(text: string): IntervalPart[] {
  const words = text
    .trim()
    .replace(/^interval\s+/i, "")
    .split(/\s+/);
  const parts: IntervalPart[] = [];
  for (let i = 0; i < words.length; i += 2) {
    const [amount = "", unit = ""] = words.slice(i, i + 2);
    if (!/^[-+]?\d+(\.\d+)?$/.test(amount)) throw invalid(`'${text}'`);
    parts.push({
      amount: { is: "literal", type: { kind: "STRING" }, value: amount },
      unit: unitOf(unit),
    });
  }
  return parts;
}

function invalid(what: string): SqlError {
  return new SqlError(
    "INVALID_INTERVAL_FORMAT.UNRECOGNIZED_NUMBER",
    "22006",
    `Error parsing an INTERVAL ${what}`,
  );
}
