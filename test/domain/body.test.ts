import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { checked, jsonOf, messageOf, strictJson, utf8Bytes } from "../../shared/domain/body.ts";
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
    {
      given: "an integer that a double rounds, of any length",
      body: '[1,{"id":-12345678901234567890}]',
      expected: /number -12345678901234567890 at "id"/,
    },
    {
      given: "a number so small that it becomes 0",
      body: '{"a":["1e-400",1e-400]}',
      expected: /number 1e-400 in a list, which/,
    },
    { given: "such a number alone", body: "1e-400", expected: /number 1e-400 at "", which/ },
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
  { given: "an integer that a double holds", body: "9007199254740992", expected: 2 ** 53 },
  { given: "an exponent", body: '{"n":1e5,"m":[1e16]}', expected: { n: 1e5, m: [1e16] } },
  { given: "2^60 to the digit", body: "1152921504606846976", expected: 2 ** 60 },
  { given: "2^60 as JavaScript writes it", body: "1152921504606847000", expected: 2 ** 60 },
  { given: "what is rounded anyway", body: "9007199254740993.0", expected: 2 ** 53 },
  { given: "the smallest double", body: "5e-324", expected: 5e-324 },
  { given: "the largest double", body: `${Number.MAX_VALUE}`, expected: Number.MAX_VALUE },
  { given: "a fraction", body: "0.1", expected: 0.1 },
  {
    given: "the largest body",
    body: JSON.stringify("x".repeat(65_534)),
    expected: "x".repeat(65_534),
  },
])("$given is read", ({ body, expected }) => {
  expect(jsonOf(body)).toEqual(expected);
});

// Each text has something that makes the reader look closer, and keys that an object has by itself.
const own = ["toString", "valueOf", "constructor", "toJSON", "hasOwnProperty"];
test.each(own)("a key %s is a key like any other", (key) => {
  for (const inner of ['"x"', "1e-7", "null", '{"a":[1e5]}'])
    for (const text of [`{"${key}":${inner},"n":1e-7}`, `{"a":["\\u0041",{"${key}":${inner}}]}`])
      expect(jsonOf(text)).toEqual(JSON.parse(text));
});

test("whatever JavaScript writes can be read again", () => {
  const json = fc.jsonValue({ maxDepth: 3 });
  const value = fc.dictionary(
    fc.oneof(fc.constantFrom(...own), fc.string()).filter((key) => key !== "__proto__"),
    fc.oneof(fc.constantFrom(1e5, 1e16, 1e22, 5e-324, 2 ** 53, 2 ** 53 + 1, 2 ** 60), json),
  );
  const whole = (text: string) => !/__proto__|\\ud[89a-f]/.test(text);
  fc.assert(
    fc.property(value.map((some) => JSON.stringify(some)).filter(whole), (text) => {
      expect(jsonOf(text)).toEqual(JSON.parse(text));
    }),
  );
});

test("of numbers that are stored none is refused, and all else is", () => {
  const read = (text: string) => strictJson("it", text, 64, "any");
  expect(read("[9007199254740993,10000000000000000,1e-400]")).toEqual([2 ** 53, 1e16, 0]);
  expect(() => read('{"__proto__":1}')).toThrow(/has a key "__proto__"/);
  expect(() => read('["\\ud83d"]')).toThrow(/half a surrogate pair/);
});

test("to look closer at a text costs what its size does, however deep it is", () => {
  const list = Array.from({ length: 100_000 }, () => "1").join(",");
  const seconds = (depth: number, first: string) => {
    const text = `{"n":${first},"a":${"[".repeat(depth)}${list}${"]".repeat(depth)},"s":"\\u0041"}`;
    const startedMs = performance.now();
    strictJson("it", text, 64);
    return (performance.now() - startedMs) / 1000;
  };
  const [flat, deep] = [seconds(1, "1e-7"), seconds(60, "1e-7")];
  expect(deep, "60 times as much is not far off where each level costs the whole").toBeLessThan(
    10 * flat + 0.2,
  );
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
