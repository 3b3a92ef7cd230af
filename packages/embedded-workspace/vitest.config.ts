import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    name: "workspace",
    include: ["test/**/*.test.ts"],
    globalSetup: "test/temporary-folder.ts",
    // A busy machine is no fault: only what hangs shall fail.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: "100%",
    maxConcurrency: 12,
  },
});
