// Every shape in which Databricks has been seen to say no (docs/facts/databricks.md#error-bodies).
import { expect, test } from "vitest";
import {
  databricksError,
  isMissing,
  isTokenRefused,
  isTrouble,
} from "../../shared/adapters/databricks-error.ts";
import { exactJson } from "../../shared/adapters/exact-json.ts";

const errorOf = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  databricksError({
    status,
    headers,
    content: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
  });

test.each([
  {
    what: "the standard shape",
    status: 400,
    body: { error_code: "INVALID_STATE", message: "no", details: [] },
    code: "INVALID_STATE",
    says: "no",
  },
  {
    what: "an integer code",
    status: 401,
    body: { error_code: 401, message: "Credential was not sent" },
    code: "401",
    says: "Credential was not sent",
  },
  {
    what: "API 1.2",
    status: 500,
    body: { error: "ContextNotFound" },
    code: "HTTP_500",
    says: "ContextNotFound",
  },
  {
    what: "OAuth",
    status: 401,
    body: { error: "invalid_client", error_description: "no client" },
    code: "invalid_client",
    says: "no client",
  },
  {
    what: "SCIM",
    status: 404,
    body: { detail: "no user", status: "404", scimType: "invalidValue" },
    code: "invalidValue",
    says: "no user",
  },
  {
    what: "text with a code",
    status: 400,
    body: "MALFORMED_REQUEST: bad\n  things",
    code: "MALFORMED_REQUEST",
    says: "bad things",
  },
  {
    what: "text",
    status: 502,
    body: "upstream connect error",
    code: "HTTP_502",
    says: "upstream connect error",
  },
  {
    what: "a web page",
    status: 503,
    body: "<html><body><pre>Error: busy</pre></body></html>",
    code: "HTTP_503",
    says: "a web page: Error: busy",
  },
  {
    what: "a web page without <pre>",
    status: 502,
    body: "<!DOCTYPE html><title>Bad Gateway</title>",
    code: "HTTP_502",
    says: "a web page: Bad Gateway",
  },
  { what: "nothing", status: 504, body: "", code: "HTTP_504", says: "it said nothing more" },
  { what: "JSON that is no object", status: 500, body: "null", code: "HTTP_500", says: "null" },
  {
    what: "an object of surprises",
    status: 500,
    body: { error_code: {}, message: [] },
    code: "HTTP_500",
    says: "it said nothing more",
  },
])("$what", ({ status, body, code, says }) => {
  const error = errorOf(status, body);
  expect(error).toMatchObject({ status, code, sentence: says });
  expect(error.message).toBe(`${status} ${code}: ${says}`);
});

test("a sentence is one bounded line without control characters", () => {
  const { sentence } = errorOf(400, {
    message: `a\u001b[31m\r\n{"event":"x"}\u0000${"y".repeat(9_000)}`,
  });
  expect(sentence).toMatch(/^a \[31m \{"event":"x"\} y+…$/);
  expect(sentence.length).toBeLessThan(520);
});

test("a redirect says where it leads, and is trouble", () => {
  const error = errorOf(303, "", { location: "/login.html?error=private-link-validation-error" });
  expect(error.sentence).toContain("private-link-validation-error");
  expect(isTrouble(error)).toBe(true);
});

test.each([
  { status: 403, message: "Invalid access token.", refused: true },
  { status: 403, message: "Token is expired", refused: true },
  { status: 403, message: "User does not have permission READ VOLUME", refused: false },
  { status: 401, message: "anything", refused: true },
  { status: 400, message: "invalid token", refused: false },
])("$status $message: the token was refused: $refused", ({ status, message, refused }) => {
  expect(isTokenRefused(errorOf(status, { error_code: "X", message }))).toBe(refused);
});

test.each([
  { status: 404, body: { error_code: "NOT_FOUND", message: "no file" }, missing: true },
  { status: 404, body: { error_code: 404, message: "no file" }, missing: true },
  { status: 404, body: "RESOURCE_DOES_NOT_EXIST: no file", missing: true },
  { status: 404, body: { error_code: "ENDPOINT_NOT_FOUND", message: "no API" }, missing: false },
  { status: 404, body: "<html>not found</html>", missing: false },
  { status: 404, body: "", missing: false },
  { status: 400, body: { error_code: "NOT_FOUND" }, missing: false },
])("$status $body: what was named is missing: $missing", ({ status, body, missing }) => {
  expect(isMissing(errorOf(status, body))).toBe(missing);
});

test.each([
  ['{"run_id":9223372036854775807}', { run_id: "9223372036854775807" }],
  ['{"run_id":-9223372036854775808}', { run_id: "-9223372036854775808" }],
  ['{"run_id":9007199254740991}', { run_id: 9007199254740991 }],
  [
    '{"run_id":9007199254740993,"a":[9007199254740993]}',
    { run_id: "9007199254740993", a: ["9007199254740993"] },
  ],
  ['{"a":1.5,"b":1e3,"c":"9007199254740993"}', { a: 1.5, b: 1000, c: "9007199254740993" }],
])("%s stays exact", (text, expected) => {
  expect(exactJson(text)).toEqual(expected);
});
