/**
 * Finds what a peer is best run with, so that none is beaten for being badly set up: `node bench/peers/tune.ts [name ...]`.
 *
 * Every setting is measured several times, up the list and down again, so that whatever gets slower with time is slower for all,
 * and the best run counts: what disturbs a run only ever slows it. Books are checked: a fast wrong answer counts for nothing. The
 * best is printed; who changes tuned.ts changes README.md with it.
 */
import { fileURLToPath } from "node:url";
import { findGenerator, type Generator } from "../load/generator.ts";
import { wireRequest } from "../load/request.ts";
import { startBenchPostgres } from "./bench-postgres.ts";
import { findPeer, type PeerName } from "./catalog.ts";
import { checkLedger } from "./check.ts";
import { makeToken, makeTokenKey } from "./tokens.ts";
import { LOCK_PAUSES_MS, POOL_SIZES, POOLS } from "./tuned.ts";

/** As the bench's own. */
const CONNECTIONS = 64;
const WARM_UP_SECONDS = 1;
const MEASURED_SECONDS = 2;
/** Up and down the list. */
const PASSES = 4;
/** More than any of them sells in a run, so that nobody comes twice. */
const BUYERS = 40_000;
/** More than there are buyers: what is measured is the hold, not "sold out". */
const STOCK = 1_000_000;

interface Scan {
  readonly peer: PeerName;
  /** The variable of the peer's environment. */
  readonly variable: "POOL" | "LOCK_PAUSE_MS";
  readonly values: readonly number[];
}

const SCANS: readonly Scan[] = [
  ...(Object.keys(POOLS) as (keyof typeof POOLS)[]).map((peer) => ({
    peer,
    variable: "POOL" as const,
    values: POOL_SIZES,
  })),
  { peer: "redis-lock", variable: "LOCK_PAUSE_MS", values: LOCK_PAUSES_MS },
];

/** Requests of so many buyers, each once. */
async function prepare(tokenKey: string): Promise<readonly string[]> {
  const requests: string[] = [];
  for (let buyer = 0; buyer < BUYERS; buyer++) {
    const token = await makeToken(tokenKey, `buyer-${buyer}`);
    requests.push(
      wireRequest({
        method: "POST",
        path: "/v1/products/bench/checkout/gate",
        address: `10.${(buyer >> 16) & 255}.${(buyer >> 8) & 255}.${buyer & 255}`,
        headers: { "Purchase-Token": token },
        body: '{"quantity":1}',
      }),
    );
  }
  return requests;
}

interface Ground {
  readonly generator: Generator;
  readonly databaseUrl: string;
  readonly tokenKey: string;
  readonly requests: readonly string[];
}

/** Holds per second with one setting, its warm-up left out. */
async function measure(scan: Scan, value: number, ground: Ground): Promise<number> {
  const { databaseUrl, tokenKey, requests, generator } = ground;
  const env = { [scan.variable]: String(value) };
  const peer = await findPeer(scan.peer).start({ databaseUrl, stock: STOCK, perBuyer: 1, tokenKey, env });
  try {
    const load = { url: peer.url, connections: CONNECTIONS };
    // The last buyers warm up: the first ones have yet to come.
    await generator.run({ ...load, requests: requests.toReversed(), seconds: WARM_UP_SECONDS });
    await peer.reset(STOCK);
    const loaded = await generator.run({ ...load, requests, seconds: MEASURED_SECONDS });
    const faults = await checkLedger(peer, { stock: STOCK, delivers: false });
    const isUnsafe = scan.peer === "unsafe-read-then-write";
    if (faults.length > 0 && !isUnsafe)
      throw new Error(`${scan.peer}, ${scan.variable} ${value}: ${faults.join("; ")}`);
    return loaded.answered / loaded.seconds;
  } finally {
    await peer.stop();
  }
}

async function main(names: readonly string[]): Promise<void> {
  const scans = SCANS.filter(({ peer }) => names.length === 0 || names.includes(peer));
  const [generator, database, tokenKey] = [await findGenerator(), await startBenchPostgres(), makeTokenKey()];
  try {
    const ground = { generator, databaseUrl: database.url, tokenKey, requests: await prepare(tokenKey) };
    for (const scan of scans) {
      const runs: { value: number; perSecond: number }[] = [];
      for (let pass = 0; pass < PASSES; pass++) {
        for (const value of pass % 2 === 0 ? scan.values : scan.values.toReversed()) {
          runs.push({ value, perSecond: await measure(scan, value, ground) });
        }
      }
      const rates = scan.values.map((value) => {
        const ofValue = runs.filter((run) => run.value === value).map((run) => run.perSecond);
        return { value, perSecond: Math.round(Math.max(...ofValue)) };
      });
      const best = rates.reduce((one, other) => (other.perSecond > one.perSecond ? other : one));
      const told = rates.map(({ value, perSecond }) => `${value}: ${perSecond}/s`).join(", ");
      console.log(`${scan.peer} ${scan.variable} ${told}; best ${best.value}`);
    }
  } finally {
    await database.stop();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
