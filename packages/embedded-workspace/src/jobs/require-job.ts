// A saved job, for somebody who may see or change it.
import { ApiError, type Principal } from "../route.ts";
import { forbidden, mayUse, type Right, requireUse } from "./access.ts";
import type { JobRecord } from "./model.ts";
import type { JobsService } from "./service.ts";

/**
 * Permission is checked before existence: somebody who may not see all jobs is told 403 either way.
 * @throws ApiError 403; 400 or 404 for a job that does not exist
 */
export function requireJob(
  jobs: JobsService,
  principal: Principal,
  jobId: string,
  right: Right,
): JobRecord {
  const job = jobs.store.job(jobId);
  if (job !== undefined) {
    requireUse(principal, job, right, `job ${jobId}`);
    return job;
  }
  if (!mayUse(principal, { creator: "", access: [] }, right))
    throw forbidden(principal, right, `job ${jobId}`);
  const message = `Job ${jobId} does not exist.`;
  throw jobs.context.settings.missingRunStatus === 404
    ? new ApiError(404, "RESOURCE_DOES_NOT_EXIST", message)
    : new ApiError(400, "INVALID_PARAMETER_VALUE", message);
}
