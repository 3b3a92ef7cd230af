// Data types as DDL, CAST and from_json write them.
import { SqlError, syntaxError } from "../errors.ts";
import { PLAIN_TYPES, type SqlType, type StructField } from "../types.ts";
import { type Cursor, cursorOver, parseIdentifier } from "./cursor.ts";

/** Parses a type at the cursor. @throws SqlError 42601, 0A000 */
export function parseType(cursor: Cursor): SqlType {
  const word = parseIdentifier(cursor).toUpperCase();
  switch (word) {
    case "ARRAY":
      return inAngles(cursor, () => ({ kind: "ARRAY", element: parseType(cursor) }));
    case "MAP":
      return inAngles(cursor, () => mapType(cursor));
    case "STRUCT":
      return structType(cursor);
    case "DECIMAL":
    case "DEC":
    case "NUMERIC":
      return decimalType(cursor);
    case "CHAR":
    case "CHARACTER":
    case "VARCHAR": {
      const [length] = lengths(cursor);
      if (length === undefined) throw cursor.fail(`a length after ${word}`);
      return { kind: word === "VARCHAR" ? "VARCHAR" : "CHAR", length };
    }
    default:
      return plainType(cursor, word);
  }
}

/** A schema for from_json: a type, or columns as in `a INT, b STRING`, which mean a struct. */
export function parseSchema(text: string): SqlType {
  const cursor = cursorOver(text, []);
  const start = cursor.position();
  try {
    const type = parseType(cursor);
    if (cursor.peek().kind === "end") return type;
  } catch (thrown) {
    if (!(thrown instanceof SqlError)) throw thrown;
  }
  cursor.back(start);
  const fields = fieldsUntil(cursor, () => cursor.peek().kind === "end");
  return { kind: "STRUCT", fields };
}

function plainType(cursor: Cursor, word: string): SqlType {
  const type = PLAIN_TYPES.get(word);
  if (type === undefined)
    throw new SqlError("UNSUPPORTED_DATATYPE", "0A000", `Unsupported data type "${word}"`);
  // INTERVAL YEAR TO MONTH and its like.
  if (type.kind === "INTERVAL")
    while (/^(YEAR|MONTH|DAY|HOUR|MINUTE|SECOND|TO)$/i.test(cursor.peek().text)) cursor.next();
  return type;
}

function inAngles(cursor: Cursor, inner: () => SqlType): SqlType {
  cursor.expect("<");
  const type = inner();
  cursor.closeAngle();
  return type;
}

function mapType(cursor: Cursor): SqlType {
  const key = parseType(cursor);
  cursor.expect(",");
  if (key.kind === "MAP")
    throw new SqlError("INVALID_MAP_KEY_TYPE", "42K09", "A map's key cannot be a map");
  return { kind: "MAP", key, value: parseType(cursor) };
}

function structType(cursor: Cursor): SqlType {
  if (cursor.take("<>")) return { kind: "STRUCT", fields: [] };
  return inAngles(cursor, () => ({
    kind: "STRUCT",
    fields: fieldsUntil(cursor, () => cursor.at(">") || cursor.at(">>")),
  }));
}

function fieldsUntil(cursor: Cursor, isEnd: () => boolean): StructField[] {
  const fields: StructField[] = [];
  while (!isEnd()) {
    if (fields.length > 0) cursor.expect(",");
    const name = parseIdentifier(cursor);
    cursor.take(":");
    const type = parseType(cursor);
    cursor.take("NOT NULL");
    if (cursor.take("COMMENT")) cursor.next();
    fields.push({ name, type });
  }
  const names = fields.map((field) => field.name.toLowerCase());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new SqlError("COLUMN_ALREADY_EXISTS", "42711", `The column \`${twice}\` already exists`);
  return fields;
}

function decimalType(cursor: Cursor): SqlType {
  const [precision = 10, scale = 0] = lengths(cursor);
  if (precision > 38)
    throw new SqlError(
      "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
      "22003",
      `Decimal precision ${precision} exceeds max precision 38`,
    );
  if (scale > precision || precision < 1) throw syntaxError(`DECIMAL(${precision},${scale})`);
  return { kind: "DECIMAL", precision, scale };
}

function lengths(cursor: Cursor): number[] {
  const found: number[] = [];
  if (!cursor.take("(")) return found;
  do {
    const token = cursor.next();
    if (token.kind !== "number" || !/^\d+$/.test(token.text)) throw cursor.fail("a number");
    found.push(Number(token.text));
  } while (cursor.take(","));
  cursor.expect(")");
  return found;
}
