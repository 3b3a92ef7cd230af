// Functions of JavaScript inside DuckDB, bounded in time and in what they make.
import { type DuckDBConnection, DuckDBScalarFunction, type DuckDBType } from "@duckdb/node-api";
import { createMeter } from "../values/limits.ts";
import { withinTime } from "../values/within-time.ts";

type Value = string | number | bigint | boolean;

type Bounds = {
  /** The most steps that it may take; without this, the square of its texts' lengths. */
  readonly steps?: (...args: never[]) => number;
  /** How many characters or elements it will make, where that is known before. */
  readonly makes?: (...args: never[]) => number;
};

export type Define = (
  name: string,
  parameters: readonly DuckDBType[],
  result: DuckDBType,
  run: (...args: never[]) => Value | undefined,
  bounds?: Bounds,
) => void;

/** NULL in is NULL out for all functions that are defined so. */
export function definerOn(connection: DuckDBConnection): Define {
  return (name, parameterTypes, returnType, run, bounds = {}) => {
    const call = run as (...args: Value[]) => Value | undefined;
    const steps = (bounds.steps ?? squareOfTexts) as Measure;
    const makes = bounds.makes as Measure | undefined;
    connection.registerScalarFunction(
      DuckDBScalarFunction.create({
        name,
        parameterTypes,
        returnType,
        mainFunction: (_info, input, output) => {
          const columns = parameterTypes.map((_, index) => input.getColumnVector(index));
          const rows = Array.from({ length: input.rowCount }, (_, row) => {
            const args = columns.map((column) => column.getItem(row));
            return isComplete(args) ? args : undefined;
          });
          const work = () => answers(rows, call, makes);
          const values = isQuick(rows, steps) ? work() : withinTime(work);
          for (const [row, value] of values.entries()) output.setItem(row, value);
          output.flush();
        },
      }),
    );
  };
}

type Measure = (...args: Value[]) => number;
type Rows = readonly (readonly Value[] | undefined)[];

function answers(
  rows: Rows,
  call: (...args: Value[]) => Value | undefined,
  makes: Measure | undefined,
): (Value | null)[] {
  const add = createMeter();
  return rows.map((args) => {
    if (args === undefined) return null;
    if (makes !== undefined) add(makes(...args));
    const value = call(...args) ?? null;
    if (typeof value === "string" && makes === undefined) add(value.length);
    return value;
  });
}

function isComplete(args: readonly unknown[]): args is Value[] {
  return args.every((arg) => arg !== null && arg !== undefined);
}

/** About 0.3 s if all of them are taken, which is rare: below, the clock would cost more than it saves. */
const QUICK_STEPS_MAX = 1e8;

function isQuick(rows: Rows, steps: Measure): boolean {
  let sum = 0;
  for (const args of rows) if (args !== undefined) sum += steps(...args);
  return sum <= QUICK_STEPS_MAX;
}

function squareOfTexts(...args: Value[]): number {
  let sum = 0;
  for (const arg of args) if (typeof arg === "string") sum += arg.length ** 2;
  return sum;
}
