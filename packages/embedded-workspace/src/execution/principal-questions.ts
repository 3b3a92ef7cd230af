// Questions that any process of a principal may ask: its secrets, a token of its own, notebooks.
import type { WorkspaceContext } from "../context.ts";
import type { Principal } from "../route.ts";
import { notebookAt } from "./notebook-place.ts";
import type { TaskQuestions } from "./task-channel.ts";

type Answers = Pick<
  TaskQuestions,
  "secret" | "secretKeys" | "secretScopes" | "credentials" | "notebook"
>;

/** `secrets` collects those that were read, so that they can be hidden from what is shown. */
export const questionsOfPrincipal = (
  context: WorkspaceContext,
  principal: Principal,
  secrets: Set<string>,
): Answers => ({
  secret: (scope, key) => {
    const secret = context.secrets.get(scope, key, principal);
    if (secret.length > 0) secrets.add(secret.toString("utf8"));
    return secret;
  },
  secretKeys: (scope) => context.secrets.keys(scope, principal),
  secretScopes: () => context.secrets.readableScopes(principal),
  credentials: () => ({ host: context.url, token: context.principals.issueToken(principal) }),
  notebook: (path) => notebookAt(context, path),
});

/** The text that notebooks show for secrets (docs/facts/databricks.md#notebooks-redact-secrets). */
export const withoutSecrets = (text: string, secrets: ReadonlySet<string>): string =>
  [...secrets].reduce((left, secret) => left.replaceAll(secret, "[REDACTED]"), text);
