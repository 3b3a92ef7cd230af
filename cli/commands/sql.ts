// `signalbox sql`: one statement on the stage's ledger. It wakes the warehouse.

import type { Row } from "../../shared/adapters/databricks-sql.ts";
import { type Column, printRows } from "../frame/columns.ts";
import { command, jsonOption, stageOption, stagesOption } from "../frame/command.ts";
import { loginOf, stageOf } from "../stage-context.ts";
import { type CommandOf, UsageError } from "../usage.ts";
import { workspaceClient } from "../workspace-client.ts";

export const sql: CommandOf = (io) =>
  command("sql", {
    summary: "asks the ledger: one SQL statement in the stage's schema",
    more: "It runs as you, on the stage's warehouse, which wakes up for it. Tables: run_state, execution_requests, execution_results, telemetry.",
    examples: [
      [
        'sql "SELECT run_id, outcome FROM run_state ORDER BY updated_at DESC LIMIT 20"',
        "the last runs",
      ],
      ['sql "SELECT * FROM telemetry" --json', "for scripts"],
      ["sql - < question.sql", "from a file"],
    ],
  })
    .argument("<statement>", "the statement; - reads it from standard input")
    .addOption(jsonOption)
    .addOption(stageOption)
    .addOption(stagesOption)
    .action(async (given, options) => {
      const stage = stageOf(options, io);
      const statement = (given === "-" ? await io.input() : given).trim();
      if (statement === "") throw new UsageError("there is no statement");
      await using client = workspaceClient(await loginOf(stage, io));
      const { catalog, schema } = stage.databricks;
      await using session = await client.sql(catalog, schema).open();
      const rows = await session.execute(statement.replace(/;\s*$/, ""));
      if (options.json) return io.printJson(rows, 2);
      const [first] = rows;
      if (first === undefined) return io.complain("no rows");
      const columns = Object.keys(first).map(
        (name): Column<Row> => ({
          title: name,
          cell: (row) => textOf(row[name]),
          charsMin: Math.min(name.length, 12),
        }),
      );
      printRows(io, columns, rows);
    });

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Date) return value.toISOString();
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
