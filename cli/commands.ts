// All commands, in the order in which the help lists them.
import { bootstrap } from "./commands/bootstrap.ts";
import { cancel } from "./commands/cancel.ts";
import { check } from "./commands/check.ts";
import { deadLetters } from "./commands/dead-letters.ts";
import { doctor } from "./commands/doctor.ts";
import { logs } from "./commands/logs.ts";
import { newWorkload } from "./commands/new.ts";
import { retry } from "./commands/retry.ts";
import { runs } from "./commands/runs.ts";
import { sql } from "./commands/sql.ts";
import { status } from "./commands/status.ts";
import { submit } from "./commands/submit.ts";
import { watch } from "./commands/watch.ts";
import { workloads } from "./commands/workloads.ts";
import type { CommandOf } from "./usage.ts";

export const commands: readonly CommandOf[] = [
  ...[submit, status, logs, watch, runs, workloads],
  ...[cancel, retry, deadLetters, doctor],
  ...[newWorkload, check, sql, bootstrap],
];
