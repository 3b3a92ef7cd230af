// Service principals as the store has them, and what this process gave out to prove them.
import { randomUUID } from "node:crypto";
import type { Principal } from "../route.ts";
import type { Store } from "../store.ts";
import { digestOf, freshSecret, freshToken, type Proofs, withProof } from "./proofs.ts";

export type PrincipalRequest = {
  readonly displayName: string;
  /** Its application id and OAuth client id; a fresh UUID without it. */
  readonly id?: string;
  readonly admin?: boolean;
  /** Default true. */
  readonly entitled?: boolean;
  readonly clientSecret?: string;
  readonly token?: string;
};

/** A principal with what proves it. */
export type Credentials = Principal & {
  readonly clientSecret: string;
  readonly token: string;
};

export type People = {
  readonly all: () => readonly Principal[];
  readonly byId: (id: string) => Principal | undefined;
  /** By application id or display name. */
  readonly byName: (name: string) => Principal | undefined;
  readonly byToken: (token: string) => Principal | undefined;
  readonly byClientSecret: (clientId: string, clientSecret: string) => Principal | undefined;
  readonly proofsOf: (id: string) => Proofs | undefined;
  readonly add: (request: PrincipalRequest) => Credentials;
  /**
   * Adds it unless there is one of this name; tokens and secrets that it names are valid either
   * way.
   */
  readonly ensure: (request: PrincipalRequest) => void;
  /**
   * The tokens of this process; those of an earlier process stay valid.
   */
  readonly credentialsOf: (principal: Principal) => Credentials;
};

type Kept = Principal & Proofs;
/** As workspaces kept it once. */
type KeptInClear = Credentials & { readonly createdMs?: number };

export function openPeople(store: Store, nowMs: () => number): People {
  hashInClear(store);
  const kept = store.collection<Kept>("principals");
  const given = new Map<string, Credentials>();
  const holders = new Map<string, string>();
  const learn = ({ id, tokens }: Kept) => {
    for (const { sha256 } of tokens) holders.set(sha256, id);
  };
  for (const [, held] of kept.entries()) learn(held);
  const byId = (id: string) => principalOf(kept.get(id));
  const all = () => [...kept.entries()].map(([, held]) => principalOf(held));
  const byName = (name: string) => byId(name) ?? all().find((held) => held.displayName === name);
  const give = (
    principal: Principal,
    { token = freshToken(), clientSecret = freshSecret() }: Partial<Credentials>,
  ): Credentials => {
    const { tokens = [], secrets = [] } = kept.get(principal.id) ?? {};
    const held = {
      ...principal,
      tokens: withProof(tokens, token, nowMs()),
      secrets: withProof(secrets, clientSecret, nowMs()),
    };
    kept.put(principal.id, held);
    learn(held);
    const credentials = { ...principal, token, clientSecret };
    given.set(principal.id, credentials);
    return credentials;
  };
  const add: People["add"] = (request) => give(newPrincipal(request), request);
  return {
    all,
    byId,
    byName,
    byToken: (token) => byId(holders.get(digestOf(token)) ?? ""),
    byClientSecret: (clientId, clientSecret) => {
      const sha256 = digestOf(clientSecret);
      const proves = kept.get(clientId)?.secrets.some((each) => each.sha256 === sha256);
      return proves === true ? byId(clientId) : undefined;
    },
    proofsOf: kept.get,
    add,
    ensure: (request) => {
      const held = byName(request.displayName);
      if (held === undefined) add(request);
      else if (request.token !== undefined || request.clientSecret !== undefined)
        give(held, request);
    },
    credentialsOf: (principal) => given.get(principal.id) ?? give(principal, {}),
  };
}

const newPrincipal = ({
  displayName,
  id = randomUUID(),
  admin = false,
  entitled = true,
}: PrincipalRequest): Principal => ({ id, displayName, admin, entitled });

function principalOf(held: Principal): Principal;
function principalOf(held: Principal | undefined): Principal | undefined;
function principalOf(held: Principal | undefined): Principal | undefined {
  if (held === undefined) return undefined;
  const { id, displayName, admin, entitled } = held;
  return { id, displayName, admin, entitled };
}

/** A folder of an older workspace has tokens, secrets and signing keys as they are. */
function hashInClear(store: Store): void {
  const people = store.collection<Kept | KeptInClear>("principals");
  const clear = [...people.entries()].flatMap(([, held]) => ("token" in held ? [held] : []));
  for (const held of clear)
    people.put(held.id, {
      ...principalOf(held),
      tokens: withProof([], held.token, held.createdMs ?? 0),
      secrets: withProof([], held.clientSecret, held.createdMs ?? 0),
    });
  const keys = store.collection<string>("keys");
  for (const [name] of [...keys.entries()]) keys.delete(name);
  if (clear.length > 0) store.shred();
}
