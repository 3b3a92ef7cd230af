// Notebooks in the format JUPYTER (.ipynb), from and to the source that the workspace keeps.
// Outputs of cells are not kept: an import is what is to be run.
import * as z from "zod";
import { ApiError } from "../route.ts";

const Source = z.union([z.string(), z.array(z.string())]);
const Jupyter = z.looseObject({
  cells: z.array(z.looseObject({ cell_type: z.string(), source: Source.default("") })),
  metadata: z
    .looseObject({
      language_info: z.looseObject({ name: z.string().optional() }).optional(),
      kernelspec: z.looseObject({ language: z.string().optional() }).optional(),
      "application/vnd.databricks.v1+notebook": z
        .looseObject({ language: z.string().optional() })
        .optional(),
    })
    .default({}),
});

export type SourceLanguage = "PYTHON" | "SQL" | "SCALA" | "R";

const marks = { PYTHON: "#", SQL: "--", SCALA: "//", R: "#" } as const;

/** @throws ApiError 400 for what is no notebook of Jupyter */
export function sourceOfJupyter(bytes: Buffer): {
  readonly language: SourceLanguage;
  readonly source: string;
} {
  const parsed = Jupyter.safeParse(json(bytes));
  if (!parsed.success) throw notJupyter(parsed.error);
  const { cells, metadata } = parsed.data;
  const named =
    metadata["application/vnd.databricks.v1+notebook"]?.language ??
    metadata.language_info?.name ??
    metadata.kernelspec?.language ??
    "python";
  const language = (["PYTHON", "SQL", "SCALA", "R"] as const).find(
    (each) => each === named.toUpperCase(),
  );
  if (language === undefined)
    throw invalid(`The notebook is in ${named}: a workspace has Python, SQL, Scala and R.`);
  const mark = marks[language];
  const texts = cells.map(({ cell_type, source }) =>
    cellText(cell_type, typeof source === "string" ? source : source.join(""), mark),
  );
  return { language, source: `${headerOf(language)}\n${texts.join(separatorOf(mark))}\n` };
}

/**
 * The prefix that a cell's magic puts before each of its lines; `%time` and its like stay Python.
 */
const whole = /^\s*%(md|md-sandbox|sql|python|scala|r|sh|run|pip|fs|skip)(?=\s|$)/;

function cellText(kind: string, source: string, mark: string): string {
  const text =
    kind === "markdown" ? `%md\n${source}` : kind === "raw" ? `%skip\n${source}` : source;
  if (!whole.test(text)) return text;
  return text
    .split("\n")
    .map((line) => `${mark} MAGIC ${line}`)
    .join("\n");
}

/** As the platform exports it: nbformat 4, cells without outputs. */
export function jupyterOfSource(text: string, language: SourceLanguage): string {
  const mark = marks[language];
  const plain = text.replaceAll("\r\n", "\n");
  const header = headerOf(language);
  const body = plain.startsWith(header) ? plain.slice(header.length).replace(/^\n/, "") : plain;
  const cells = body.split(new RegExp(`^${mark} COMMAND -+[ \\t]*$`, "m")).map((part) => {
    const source = part
      .replaceAll(new RegExp(`^${mark} (MAGIC ?|DBTITLE [^\\n]*\\n?)`, "gm"), "")
      .replaceAll(/^\n+|\n+$/g, "");
    const markdown = /^%md(?:-sandbox)?[ \t]*\n?/.exec(source);
    const lines = (markdown === null ? source : source.slice(markdown[0].length)).match(
      /[^\n]*\n|[^\n]+$/g,
    );
    return markdown === null
      ? { cell_type: "code", execution_count: null, metadata: {}, outputs: [], source: lines ?? [] }
      : { cell_type: "markdown", metadata: {}, source: lines ?? [] };
  });
  const name = language.toLowerCase();
  return JSON.stringify({
    cells,
    metadata: {
      "application/vnd.databricks.v1+notebook": { language: name, widgets: {} },
      language_info: { name },
    },
    nbformat: 4,
    nbformat_minor: 0,
  });
}

const headerOf = (language: SourceLanguage): string =>
  `${marks[language]} Databricks notebook source`;
const separatorOf = (mark: string): string => `\n\n${mark} COMMAND ----------\n\n`;

function json(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw notJupyter(error);
  }
}

const notJupyter = (cause: unknown): ApiError =>
  invalid(
    "The content is no notebook of Jupyter (.ipynb, nbformat 4 with a list of cells).",
    cause,
  );

const invalid = (message: string, cause?: unknown): ApiError =>
  new ApiError(400, "INVALID_PARAMETER_VALUE", message, { cause });
