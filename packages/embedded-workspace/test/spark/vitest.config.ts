// `npm run test:spark`: what needs real Spark, which must be installed first (src/sql/spark/install.sh).
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/spark/*.suite.ts"],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    fileParallelism: false,
  },
});
