import { expect, test } from "vitest";
import { strictYaml } from "../../shared/adapters/strict-yaml.ts";

test("what people write is read as it stands there", () => {
  const text = 'a: [1, 2.5, "x"]\nb: { c: null, d: true }\ne: |\n  two\n  lines\n';
  expect(strictYaml(text)).toEqual({
    a: [1, 2.5, "x"],
    b: { c: null, d: true },
    e: "two\nlines\n",
  });
});

const bomb = [
  "a: &a [x, x, x, x, x, x, x, x, x]",
  ..."bcdefgh".split("").map((name, i) => {
    const before = String.fromCharCode("a".charCodeAt(0) + i);
    return `${name}: &${name} [${Array(9).fill(`*${before}`).join(", ")}]`;
  }),
].join("\n");

test.each([
  { given: "no YAML", text: "a: [1", fault: /^Flow sequence .* at line 1/ },
  { given: "a key twice", text: "a: 1\na: 2\n", fault: /^Map keys must be unique at line 2/ },
  { given: "a tag that nobody knows", text: "a: !ruby/object x", fault: /^Unresolved tag/ },
  { given: "a __proto__", text: "a:\n  __proto__: { admin: true }\n", fault: /key "__proto__"/ },
  { given: "an integer beyond 2^53", text: "a: 1152921504606846977", fault: /1152921504606846977/ },
  { given: "an endless number", text: "a: .inf", fault: /number \.inf cannot be held exactly/ },
  { given: "no number", text: "a: .nan", fault: /number \.nan/ },
  { given: "aliases without end", text: bomb, fault: /alias/i },
  {
    given: "65 lists in each other",
    text: `a: ${"[".repeat(66)}${"]".repeat(66)}`,
    fault: /nests deeper than 64 levels/,
  },
  { given: "100,000 brackets", text: "[".repeat(100_000), fault: /./ },
  {
    given: "100,000 brackets that close",
    text: "[".repeat(100_000) + "]".repeat(100_000),
    fault: /nests deeper than 64 levels/,
  },
  {
    given: "more than a person writes",
    text: "a".repeat(300_000),
    fault: /300000 characters; at most 262144/,
  },
])("$given is refused in a sentence", ({ text, fault }) => {
  expect(() => strictYaml(text)).toThrow(fault);
  const message = (() => {
    try {
      return strictYaml(text);
    } catch (error) {
      return String(error);
    }
  })();
  expect(message).not.toMatch(/\n|call stack/);
});
