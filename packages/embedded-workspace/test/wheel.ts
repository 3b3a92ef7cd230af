// A wheel made by hand (PEP 427): a zip with the package and its metadata, stored without
// compression.
import { crc32 } from "node:zlib";

export type WheelFile = { readonly name: string; readonly content: string };

/** A pure wheel with one module and, if given, console entry points and requirements. */
export function wheel(given: {
  readonly name: string;
  readonly source: string;
  readonly entryPoints?: Readonly<Record<string, string>>;
  readonly requires?: readonly string[];
}): Buffer {
  const info = `${given.name}-1.0.dist-info`;
  const requires = (given.requires ?? []).map((need) => `Requires-Dist: ${need}\n`).join("");
  const points = Object.entries(given.entryPoints ?? {}).map(
    ([name, target]) => `${name} = ${target}\n`,
  );
  return zip([
    { name: `${given.name}/__init__.py`, content: given.source },
    {
      name: `${info}/METADATA`,
      content: `Metadata-Version: 2.1\nName: ${given.name.replace("_", "-")}\nVersion: 1.0\n${requires}\n`,
    },
    {
      name: `${info}/WHEEL`,
      content: "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    },
    { name: `${info}/entry_points.txt`, content: `[console_scripts]\n${points.join("")}` },
    { name: `${info}/RECORD`, content: "" },
  ]);
}

export function zip(files: readonly WheelFile[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const { name, content } of files) {
    const [title, data] = [Buffer.from(name), Buffer.from(content)];
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version needed
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(title.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, title, data]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    centrals.push(
      Buffer.concat([Buffer.from("PK\x01\x02\x14\x00", "latin1"), common, rest, title]),
    );
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, directory, Buffer.from("PK\x05\x06"), end]);
}
