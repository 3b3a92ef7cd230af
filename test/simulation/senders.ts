// The senders of messages, as SQS names them: `AIDA…` of a user, `AROA…:<session name>` of a role.
// The name after the colon is its taker's choice, so it is made to look like one of ours now and
// then.
import type { ServiceName } from "../../shared/topology.ts";
import type { Environment } from "./environment.ts";

const roleOf: Readonly<Record<ServiceName, string>> = {
  orchestrator: "AROAORCHESTRATOR000",
  "run-poller": "AROARUNPOLLER000000",
  ingester: "AROAINGESTER0000000",
};
export const ownRoles: readonly string[] = Object.values(roleOf);

/** Lambda names the session after its function. */
export const ownSender = ({ service }: Pick<Environment, "service">): string =>
  `${roleOf[service]}:signalbox-${service}`;
export const isOwnSender = (sender: string): boolean =>
  ownRoles.some((role) => sender.startsWith(`${role}:`));

/** Upstream systems: they send tickets. */
export const producers = ["AROAPRODUCER0000000:etl", "AIDAPRODUCER0000000"] as const;
/** On-call engineers: they order, and put dead letters back. */
export const engineers = ["AROAONCALL000000000:anna", "AROAONCALL000000000:ben"] as const;
/** Whoever got the right to send by mistake, and would like to be somebody else. */
export const pretenders = [
  `AROASTRANGER0000000:${roleOf.orchestrator}`,
  "AROASTRANGER0000000:signalbox-orchestrator",
  `AIDASTRANGER0000000`,
] as const;
/** Whom they claim to be. */
export const CLAIMED = "AIDATHECHIEF0000000";
