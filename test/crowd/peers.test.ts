/**
 * The bench's peers sell what they have and no more, or what they are compared by is worth nothing: `checkPeer`, on those that
 * start quickly. All of them, and nginx, by `node bench/peers/check.ts`.
 */
import { describe, expect, inject, it } from "vitest";
import { findPeer, type PeerName } from "../../bench/peers/catalog.ts";
import { checkPeer } from "../../bench/peers/check.ts";
import { findRedisServer, REDIS_MISSING } from "../../scripts/redis/redis-server.ts";
import { usePostgres } from "../support/node/postgres.ts";

/** Two or three processes each, on a busy machine. */
const TIMEOUT_MS = 60_000;

const hasRedis = findRedisServer() !== null;
if (!hasRedis) {
  if (process.env["CI"] === "true") throw new Error(REDIS_MISSING);
  console.warn(`${REDIS_MISSING}. The tests of peers on Redis are skipped.`);
}

async function check(name: PeerName): Promise<readonly string[]> {
  const database = `sluice_test_peer_${name.replaceAll("-", "_")}`;
  return checkPeer(findPeer(name), await usePostgres(inject("postgresUrl")).createDatabase(database));
}

describe("checkPeer", { timeout: TIMEOUT_MS }, () => {
  it("shows that reading and then writing oversells", async () => {
    expect((await check("unsafe-read-then-write")).join("; ")).toMatch(/Oversold: \d+ orders of 40 units/);
  });

  it.each(["postgres-conditional", "node-postgres-function", "rate-limiter-memory"] as const)(
    "finds nothing wrong with %s",
    async (name) => {
      expect(await check(name)).toEqual([]);
    },
  );

  it
    .skipIf(!hasRedis)
    .each([
      "redis-give-back",
      "redis-lua-always",
      "node-redis-stream",
      "worker-redis-rest",
      "upstash-ratelimit",
    ] as const)("finds nothing wrong with %s", async (name) => {
    expect(await check(name)).toEqual([]);
  });
});
