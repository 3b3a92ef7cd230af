// Access tokens: JWTs that any client can read (it wants `exp`), signed by one key and verified by its public half.
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
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

export type VerifyingKey = {
  /** `kid` of the tokens that it verifies. */
  readonly id: string;
  readonly jwk: JsonWebKey;
  /** The claims, when this key signed them; says nothing about their time. */
  readonly verify: (token: string) => Claims | undefined;
};

export type TokenKey = VerifyingKey & {
  readonly publicPem: string;
  readonly sign: (claims: Claims) => string;
};

/** A fresh key for ES256. Its private half cannot be had back. */
export function createTokenKey(): TokenKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicPem = publicKey.export({ type: "spki", format: "pem" }).toString();
  const key = openTokenKey(publicPem);
  return { ...key, publicPem, sign: (claims) => signed(claims, privateKey, key.id) };
}

export function openTokenKey(publicPem: string): VerifyingKey {
  const publicKey = createPublicKey(publicPem);
  const id = createHash("sha256").update(publicPem).digest("hex").slice(0, 16);
  return {
    id,
    jwk: { ...publicKey.export({ format: "jwk" }), alg: "ES256", use: "sig", kid: id },
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
  };
}

function signed(claims: Claims, key: KeyObject, kid: string): string {
  const header = encode({ alg: "ES256", typ: "at+jwt", kid });
  const text = `${header}.${encode({ ...claims, jti: randomUUID() })}`;
  const signature = sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}

const SignedClaims = z.looseObject({
  sub: z.string(),
  iss: z.string(),
  aud: z.string(),
  iat: z.number(),
  exp: z.number(),
});

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const decode = (text: string): unknown => JSON.parse(Buffer.from(text, "base64url").toString());
