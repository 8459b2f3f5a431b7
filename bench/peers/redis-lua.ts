/**
 * Peer: one Lua script in Redis. How durable it is depends on the Redis that it is started with (appendfsync), see catalog.ts.
 * Believes the token, limits nothing, hands no order on.
 */
import { createHash } from "node:crypto";
import { statedBuyer } from "./buyer.ts";
import { readEnvironment } from "./environment.ts";
import { type Hold, saleFace } from "./face.ts";
import { HOLD_KEYS, HOLD_SCRIPT, readHoldAnswer } from "./hold-script.ts";
import { connectRedisClient, redisBooks } from "./redis-stock.ts";
import { runPeer } from "./serve.ts";

const env = readEnvironment();
const redis = connectRedisClient(env.REDIS_PORT);
await redis.script("LOAD", HOLD_SCRIPT);
const sha = createHash("sha1").update(HOLD_SCRIPT).digest("hex");

const hold: Hold = async ({ buyerId, orderId }) =>
  readHoldAnswer(await redis.evalsha(sha, HOLD_KEYS.length, ...HOLD_KEYS, buyerId, orderId), orderId);

await runPeer(saleFace(hold, statedBuyer), redisBooks(redis), { port: env.PORT, stock: env.STOCK });
