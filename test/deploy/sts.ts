// An STS whose word a workspace can check. The emulator refuses whom the role refuses, but signs
// with a key of its own, for nobody's verification (MiniStack 1.5.33, services/sts.py: HS256, and
// it says so); what it granted is said again here, by the test identity provider that the embedded
// workspace trusts.
import { createServer, request } from "node:https";
import type { AddressInfo } from "node:net";

type Granted = {
  readonly audience: string;
  readonly durationSeconds: number;
  /** The access key that signed: a function's role has its own. */
  readonly accessKeyId: string;
};

export type Sts = AsyncDisposable & {
  readonly endpoint: string;
  /** Every token that was given out. */
  readonly granted: readonly Granted[];
};

export type StsOptions = {
  readonly tls: { readonly caPem: string; readonly chainPem: string; readonly keyPem: string };
  /** The emulator's address, once it is there. */
  readonly emulator: () => string;
  /** A JWT of the identity provider, for the principal whose federation policy it is. */
  readonly token: () => Promise<string>;
};

export async function startSts({ tls, emulator, token }: StsOptions): Promise<Sts> {
  const granted: Granted[] = [];
  const server = createServer({ cert: tls.chainPem, key: tls.keyPem }, (asked, answer) => {
    const chunks: Buffer[] = [];
    asked.on("data", (chunk: Buffer) => chunks.push(chunk));
    asked.on("end", () => {
      const body = Buffer.concat(chunks);
      const reply = (status: number, text: string) =>
        answer.writeHead(status, { "content-type": "text/xml" }).end(text);
      forward(emulator(), tls.caPem, asked.headers, body)
        .then(async (answered) => {
          const form = new URLSearchParams(body.toString());
          if (answered.status !== 200 || form.get("Action") !== "GetWebIdentityToken")
            return reply(answered.status, answered.text);
          granted.push(grantIn(form, asked.headers.authorization ?? ""));
          return reply(200, answered.text.replace(TOKEN, `$1${await token()}$2`));
        })
        .catch((error: unknown) => reply(500, String(error)));
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `https://127.0.0.1:${port}`,
    granted,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

const TOKEN = /(<WebIdentityToken>)[^<]*(<\/WebIdentityToken>)/;

const grantIn = (form: URLSearchParams, authorization: string): Granted => ({
  audience: form.get("Audience.member.1") ?? "",
  durationSeconds: Number(form.get("DurationSeconds")),
  accessKeyId: /Credential=([^/]+)\//.exec(authorization)?.[1] ?? "",
});

type Answered = { readonly status: number; readonly text: string };

/** As it came, with the host that was signed: the emulator checks signature and role. */
const forward = (
  origin: string,
  ca: string,
  headers: NodeJS.Dict<string | string[]>,
  body: Buffer,
): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const asked = request(origin, { method: "POST", headers, ca }, (reply) => {
      let text = "";
      reply.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      reply.on("end", () => resolve({ status: reply.statusCode ?? 500, text }));
    });
    asked.on("error", reject);
    asked.end(body);
  });
