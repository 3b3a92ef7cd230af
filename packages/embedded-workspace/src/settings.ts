// The switches of a running workspace: their defaults, and the schema by which they are changed.
import * as z from "zod";
import type { Settings } from "./context.ts";

/**
 * The settings that `PATCH $DATABRICKS_WORKSPACE_ADMIN/settings` takes; a name that is not here is
 * refused.
 */
export const SettingsChange = z.strictObject({
  latencyMs: z.number().int().min(0).max(60_000).optional(),
  rateLimits: z.boolean().optional(),
  retryAfterSeconds: z.number().int().min(0).max(3600).nullable().optional(),
  tokenSeconds: z.number().min(0).max(86_400).optional(),
  tokenRefusedEarlySeconds: z.number().min(0).max(30).optional(),
  tokenExpiredStatus: z.union([z.literal(401), z.literal(403)]).optional(),
  fileBytesMax: z.number().int().min(0).optional(),
  emptyPages: z.boolean().optional(),
  missingRunStatus: z.union([z.literal(400), z.literal(404)]).optional(),
  statementSecondsMax: z.number().min(0.1).max(172_800).optional(),
  runAsMayView: z.boolean().optional(),
  runAsMayManage: z.boolean().optional(),
  tokenScope: z.enum(["workspace", "user"]).optional(),
  output: z.enum(["present", "late", "absent", "absent_on_failure"]).optional(),
  outputLateSeconds: z.number().min(0).max(86_400).optional(),
  largeIds: z.boolean().optional(),
  unknownStates: z.boolean().optional(),
});
export type SettingsChange = z.infer<typeof SettingsChange>;

export const defaultSettings = (): Settings => ({
  latencyMs: 0,
  rateLimits: false,
  retryAfterSeconds: null,
  tokenSeconds: 3600,
  tokenRefusedEarlySeconds: 0,
  tokenExpiredStatus: 401,
  fileBytesMax: 5 * 1024 ** 3, // Files API: 5 GiB a PUT
  emptyPages: false,
  missingRunStatus: 400,
  statementSecondsMax: 600,
  runAsMayView: false,
  runAsMayManage: false,
  tokenScope: "workspace",
  output: "present",
  outputLateSeconds: 30,
  largeIds: false,
  unknownStates: false,
});
