/**
 * vitest globalSetup of the tests on Upstash: a real Redis behind the bridge. Without a redis-server they are skipped, and
 * say how to get one; where CI is "true" that is a failure.
 */
import type { TestProject } from "vitest/node";
import { freePort } from "../../../scripts/gateway/addresses.ts";
import { connectRedis } from "../../../scripts/redis/redis-connection.ts";
import { findRedisServer, REDIS_MISSING, startRedisServer } from "../../../scripts/redis/redis-server.ts";
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

export default async function setUpUpstash(project: TestProject): Promise<() => Promise<void>> {
  project.provide("bridgeToken", BRIDGE_TOKEN);
  project.provide("refusedUrl", `http://127.0.0.1:${await freePort()}`);
  if (findRedisServer() === null) {
    if (process.env["CI"] === "true") throw new Error(REDIS_MISSING);
    console.warn(`${REDIS_MISSING}. The tests on Upstash are skipped.`);
    project.provide("bridgeUrl", null);
    return async () => {};
  }
  const server = await startRedisServer();
  const redis = await connectRedis(server.port);
  const bridge = await startBridge(redis);
  project.provide("bridgeUrl", bridge.url);
  return async () => {
    await bridge.stop();
    redis.close();
    await server.stop();
  };
}
