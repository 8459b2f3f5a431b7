/**
 * Shows that a peer sells what it has, once to a buyer, and never more, and that a limit lets exactly so many pass: a fast wrong
 * answer is no result. `node bench/peers/check.ts [name ...]` checks all or some, on a Postgres of its own.
 *
 * The unsafe peer must fail: a check that it passes would be worth nothing.
 */
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { StartError } from "../../scripts/gateway/start-error.ts";
import type { PeerOptions, RunningPeer, SaleLedger } from "../server.ts";
import { startBenchPostgres } from "./bench-postgres.ts";
import { catalog, type CataloguedPeer, findPeer } from "./catalog.ts";
import { WINDOW_SECONDS } from "./environment.ts";
import { decideFaults, type SaleExpectation } from "./judge.ts";
import { makeToken, makeTokenKey } from "./tokens.ts";

/** How long the last order may be on its way to Postgres. */
const DELIVERY_MS = 10_000;
const POLL_MS = 25;

export interface Crowd {
  readonly stock: number;
  readonly buyers: number;
  /** How often each buyer asks, all at once. */
  readonly times: number;
}

/** Small enough for a second, and contended: more buyers than units, everybody twice, and all of them together. */
export const SMALL_CROWD: Crowd = { stock: 40, buyers: 120, times: 2 };
/** Everybody can have one: what is sold to nobody is missing then. */
export const LUCKY_CROWD: Crowd = { stock: 60, buyers: 40, times: 2 };

/** Of the limits that are checked: the peers that are nothing else, and the two that peers of the same work have. */
const LIMIT_OF_CHECK = 10;
const CLIENT_LIMIT_OF_CHECK = 20;

/** Answers by their status. */
export type Statuses = ReadonlyMap<number, number>;

/** The ledger as soon as everything that was decided is delivered, or as it is when time is over. */
export async function settledLedger(peer: RunningPeer, delivers: boolean): Promise<SaleLedger> {
  const until = performance.now() + DELIVERY_MS;
  for (;;) {
    const ledger = await peer.ledger();
    if (!delivers || ledger.rows === ledger.orders || performance.now() > until) return ledger;
    await sleep(POLL_MS);
  }
}

/** After any run: whether the peer's books are right. @returns what is wrong, a sentence each. */
export async function checkLedger(peer: RunningPeer, expected: SaleExpectation): Promise<readonly string[]> {
  return decideFaults(await settledLedger(peer, expected.delivers), expected);
}

/** Lets a crowd at a peer and judges answers and books. @param sameWork whether it verifies tokens and delivers orders. */
export async function checkSale(
  peer: RunningPeer,
  crowd: Crowd,
  { tokenKey, sameWork }: { readonly tokenKey: string; readonly sameWork: boolean },
): Promise<readonly string[]> {
  await peer.reset(crowd.stock);
  const buyers = Array.from({ length: crowd.buyers }, (_, index) => `buyer-${crowd.stock}-${index}`);
  const tokens = await Promise.all(buyers.map((buyer) => makeToken(tokenKey, buyer)));
  const everybody = Array.from({ length: crowd.times }, () => tokens).flat();
  const statuses = countStatuses(
    await Promise.all(everybody.map((token, index) => buy(peer.url, token, index % SHARED_ADDRESS))),
  );
  const known = [202, 409, 410].reduce((sum, status) => sum + (statuses.get(status) ?? 0), 0);
  const faults = [...(await checkLedger(peer, { ...crowd, accepted: statuses.get(202) ?? 0, delivers: sameWork }))];
  if (known !== everybody.length)
    faults.push(`Answers other than held, sold out and once per buyer: ${tell(statuses)}`);
  return faults;
}

/** What peers of the same work do besides selling: they verify, and they limit buyers and addresses. */
export async function checkRefusals(peer: RunningPeer, tokenKey: string): Promise<readonly string[]> {
  await peer.reset(1);
  const faults = [...(await checkForgery(peer.url, "forger"))];
  const token = await makeToken(tokenKey, "impatient");
  const ofBuyer = await Promise.all(
    Array.from({ length: 2 * LIMIT_OF_CHECK }, (_, index) => buy(peer.url, token, index)),
  );
  if (count429(ofBuyer) !== LIMIT_OF_CHECK) {
    faults.push(`A buyer's limit of ${LIMIT_OF_CHECK} answered ${tell(countStatuses(ofBuyer))}`);
  }
  const names = Array.from({ length: 2 * CLIENT_LIMIT_OF_CHECK }, (_, index) => `neighbour-${index}`);
  const ofClient = await Promise.all(
    names.map(async (name) => buy(peer.url, await makeToken(tokenKey, name), SHARED_ADDRESS)),
  );
  if (count429(ofClient) !== CLIENT_LIMIT_OF_CHECK) {
    faults.push(`An address's limit of ${CLIENT_LIMIT_OF_CHECK} answered ${tell(countStatuses(ofClient))}`);
  }
  return faults;
}

/** The last part of an address that nobody else in the check has. */
const SHARED_ADDRESS = 255;

function count429(statuses: readonly number[]): number {
  return statuses.filter((status) => status === 429).length;
}

/** A token that somebody else signed. */
async function checkForgery(url: string, buyer: string): Promise<readonly string[]> {
  const status = await buy(url, await makeToken(makeTokenKey(), buyer), 0);
  return status === 403 ? [] : [`A forged token was answered ${status}, not 403`];
}

/** Three times as many requests of one client as its limit, all at once: exactly the limit may pass. */
export async function checkLimit(peer: RunningPeer): Promise<readonly string[]> {
  await peer.reset(0);
  for (let attempt = 1; ; attempt++) {
    const windowBefore = windowNow();
    const client = `client-${crypto.randomUUID()}`;
    const asked = Array.from({ length: 3 * LIMIT_OF_CHECK }, () => getStatus(peer.url, client));
    const statuses = countStatuses(await Promise.all(asked));
    // A window by the clock that ends meanwhile lets more pass, rightly.
    if (windowNow() !== windowBefore && attempt === 1) continue;
    const passed = statuses.get(200) ?? 0;
    const refused = statuses.get(429) ?? 0;
    if (passed === LIMIT_OF_CHECK && refused === 2 * LIMIT_OF_CHECK) return [];
    return [`A limit of ${LIMIT_OF_CHECK} answered ${tell(statuses)}`];
  }
}

/** Starts a peer, checks it in every way that it has, and ends it. */
export async function checkPeer(peer: CataloguedPeer, databaseUrl: string): Promise<readonly string[]> {
  const tokenKey = makeTokenKey();
  const [limit, clientLimit] = [String(LIMIT_OF_CHECK), String(CLIENT_LIMIT_OF_CHECK)];
  const env = { LIMIT: limit, BUYER_LIMIT: limit, CLIENT_LIMIT: clientLimit };
  const options: PeerOptions = { databaseUrl, stock: 0, perBuyer: 1, tokenKey, env };
  const running = await peer.start(options);
  try {
    if (peer.kind !== "stock") return await checkLimit(running);
    const faults: string[] = [];
    for (const crowd of [SMALL_CROWD, LUCKY_CROWD]) {
      faults.push(...(await checkSale(running, crowd, { tokenKey, sameWork: peer.sameWork })));
    }
    if (peer.sameWork) faults.push(...(await checkRefusals(running, tokenKey)));
    return faults;
  } finally {
    await running.stop();
  }
}

/** @param host the last part of the address that it seems to come from. */
async function buy(url: string, token: string, host: number): Promise<number> {
  const response = await fetch(`${url}/v1/products/bench/checkout/gate`, {
    method: "POST",
    headers: {
      "Purchase-Token": token,
      "Content-Type": "application/json",
      "CF-Connecting-IP": `198.51.100.${host}`,
    },
    body: JSON.stringify({ quantity: 1 }),
  });
  await response.arrayBuffer();
  return response.status;
}

async function getStatus(url: string, client: string): Promise<number> {
  const response = await fetch(`${url}/limited`, { headers: { "X-Client": client } });
  await response.arrayBuffer();
  return response.status;
}

function countStatuses(all: readonly number[]): Statuses {
  return new Map([...Map.groupBy(all, (status) => status)].map(([status, list]) => [status, list.length]));
}

function tell(statuses: Statuses): string {
  return [...statuses].map(([status, count]) => `${status}: ${count}`).join(", ");
}

function windowNow(): number {
  return Math.floor(Date.now() / (WINDOW_SECONDS * 1000));
}

/** What is missing on this machine is a fault like any other, and no reason to leave the rest unchecked. */
function tellStart(fault: unknown): readonly string[] {
  if (fault instanceof StartError) return [fault.message];
  throw fault;
}

async function main(names: readonly string[]): Promise<void> {
  const peers = names.length === 0 ? catalog : names.map(findPeer);
  const database = await startBenchPostgres();
  try {
    for (const peer of peers) {
      const begun = performance.now();
      const faults = await checkPeer(peer, database.url).catch(tellStart);
      const isExpected =
        peer.name === UNSAFE ? faults.some((fault) => fault.startsWith("Oversold")) : faults.length === 0;
      const verdict = faults.length === 0 ? "right" : faults.join("; ");
      console.log(`${isExpected ? "✓" : "✗"} ${peer.name} (${Math.round(performance.now() - begun)} ms): ${verdict}`);
      if (!isExpected) process.exitCode = 1;
    }
  } finally {
    await database.stop();
  }
}

/** The one that is here to fail. */
export const UNSAFE = "unsafe-read-then-write";

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
