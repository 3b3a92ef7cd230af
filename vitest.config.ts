import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // Its default leaves one core free, which on two cores is half of them.
    maxWorkers: "100%",
    projects: [
      {
        test: {
          name: "loop",
          include: ["test/**/*.test.ts"],
          globalSetup: "test/temporary-folder.ts",
          // A busy machine is no fault: only what hangs shall fail.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Whole planes mostly wait.
          maxConcurrency: 12,
        },
      },
      "packages/*",
    ],
  },
});
