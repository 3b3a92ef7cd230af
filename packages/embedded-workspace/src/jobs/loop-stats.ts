// The statistics that a for_each_task shows of its iterations.
import { type RunRecord, succeeded } from "../runs/model.ts";

const errorsMax = 3;

/** `for_each_task.stats`: of so many, so many have begun, and these have ended. */
export function loopStats(total: number, begun: number, ended: readonly RunRecord[]) {
  const good = ended.filter(({ ending }) => succeeded(ending)).length;
  return {
    task_run_stats: {
      total_iterations: total,
      scheduled_iterations: begun,
      active_iterations: begun - ended.length,
      completed_iterations: ended.length,
      succeeded_iterations: good,
      failed_iterations: ended.length - good,
    },
    error_message_stats: errorsOf(ended),
  };
}

/** The most frequent sentences with which iterations ended. */
function errorsOf(ended: readonly RunRecord[]) {
  const counts = new Map<string, { count: number; readonly category: string }>();
  for (const { ending } of ended) {
    if (ending === undefined || succeeded(ending)) continue;
    const known = counts.get(ending.message) ?? { count: 0, category: ending.code };
    counts.set(ending.message, { ...known, count: known.count + 1 });
  }
  return [...counts]
    .sort(([, a], [, b]) => b.count - a.count)
    .slice(0, errorsMax)
    .map(([error_message, { count, category }]) => ({
      count,
      error_message,
      termination_category: category,
    }));
}
