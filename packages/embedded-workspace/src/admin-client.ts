// Calls the workspace's own admin from the process that started it, over the same socket as everybody.
import { request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";

export type CallAdmin = (method: string, path: string, body?: unknown) => Promise<unknown>;

/** `adminUrl` and, with TLS, the authority to trust. @throws Error for an answer that is not 200, with its message */
export function createAdminClient(adminUrl: string, caPem: string): CallAdmin {
  const request = adminUrl.startsWith("https:") ? tlsRequest : plainRequest;
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const sent = request(`${adminUrl}${path}`, { method, ca: caPem, agent: false }, (answer) => {
        answer
          .toArray()
          .then((chunks) => {
            const text = Buffer.concat(chunks).toString("utf8");
            if (answer.statusCode === 200) resolve(JSON.parse(text));
            else reject(new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`));
          })
          .catch(reject);
      });
      sent.once("error", reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
}
