// Spark's errors over Hive's Thrift, without the Java around them.
import { SqlError } from "../errors.ts";

type Failure = {
  readonly sqlState?: string | null | undefined;
  readonly errorMessage?: string | null | undefined;
};

/** `org.apache.hive…: Error running query: [CLASS] java.Name: [CLASS] text SQLSTATE: 22012\n\tat …` */
export function sparkError({ sqlState, errorMessage }: Failure): SqlError {
  const whole = (errorMessage ?? "Spark failed without a message").split("\n\tat ")[0] ?? "";
  const classes = [...whole.matchAll(/\[([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)\]/g)];
  const [first] = classes;
  if (first === undefined) return new SqlError("INTERNAL_ERROR", sqlState || "XX000", whole);
  // The class stands twice when Hive wraps the error; the text follows the second.
  const last = classes.filter((match) => match[0] === first[0]).at(1) ?? first;
  const text = whole.slice(last.index + last[0].length).trim();
  const state = /SQLSTATE:?\s*([0-9A-Z]{5})/.exec(text)?.[1] ?? (sqlState || "XX000");
  return new SqlError(
    first[1] ?? "INTERNAL_ERROR",
    state,
    text.replace(/\s*SQLSTATE:?\s*[0-9A-Z]{5}\s*$/, ""),
  );
}
