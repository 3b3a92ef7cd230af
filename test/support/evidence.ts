// The last words of the executor: a result as the last block of the run's own output.
import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";

const LINE_CHARS = 1_000;

/** The block of a result's bytes, as `services/executor` prints it. */
export function blockOf(content: string | Uint8Array): string {
  const bytes = Buffer.from(content as string);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const packed = deflateSync(bytes).toString("base64");
  const parts = packed.match(new RegExp(`.{1,${LINE_CHARS}}`, "g")) ?? [];
  return [
    `signalbox-result begin ${sha256} ${bytes.byteLength}`,
    ...parts.map((part, i) => `signalbox-result ${i + 1}/${parts.length} ${part}`),
    `signalbox-result end ${sha256}`,
    "",
  ].join("\n");
}
