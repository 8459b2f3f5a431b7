/**
 * vitest globalSetup of the tests on Upstash: a real Redis behind the bridge. Without a redis-server they are skipped, and
 * say how to get one; where CI is "true" that is a failure.
 */
import type { TestProject } from "vitest/node";
import { freePort } from "../../../scripts/gateway/addresses.ts";
import { findRedisServer, startRedis } from "./upstash-bridge-redis.ts";
import { BRIDGE_TOKEN, startBridge } from "./upstash-bridge.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Of the bridge, without a fault; null where there is no redis-server. */
    bridgeUrl: string | null;
    bridgeToken: string;
    /** Where nobody listens. */
    refusedUrl: string;
  }
}

const MISSING = "The tests on Upstash need redis-server 7 or newer: apt-get install redis-server";

export default async function setUpUpstash(project: TestProject): Promise<() => Promise<void>> {
  project.provide("bridgeToken", BRIDGE_TOKEN);
  project.provide("refusedUrl", `http://127.0.0.1:${await freePort()}`);
  const program = findRedisServer();
  if (program === null) {
    if (process.env["CI"] === "true") throw new Error(MISSING);
    console.warn(`${MISSING}. Skipped.`);
    project.provide("bridgeUrl", null);
    return async () => {};
  }
  const redis = await startRedis(program);
  const bridge = await startBridge(redis);
  project.provide("bridgeUrl", bridge.url);
  return async () => {
    await bridge.stop();
    await redis.stop();
  };
}
