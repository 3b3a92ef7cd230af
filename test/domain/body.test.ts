import { describe, expect, test } from "vitest";
import * as z from "zod";
import { checked, jsonOf, messageOf, utf8Bytes } from "../../shared/domain/body.ts";
import { PoisonMessageError } from "../../shared/domain/errors.ts";

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

describe("what a body may not be", () => {
  test.each([
    { given: "no JSON", body: "make it so", expected: /^the message is not JSON: / },
    { given: "half of it", body: '{"ticket_id":"a"', expected: /^the message is not JSON: / },
    {
      given: "too large",
      body: JSON.stringify("x".repeat(65_535)),
      expected: /has 65537 bytes; at most 65536 are read: put large data on a Volume/,
    },
    {
      given: "too large in UTF-8 only",
      body: JSON.stringify("é".repeat(33_000)),
      expected: /has 66002 bytes/,
    },
    { given: "too deep", body: nested(33), expected: /nests 33 levels deep; at most 32/ },
    {
      given: "an integer beyond 2^53",
      body: '{"id":9007199254740993}',
      expected: /number 9007199254740993 at "id", which cannot be held exactly: send it as text/,
    },
    { given: "a number beyond every double", body: '{"x":1e400}', expected: /number 1e400 at "x"/ },
    {
      given: "a key __proto__ in other letters",
      body: '{"\\u005f_proto__":{"admin":true}}',
      expected: /has a key "__proto__", which is refused/,
    },
    {
      given: "a key twice",
      body: '{"ticket_id":"a","limits":{"attempts":1},"limits":{}}',
      expected: /has the key "limits" twice in one object: .*send it once/,
    },
    {
      given: "a key twice, deep inside, and in other letters",
      body: '{"a":[{"b":{"x:y":1,"c":2,"\\u0063" : 3}}]}',
      expected: /has the key "c" twice/,
    },
    {
      given: "a key __proto__",
      body: '{"parameters":{"__proto__":{"admin":true}}}',
      expected: /has a key "__proto__", which is refused/,
    },
  ])("$given", ({ body, expected }) => {
    expect(() => jsonOf(body)).toThrow(PoisonMessageError);
    expect(() => jsonOf(body)).toThrow(expected);
  });
});

test.each([
  {
    given: "brackets inside strings",
    body: JSON.stringify(`\\"${"[".repeat(100)}`),
    expected: `\\"${"[".repeat(100)}`,
  },
  { given: "the deepest that is allowed", body: nested(32), expected: JSON.parse(nested(32)) },
  {
    given: "equal keys of different objects, and colons in texts",
    body: '{"a":{"a":":{a:"},"b":[{"a":1},{"a":"\\":"}]}',
    expected: { a: { a: ":{a:" }, b: [{ a: 1 }, { a: '":' }] },
  },
  {
    given: "many siblings",
    body: `[${"[],".repeat(50)}[]]`,
    expected: Array.from({ length: 51 }, () => []),
  },
  { given: "the largest exact integer", body: "9007199254740991", expected: 9007199254740991 },
  { given: "a fraction", body: "0.1", expected: 0.1 },
  {
    given: "the largest body",
    body: JSON.stringify("x".repeat(65_534)),
    expected: "x".repeat(65_534),
  },
])("$given is read", ({ body, expected }) => {
  expect(jsonOf(body)).toEqual(expected);
});

test("faults are named by their place, three at most", () => {
  const schema = z.strictObject({
    a: z.object({ b: z.number() }),
    c: z.string(),
    d: z.string(),
    e: z.string(),
  });
  expect(() => checked("the ticket", schema, { a: { b: "1" } })).toThrow(
    /^the ticket is not valid: a\.b: .+; c: .+; d: .+; and 1 more$/,
  );
  expect(() => checked("the ticket", z.string(), 1)).toThrow(
    /^the ticket is not valid: Invalid input/,
  );
  expect(checked("the ticket", z.string(), "x")).toBe("x");
});

test.each(["", "a", "é", "€", "😀", "a😀é"])("utf8Bytes(%j) counts as an encoder does", (text) => {
  expect(utf8Bytes(text)).toBe(new TextEncoder().encode(text).length);
});

test("whatever is thrown has a message", () => {
  expect([messageOf(new Error("no")), messageOf("no"), messageOf(undefined)]).toEqual([
    "no",
    "no",
    "undefined",
  ]);
});
