import { defineConfig } from "vitest/config";

// Without the full products, which take seconds each: the tables alone must kill the mutants.
export default defineConfig({
  test: {
    include: ["test/domain/{verdict,decide,frontier,gate}.test.ts"],
    testNamePattern: /^(?!.*full product)/,
  },
});
