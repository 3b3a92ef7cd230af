// The cells of a SQL notebook that a warehouse executes. (Python notebooks are read where they run:
// python/_workspace/cells.py.)
import { TaskSpecError } from "./task-spec-error.ts";

const header = /^\ufeff?-- Databricks notebook source[ \t]*(\n|$)/;

/** Without markdown. @throws TaskSpecError for a cell in another language */
export function sqlCellsOf(text: string): string[] {
  const plain = text.replaceAll("\r\n", "\n");
  const cells = header.test(plain)
    ? plain.replace(header, "").split(/^-- COMMAND -+[ \t]*$/m)
    : [plain];
  return cells.flatMap((cell, at) => {
    const source = cell.replaceAll(/^-- DBTITLE [^\n]*\n?/gm, "").replaceAll(/^-- MAGIC ?/gm, "");
    const [, magic, rest = ""] = /^\s*%([\w-]+)(.*)$/s.exec(source) ?? [];
    if (magic === undefined) return [source];
    if (magic === "sql") return [rest];
    if (magic === "md" || magic === "md-sandbox") return [];
    throw new TaskSpecError(
      `Command ${at + 1} is in %${magic}: a warehouse executes SQL and shows markdown.`,
    );
  });
}
