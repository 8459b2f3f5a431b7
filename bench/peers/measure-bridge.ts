/**
 * What the bridge that stands in for Upstash can do alone: `node bench/peers/measure-bridge.ts`.
 *
 * The hold's script, asked for over REST without a Worker in front, AOF always: whatever worker-redis-rest does less than this
 * is not the bridge's doing. Says what an answer costs the bridge and Redis in CPU.
 */
import { createHash } from "node:crypto";
import { connectRedisClient } from "./redis-stock.ts";
import { findGenerator } from "../load/generator.ts";
import { wireRequest } from "../load/request.ts";
import { readTrees } from "../machine/cpu.ts";
import { startRedisServer } from "../../scripts/redis/redis-server.ts";
import { WINDOW_SECONDS } from "./environment.ts";
import { FULL_HOLD_SCRIPT, fullHoldArguments, fullHoldKeys } from "./hold-script.ts";
import { redisBooks } from "./redis-stock.ts";
import { BRIDGE_TOKEN, startProgram } from "./start-peer.ts";

const CONNECTIONS = 64;
const SECONDS = 3;
const BUYERS = 60_000;
const STOCK = 1_000_000;
const LIMITS = { perClient: 600, perBuyer: 10, windowSeconds: WINDOW_SECONDS };

const server = await startRedisServer("always");
const redis = connectRedisClient(server.port);
const sha = createHash("sha1").update(FULL_HOLD_SCRIPT).digest("hex");
const requests = Array.from({ length: BUYERS }, (_, buyer) => {
  const wish = { buyerId: `buyer-${buyer}`, client: `client-${buyer}`, orderId: crypto.randomUUID() };
  const keys = fullHoldKeys(wish);
  const body = JSON.stringify(["evalsha", sha, keys.length, ...keys, ...fullHoldArguments(wish, LIMITS, Date.now())]);
  const headers = { Authorization: `Bearer ${BRIDGE_TOKEN}` };
  return wireRequest({ method: "POST", path: "/", address: "127.0.0.1", headers, body });
});
const bridge = await startProgram("rest-bridge", { REDIS_PORT: String(server.port), REST_TOKEN: BRIDGE_TOKEN });
try {
  await redis.script("LOAD", FULL_HOLD_SCRIPT);
  const generator = await findGenerator();
  await generator.run({ url: bridge.url, requests: requests.toReversed(), connections: CONNECTIONS, seconds: 1 });
  await redisBooks(redis).reset(STOCK);
  const before = [readTrees(bridge.pids), readTrees([server.pid])];
  const loaded = await generator.run({ url: bridge.url, requests, connections: CONNECTIONS, seconds: SECONDS });
  const after = [readTrees(bridge.pids), readTrees([server.pid])];
  const { orders } = await redisBooks(redis).ledger();
  const [ofBridge, ofRedis] = after.map((micros, index) => (micros - (before[index] ?? 0)) / loaded.answered);
  const rate = Math.round(loaded.answered / loaded.seconds);
  console.log(`${rate} holds/s, ${orders} orders of ${loaded.answered} answers, p50 ${loaded.latencyMs.p50} ms`);
  console.log(`CPU an answer: bridge ${ofBridge?.toFixed(1)} µs, Redis ${ofRedis?.toFixed(1)} µs`);
} finally {
  await bridge.stop();
  redis.disconnect();
  await server.stop();
}
