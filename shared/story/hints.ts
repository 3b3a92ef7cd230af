// The names of hints: what may be overwritten, lost or wrong without harm.

/** How long the attempts of a workload take. */
export const paceName = (workload: string): string => `pace/${workload}`;
