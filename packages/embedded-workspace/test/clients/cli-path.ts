// Prints where the official command line is installed, and installs it if need be; nothing where Go is missing.
import { databricksCli } from "./install.ts";

process.stdout.write(`${(await databricksCli()) ?? ""}\n`);
