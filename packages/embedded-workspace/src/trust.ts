// Writes the certificates that clients must trust.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import type { Certificates } from "./certificates.ts";

export type Trust = {
  /** The workspace's authority alone. */
  readonly caFile: string;
  /** With those of this machine. */
  readonly bundleFile: string;
};

/**
 * OpenSSL's variables replace the machine's authorities, so the bundle has those too: pip must go
 * on working.
 */
export function writeTrust(folder: string, { caPem }: Certificates): Trust {
  const caFile = join(folder, "ca.pem");
  const bundleFile = join(folder, "ca-bundle.pem");
  writeFileSync(caFile, caPem);
  writeFileSync(bundleFile, `${caPem}\n${machineAuthorities()}`);
  return { caFile, bundleFile };
}

/** As text: parsing them by `tls.getCACertificates` takes longer than starting everything else. */
function machineAuthorities(): string {
  const files = [
    process.env["SSL_CERT_FILE"],
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt", // Red Hat
    "/etc/ssl/cert.pem", // macOS, BSD
  ];
  const file = files.find((name) => name !== undefined && existsSync(name));
  return file === undefined ? rootCertificates.join("\n") : readFileSync(file, "utf8");
}
