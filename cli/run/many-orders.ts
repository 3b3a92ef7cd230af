// Orders about many runs: which they are, and then, if a person says so, all of them.
import type { OrdersMessage } from "../../shared/domain/messages.ts";
import { type Column, printRows } from "../frame/columns.ts";
import { paceOf } from "../frame/pace.ts";
import { progressOf } from "../frame/progress.ts";
import { plural } from "../frame/words.ts";
import { type Action, giveOrders } from "../messages.ts";
import type { QueuesAccess } from "../stage-context.ts";
import { type ExitCode, type Io, UsageError } from "../usage.ts";

/**
 * An order is about one run, by its id, or about those that options select.
 * @param selections the options that select, by their names
 * @throws UsageError for both, or for neither
 */
export function requireOneOrMany(
  runId: string | undefined,
  selections: Readonly<Record<string, unknown>>,
): void {
  const isMany = Object.values(selections).some((each) => each !== undefined);
  if (isMany !== (runId !== undefined)) return;
  const names = Object.keys(selections).map((name) => `--${name}`);
  throw new UsageError(
    `name one run, or select many by ${names.slice(0, -1).join(", ")} or ${names.at(-1)}`,
  );
}

export type ManyOrders<Row> = {
  readonly queues: QueuesAccess;
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  readonly orderOf: (row: Row) => readonly [OrdersMessage, Action];
  /** `stop`, `reopen` */
  readonly what: string;
  readonly done: string;
  /** The sentence if nothing fits. */
  readonly none: string;
  /** The possible cost, in a sentence. */
  readonly cost?: string | undefined;
  readonly yes?: true | undefined;
  /** Orders a second. */
  readonly rate?: number | undefined;
};

export async function giveManyOrders<Row>(
  { queues, rows, columns, orderOf, what, done, none, cost, yes, rate }: ManyOrders<Row>,
  io: Io,
): Promise<ExitCode> {
  if (rows.length === 0) {
    io.complain(none);
    return 3;
  }
  const runs = plural(rows.length, "run");
  if (!yes) {
    printRows(io, columns, rows);
    if (cost !== undefined) io.print(cost);
    io.print(`would ${what} ${runs}; say the same with --yes to do it`);
    return 0;
  }
  using interrupts = io.interrupts();
  using progress = progressOf(io, "giving orders");
  await giveOrders(queues, rows.map(orderOf), {
    wait: paceOf(rate, interrupts.signal),
    onGiven: (given) => {
      progress.at(given, rows.length);
      if (interrupts.signal.aborted)
        throw new Error(
          `${given} of ${rows.length} orders were given, and then Ctrl-C came: say the same again for the others`,
        );
    },
  });
  io.print(`${runs} ${done}; their outcomes are announced as ever`);
  return 0;
}
