// Access tokens: JWTs that any client can read (it wants `exp`), signed by a key that survives a restart.
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  randomUUID,
  sign,
  verify,
} from "node:crypto";
import * as z from "zod";

type Claims = {
  readonly sub: string;
  readonly iss: string;
  readonly aud: string;
  /** Epoch seconds. */
  readonly iat: number;
  readonly exp: number;
  readonly [claim: string]: unknown;
};

export type TokenKey = {
  readonly sign: (claims: Claims) => string;
  /** The claims, when this key signed them; says nothing about their time. */
  readonly verify: (token: string) => Claims | undefined;
  readonly jwks: () => { readonly keys: readonly JsonWebKey[] };
};

/** A fresh private key in PEM, for ES256. */
export const createKeyPem = (): string =>
  generateKeyPairSync("ec", { namedCurve: "P-256" })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();

export function openTokenKey(pem: string): TokenKey {
  const privateKey = createPrivateKey(pem);
  const publicKey = createPublicKey(privateKey);
  const header = encode({ alg: "ES256", typ: "at+jwt", kid: KEY_ID });
  return {
    sign: (claims) => {
      const signed = `${header}.${encode({ ...claims, jti: randomUUID() })}`;
      const signature = sign("sha256", Buffer.from(signed), {
        key: privateKey,
        dsaEncoding: "ieee-p1363",
      });
      return `${signed}.${signature.toString("base64url")}`;
    },
    verify: (token) => {
      const [head = "", payload = "", signature = "", ...more] = token.split(".");
      if (more.length > 0 || signature === "") return undefined;
      const genuine = verify(
        "sha256",
        Buffer.from(`${head}.${payload}`),
        { key: publicKey, dsaEncoding: "ieee-p1363" },
        Buffer.from(signature, "base64url"),
      );
      return genuine ? SignedClaims.parse(decode(payload)) : undefined;
    },
    jwks: () => ({
      keys: [{ ...publicKey.export({ format: "jwk" }), alg: "ES256", use: "sig", kid: KEY_ID }],
    }),
  };
}

const KEY_ID = "embedded-workspace";

const SignedClaims = z.looseObject({
  sub: z.string(),
  iss: z.string(),
  aud: z.string(),
  iat: z.number(),
  exp: z.number(),
});

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const decode = (text: string): unknown => JSON.parse(Buffer.from(text, "base64url").toString());
