import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/temporary-folder.ts",
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Its default leaves one core free, which on two cores is half of them.
    maxWorkers: "100%",
  },
});
