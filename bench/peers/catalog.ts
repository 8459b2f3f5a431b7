/** The peers: what people would use instead of Sluice, each with what it leaves out. README.md says how they are kept honest. */
import type { Peer } from "../server.ts";
import { type PeerProgram, startPeer } from "./start-peer.ts";

type Entry = Omit<Peer, "start"> & PeerProgram;

const ENTRIES = [
  {
    name: "unsafe-read-then-write",
    tells: "Postgres, stock read and then written: oversells, and is here to show it",
    kind: "stock",
    sameWork: false,
    program: "unsafe-read-then-write",
    postgres: true,
  },
  {
    name: "postgres-conditional",
    tells: "Postgres, UPDATE ... WHERE available > 0 in a transaction; verifies and limits nothing",
    kind: "stock",
    sameWork: false,
    program: "postgres-conditional",
    postgres: true,
  },
  {
    name: "postgres-version",
    tells: "Postgres, optimistic version column with retry; verifies and limits nothing",
    kind: "stock",
    sameWork: false,
    program: "postgres-version",
    postgres: true,
  },
  {
    name: "postgres-for-update",
    tells: "Postgres, SELECT ... FOR UPDATE; verifies and limits nothing",
    kind: "stock",
    sameWork: false,
    program: "postgres-for-update",
    postgres: true,
  },
  {
    name: "redis-lock",
    tells:
      "Redis, a lock around reading and writing, nothing on disk; verifies and limits nothing, no order in Postgres",
    kind: "stock",
    sameWork: false,
    program: "redis-lock",
    redis: "off",
  },
  {
    name: "redis-give-back",
    tells:
      "Redis, INCRBY and given back below zero, nothing on disk; verifies and limits nothing, no order in Postgres",
    kind: "stock",
    sameWork: false,
    program: "redis-give-back",
    redis: "off",
  },
  {
    name: "redis-lua-off",
    tells: "Redis, one Lua script, nothing on disk; verifies and limits nothing, no order in Postgres",
    kind: "stock",
    sameWork: false,
    program: "redis-lua",
    redis: "off",
  },
  {
    name: "redis-lua-everysec",
    tells: "Redis, one Lua script, on disk every second; verifies and limits nothing, no order in Postgres",
    kind: "stock",
    sameWork: false,
    program: "redis-lua",
    redis: "everysec",
  },
  {
    name: "redis-lua-always",
    tells: "Redis, one Lua script, on disk before the answer; verifies and limits nothing, no order in Postgres",
    kind: "stock",
    sameWork: false,
    program: "redis-lua",
    redis: "always",
  },
  {
    name: "worker-redis-rest",
    tells: "a Worker, Redis over REST (Lua, AOF always), a writer process to Postgres: the same work as Sluice",
    kind: "stock",
    sameWork: true,
    program: "worker-redis-rest",
    redis: "always",
    rest: true,
    postgres: true,
  },
  {
    name: "node-redis-stream",
    tells: "Node, Redis (Lua, AOF always), a writer process to Postgres: the same work as Sluice",
    kind: "stock",
    sameWork: true,
    program: "node-redis-stream",
    redis: "always",
    postgres: true,
  },
  {
    name: "node-postgres",
    tells: "Node and Postgres, one transaction of the application per order: the same work as Sluice",
    kind: "stock",
    sameWork: true,
    program: "node-postgres",
    postgres: true,
  },
  {
    name: "node-postgres-function",
    tells: "Node and Postgres, one call of a PL/pgSQL function per order: the same work as Sluice",
    kind: "stock",
    sameWork: true,
    program: "node-postgres-function",
    postgres: true,
  },
  {
    name: "synchronous",
    tells: "a Worker and an object as Sluice, but the answer waits for the order's transaction in Postgres",
    kind: "stock",
    sameWork: true,
    program: "synchronous",
    postgres: true,
  },
  {
    name: "nginx",
    tells: "nginx, limit_req: refusals and nothing else",
    kind: "refusals",
    sameWork: false,
    program: "nginx",
  },
  {
    name: "upstash-ratelimit",
    tells: "@upstash/ratelimit on Node, sliding window, over REST to a Redis that keeps nothing on disk",
    kind: "limits",
    sameWork: false,
    program: "upstash-ratelimit",
    redis: "off",
    rest: true,
  },
  {
    name: "rate-limiter-memory",
    tells: "rate-limiter-flexible on Node, in the process's memory",
    kind: "limits",
    sameWork: false,
    program: "rate-limiter-memory",
  },
  {
    name: "rate-limiter-redis",
    tells: "rate-limiter-flexible on Node, in a Redis that keeps nothing on disk",
    kind: "limits",
    sameWork: false,
    program: "rate-limiter-redis",
    redis: "off",
  },
] as const satisfies readonly Entry[];

export type PeerName = (typeof ENTRIES)[number]["name"];

export interface CataloguedPeer extends Peer {
  readonly name: PeerName;
  /** What has to be there besides Node: for whoever runs only some of them. */
  readonly needs: { readonly postgres: boolean; readonly redis: boolean };
}

export const catalog: readonly CataloguedPeer[] = ENTRIES.map((entry: Entry & { name: PeerName }) => {
  const { name, tells, kind, sameWork, ...program } = entry;
  const needs = { postgres: program.postgres ?? false, redis: program.redis !== undefined };
  return { name, tells, kind, sameWork, needs, start: (options) => startPeer(program, options) };
});

/** @throws RangeError where there is no such peer. */
export function findPeer(name: string): CataloguedPeer {
  const peer = catalog.find((one) => one.name === name);
  if (peer === undefined)
    throw new RangeError(`There is no peer ${name}: want one of ${catalog.map((one) => one.name).join(", ")}`);
  return peer;
}
