// A process that answers HTTPS with as many bytes as it is told to, and knows nothing: what the
// workspace's rates are laid beside.
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { issueCertificates } from "embedded-databricks-workspace";

const body = "x".repeat(Number(process.argv[2]));
const { caPem, chainPem, keyPem } = issueCertificates(Date.now());
const server = createServer({ cert: chainPem, key: keyPem }, (_request, response) => {
  response.setHeader("content-type", "application/json");
  response.end(body);
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ url: `https://127.0.0.1:${port}`, caPem }));
});
