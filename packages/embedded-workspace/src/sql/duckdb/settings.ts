// SET and the configuration of a session: what changes nothing here is kept, what would change answers is refused.
import { SqlError, unsupported } from "../errors.ts";
import type { Session } from "./session.ts";

const UTC = /^(UTC|Etc\/UTC|GMT|Z|\+00:00)$/i;

/** @throws SqlError for a setting whose effect is not built */
export function applySetting(session: Session, key: string, value: string): void {
  const name = key.toLowerCase();
  const isZone = name === "timezone" || name === "spark.sql.session.timezone";
  if (isZone && !UTC.test(value)) throw unsupported(`the time zone ${value}: sessions are in UTC`);
  const isAnsi = name === "ansi_mode" || name === "spark.sql.ansi.enabled";
  if (isAnsi && !/^true$/i.test(value)) throw unsupported("sessions without ANSI mode");
  if (/^legacy_|storeassignmentpolicy|casesensitive/.test(name))
    throw unsupported(`the setting ${key}`);
  if (!/^[\w.:-]+$/.test(name))
    throw new SqlError("INVALID_CONF_VALUE", "22022", `'${key}' is no name of a setting`);
  session.configuration.set(name, value);
}
