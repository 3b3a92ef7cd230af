// Paths as they come over the wire: split before decoding, so that an encoded slash can never become a real one.
import { ApiError } from "../route.ts";

/**
 * The decoded segments of a raw path; empty segments stay (a trailing slash gives a last empty one).
 * @throws ApiError 400 for `.` and `..` (also encoded), encoded slashes, NUL, and broken percent-encoding
 */
export function decodePath(rawPath: string): string[] {
  return rawPath.split("/").slice(1).map(decodeSegment);
}

function decodeSegment(raw: string): string {
  const segment = raw.includes("%") ? percentDecoded(raw) : raw;
  if (segment === "." || segment === "..")
    throw invalid(`The path has a segment '${segment}'; write the path without it.`);
  if (segment.includes("/"))
    throw invalid("The path has an encoded slash (%2F); a name cannot contain a slash.");
  if (segment.includes("\0")) throw invalid("The path has a NUL character (%00).");
  return segment;
}

function percentDecoded(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch (error) {
    throw invalid(`The path segment '${raw}' is not valid percent-encoding of UTF-8.`, error);
  }
}

const invalid = (message: string, cause?: unknown) =>
  new ApiError(400, "INVALID_PARAMETER_VALUE", message, { cause });
