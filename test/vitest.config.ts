import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// Three kinds of test: in workerd (the default), in Node (the local model server, scripts), and end to end against `wrangler dev`.
export default defineConfig(async () => ({
  test: {
    // Two files at a time: a worker's start is what most of a file's time goes to, and on two cores the default is one.
    maxWorkers: 2,
    projects: [
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                TEST_MIGRATIONS: await readD1Migrations("migrations"),
                PARAPET_ENVIRONMENT: "local",
                PARAPET_SECRET: "test-secret-test-secret-test-secret",
                PARAPET_ADMIN_TOKEN: "admin_test_admin_test_admin_test_admin",
                PARAPET_BUDGET_WAIT_MS: "1000",
                // A developer's own .dev.vars must not reach the tests.
                OPENAI_API_KEY: "",
                PARAPET_PROVIDERS: "",
              },
            },
          }),
        ],
        test: {
          name: "workerd",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/local/node/**", "test/bench/**"],
          setupFiles: ["./test/support/migrate.ts"],
          globalSetup: ["./test/support/global-setup.ts"],
        },
      },
      { test: { name: "node", include: ["test/local/node/**/*.test.ts"], testTimeout: 60_000 } },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: ["./test/e2e/start-deployment.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
}));
