/**
 * The Worker of the peer worker-redis-rest: what a user of Workers and Upstash would build. Verifies the token, and asks Redis
 * over REST by one script for limits, unit, once per buyer and the order's place on the stream.
 *
 * The client of Redis is made per request: on Workers one request must not wait for I/O of another, so the SDK's pipelining
 * across requests is out of reach, and a request is one call. workerd keeps the connections to the bridge alive.
 */
import { Redis } from "@upstash/redis/cloudflare";
import type { Hono } from "hono";
import { verifiedBuyer } from "../../peers/buyer.ts";
import { type Hold, saleFace } from "../../peers/face.ts";
import {
  FULL_HOLD_SCRIPT,
  fullHoldArguments,
  fullHoldKeys,
  readHoldAnswer,
  type ScriptLimits,
} from "../../peers/hold-script.ts";
import { proxyBooks } from "./books.ts";

interface Bindings {
  readonly TOKEN_KEY: string;
  readonly REST_URL: string;
  readonly REST_TOKEN: string;
  readonly SCRIPT_SHA: string;
  readonly LIMITS: ScriptLimits;
  readonly BOOKS_URL: string;
}

let app: Hono | undefined;

/** Its key is imported once. The app is kept, and not the promise of it: on Workers that belongs to one request. */
async function build(env: Bindings): Promise<Hono> {
  const readBuyer = await verifiedBuyer(env.TOKEN_KEY);
  const face = saleFace(holdOverRest(env), readBuyer);
  return proxyBooks(face, env.BOOKS_URL);
}

function holdOverRest(env: Bindings): Hold {
  return async (wish) => {
    const redis = new Redis({
      url: env.REST_URL,
      token: env.REST_TOKEN,
      enableTelemetry: false,
      enableAutoPipelining: false,
      // The script answers a number: nothing has to be encoded.
      responseEncoding: false,
    });
    const args = [fullHoldKeys(wish), fullHoldArguments(wish, env.LIMITS, Date.now())] as const;
    return readHoldAnswer(await evaluate(redis, env.SCRIPT_SHA, ...args), wish.orderId);
  };
}

async function evaluate(redis: Redis, sha: string, keys: string[], args: string[]): Promise<unknown> {
  try {
    return await redis.evalsha(sha, keys, args);
  } catch (fault) {
    if (!(fault instanceof Error && fault.message.includes("NOSCRIPT"))) throw fault;
    return redis.eval(FULL_HOLD_SCRIPT, keys, args);
  }
}

export default {
  async fetch(request: Request, env: Bindings): Promise<Response> {
    app ??= await build(env);
    return app.fetch(request);
  },
};
