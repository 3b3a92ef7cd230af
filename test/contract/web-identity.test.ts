// Signing in without a stored secret: AWS says who we are, and the workspace believes it.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createWebIdentityToken } from "../../shared/adapters/web-identity.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";

let server: Server;
let asked: URLSearchParams[] = [];
let answer: { readonly status: number; readonly body: string };
const GRANTED = `<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetWebIdentityTokenResult><WebIdentityToken>header.claims.signature</WebIdentityToken></GetWebIdentityTokenResult>
</GetWebIdentityTokenResponse>`;
const REFUSED = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error><Type>Sender</Type><Code>OutboundWebIdentityFederationDisabledException</Code><Message>it is switched off</Message></Error>
</ErrorResponse>`;

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      asked.push(new URLSearchParams(body));
      response.writeHead(answer.status, { "content-type": "text/xml" }).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function tokens() {
  asked = [];
  let clients = 0;
  const { port } = server.address() as AddressInfo;
  const webIdentityToken = createWebIdentityToken(() => {
    clients++;
    return new STSClient({
      endpoint: `http://127.0.0.1:${port}`,
      region: "eu-central-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      maxAttempts: 1,
    });
  });
  return { webIdentityToken, clients: () => clients };
}

test("AWS is asked for a word that one audience believes, for a few minutes", async () => {
  answer = { status: 200, body: GRANTED };
  const { webIdentityToken } = tokens();
  expect(await webIdentityToken("account-1")).toBe("header.claims.signature");
  expect(Object.fromEntries(asked[0] ?? [])).toMatchObject({
    Action: "GetWebIdentityToken",
    "Audience.member.1": "account-1",
    SigningAlgorithm: "RS256",
    DurationSeconds: "300",
  });
});

test("the client is made when it is needed, once", async () => {
  answer = { status: 200, body: GRANTED };
  const { webIdentityToken, clients } = tokens();
  expect(clients()).toBe(0);
  await webIdentityToken("a");
  await webIdentityToken("a");
  expect(clients()).toBe(1);
});

test("an account whose federation is switched off is trouble: a person switches it on", async () => {
  answer = { status: 400, body: REFUSED };
  const { webIdentityToken } = tokens();
  await expect(webIdentityToken("a")).rejects.toBeInstanceOf(PlatformTroubleError);
  await expect(webIdentityToken("a")).rejects.toThrow(/GetWebIdentityToken: it is switched off/);
});
