process.env.CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_ORIGIN_DB = "postgres://nobody:nobody@127.0.0.1:1/none";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { testBindings } from "/work/main/test/support/node/test-bindings.ts";
export default defineConfig({
  root: "/work/main",
  plugins: [cloudflareTest({ main: "/tmp/lead/main.ts", wrangler: { configPath: "/work/main/wrangler.toml" }, miniflare: { bindings: testBindings, queueConsumers: {} } })],
  test: { include: ["test/worker/product/**/*.test.ts", "test/invariants/**/*.test.ts"] },
});
