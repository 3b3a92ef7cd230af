// Which Python the executor's tests run with: the first that is new enough.

export type Python = { readonly command: string; readonly version: string };

/** The oldest Python that the executor promises to run on. */
const MINOR_MIN = 10;
const CANDIDATES = ["python3", "python"];

/** Asks each candidate for its version. Returns a sentence for people where none will do. */
export function findPython(
  call: (command: string, args: readonly string[]) => { readonly stdout: string | null },
): Python | string {
  const found: string[] = [];
  for (const command of CANDIDATES) {
    const { stdout } = call(command, ["-c", "import platform; print(platform.python_version())"]);
    const version = stdout?.trim() ?? "";
    const [major, minor] = version.split(".").map(Number);
    if (major === 3 && minor !== undefined && minor >= MINOR_MIN) return { command, version };
    if (version !== "") found.push(`${command} is ${version}`);
  }
  const reason = found.length === 0 ? "there is none on the path" : found.join(", ");
  return `The executor needs Python 3.${MINOR_MIN} or later, and ${reason}: install python3 and try again.`;
}
