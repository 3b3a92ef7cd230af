// `npm run test:spark`: the ledger on real Spark. The workspace's own suite, which runs first,
// installs Spark.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/spark/*.suite.ts"],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    fileParallelism: false,
  },
});
