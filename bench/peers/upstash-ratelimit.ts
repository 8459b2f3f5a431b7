/**
 * Peer: @upstash/ratelimit, sliding window, over the REST bridge. With the SDK's own pipelining, and its memory of who is over
 * the limit (ephemeralCache), as it comes.
 */
import { Ratelimit } from "@upstash/ratelimit";
import { Redis } from "@upstash/redis";
import { readEnvironment, WINDOW_SECONDS } from "./environment.ts";
import { limitsBooks, limitsFace } from "./limits-face.ts";
import { runPeer } from "./serve.ts";

const env = readEnvironment();
const redis = new Redis({ url: env.REST_URL, token: env.REST_TOKEN, enableTelemetry: false });
const make = (): Ratelimit =>
  new Ratelimit({ redis, limiter: Ratelimit.slidingWindow(env.LIMIT, `${WINDOW_SECONDS} s`), analytics: false });
let ratelimit = make();
const books = limitsBooks(async () => {
  ratelimit = make();
  await redis.flushdb();
});
const admit = async (client: string): Promise<boolean> => {
  const { success, reason } = await ratelimit.limit(client);
  // It lets pass what its Redis does not answer in time; that is not a request within its limit.
  if (reason === "timeout") throw new Error("Redis did not answer in time");
  return success;
};
await runPeer(limitsFace(admit), books, { port: env.PORT, stock: env.STOCK });
