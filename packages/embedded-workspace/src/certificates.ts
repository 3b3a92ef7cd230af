// A certificate authority and a server certificate of the workspace's own, in DER by hand: Node
// signs, but cannot issue. Python 3.13 verifies strictly (RFC 5280), so the key identifiers must be
// there. The issuing package that adds them brings 26 others
// (docs/decisions/0003-certificates-are-issued-by-hand.md).
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";

export type Certificates = {
  /** PEM of the authority, which clients must trust. */
  readonly caPem: string;
  /** PEM of the server's certificate followed by the authority's. */
  readonly chainPem: string;
  readonly keyPem: string;
};

const YEAR_MS = 365 * 24 * 3600 * 1000;

/**
 * For `localhost`, `127.0.0.1` and `::1`. Valid from a day ago, because clocks of containers
 * differ.
 */
export function issueCertificates(nowMs: number): Certificates {
  const authority = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const server = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ca = certificate({
    subject: "Embedded workspace CA",
    issuer: "Embedded workspace CA",
    subjectKey: authority.publicKey,
    issuerKey: authority.privateKey,
    nowMs,
    years: 10,
    extensions: [
      // A CA, path length 0
      extension("2.5.29.19", true, sequence(boolean(true), integer(Buffer.from([0])))),
      extension("2.5.29.15", true, bitString(Buffer.from([0x06]), 1)), // keyCertSign, cRLSign
    ],
  });
  const leaf = certificate({
    subject: "localhost",
    issuer: "Embedded workspace CA",
    subjectKey: server.publicKey,
    issuerKey: authority.privateKey,
    nowMs,
    years: 2, // Apple's clients refuse more than 825 days
    extensions: [
      extension("2.5.29.19", true, sequence()),
      extension("2.5.29.15", true, bitString(Buffer.from([0x80]), 7)), // digitalSignature
      extension("2.5.29.37", false, sequence(objectIdentifier("1.3.6.1.5.5.7.3.1"))), // serverAuth
      extension("2.5.29.17", false, subjectAlternativeNames()),
    ],
  });
  return {
    caPem: ca,
    chainPem: leaf + ca,
    keyPem: server.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

type Request = {
  readonly subject: string;
  readonly issuer: string;
  readonly subjectKey: KeyObject;
  readonly issuerKey: KeyObject;
  readonly nowMs: number;
  readonly years: number;
  readonly extensions: readonly Buffer[];
};

function certificate(request: Request): string {
  const algorithm = sequence(objectIdentifier("1.2.840.10045.4.3.2")); // ecdsa-with-SHA256
  const issuerPublicKey = createPublicKey(createPrivateKey(exportPem(request.issuerKey)));
  const serial = Buffer.concat([Buffer.from([0x01]), randomBytes(15)]); // positive
  const toBeSigned = sequence(
    element(0xa0, integer(Buffer.from([2]))), // version 3
    integer(serial),
    algorithm,
    name(request.issuer),
    sequence(time(request.nowMs - 86_400_000), time(request.nowMs + request.years * YEAR_MS)),
    name(request.subject),
    publicKeyInfo(request.subjectKey),
    element(
      0xa3,
      sequence(
        ...request.extensions,
        extension("2.5.29.14", false, element(0x04, keyIdentifier(request.subjectKey))),
        extension("2.5.29.35", false, sequence(element(0x80, keyIdentifier(issuerPublicKey)))),
      ),
    ),
  );
  const signature = sign("sha256", toBeSigned, request.issuerKey);
  const der = sequence(toBeSigned, algorithm, bitString(signature, 0));
  const base64 = der.toString("base64").replaceAll(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
}

const exportPem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" });

const publicKeyInfo = (key: KeyObject) => key.export({ type: "spki", format: "der" });

// RFC 5280 §4.2.1.2, method 1 hashes the key's bits; any stable hash of the key will do.
const keyIdentifier = (key: KeyObject) => createHash("sha1").update(publicKeyInfo(key)).digest();

const name = (commonName: string) =>
  sequence(
    element(0x31, sequence(objectIdentifier("2.5.4.3"), element(0x0c, Buffer.from(commonName)))),
  );

const subjectAlternativeNames = () =>
  sequence(
    element(0x82, Buffer.from("localhost")),
    element(0x87, Buffer.from([127, 0, 0, 1])),
    element(0x87, Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
  );

const extension = (id: string, critical: boolean, value: Buffer) =>
  sequence(
    objectIdentifier(id),
    ...(critical ? [boolean(true)] : []),
    element(0x04, value), // an octet string around the value
  );

/** UTCTime: two digits of the year, right until 2049. */
function time(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return element(0x17, Buffer.from(digits.slice(2)));
}

function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return element(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const digits = [value % 128];
  for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128))
    digits.unshift((left % 128) + 128);
  return digits;
}

const sequence = (...parts: readonly Buffer[]) => element(0x30, Buffer.concat(parts));
const integer = (bytes: Buffer) => element(0x02, bytes);
const boolean = (value: boolean) => element(0x01, Buffer.from([value ? 0xff : 0]));
const bitString = (bytes: Buffer, unusedBits: number) =>
  element(0x03, Buffer.concat([Buffer.from([unusedBits]), bytes]));

function element(tag: number, content: Buffer): Buffer {
  const length = content.length;
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}
