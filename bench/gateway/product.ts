/** A product on the gateway under test: opened, sold, and its ledger compared with Postgres afterwards. */
import { randomInt, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { HttpClient } from "../../scripts/rush/http.ts";
import { type LedgerDocument, SaleApi } from "../../scripts/rush/sale-api.ts";
import type { BenchGateway } from "./gateway.ts";
import { signJwts } from "./passes.ts";

const OPEN_FOR_MS = 3 * 60 * 60 * 1000;
/** Longer than any run: a hold that expires in the middle would be another bench. */
const HOLD_SECONDS = 3 * 3600;
/** How long the writer may take to empty the outbox after a slice, in milliseconds. */
const DRAIN_MS = 120_000;
const POLL_MS = 50;
const CONNECTIONS = 4;
/** As long as a real one. */
export const UNKNOWN_GATE = "AAAAAAAAAAAAAAAAAAAAAA";
/** TEST-NET-2 (RFC 5737): no measured buyer comes from there. */
const ASKING_NETWORK = "198.51.100.";
const HOSTS = 250;

export interface BenchProduct {
  readonly id: string;
  /** The path of a checkout; with a made-up gate where the round is not open. */
  readonly checkoutPath: string;
  readonly api: SaleApi;
  ledger(): Promise<LedgerDocument>;
  /** The ledger once Postgres has every event, and how long that took. @throws when it takes too long. */
  drained(): Promise<{ readonly ledger: LedgerDocument; readonly tookMs: number }>;
}

export interface RoundRules {
  readonly stock: number;
  /** Milliseconds from now; negative: it is open. @default -1000 */
  readonly opensInMs?: number;
  readonly perBuyerLimit?: number;
}

/** Creates the product; where its round is open, a buyer who buys nothing asks for the way to the checkout. */
export async function openProduct(
  gateway: BenchGateway,
  id: string,
  { stock, opensInMs = -1000, perBuyerLimit = 1 }: RoundRules,
): Promise<BenchProduct> {
  const http = new HttpClient(gateway.url, CONNECTIONS);
  const api = new SaleApi(http, id, gateway.adminToken, gateway.webhookSecret);
  const now = Date.now();
  const outcome = await api.configure({
    title: id,
    price: 100,
    currency: "USD",
    stock,
    opensAt: now + opensInMs,
    closesAt: now + opensInMs + OPEN_FOR_MS,
    perBuyerLimit,
    holdSeconds: HOLD_SECONDS,
  });
  if (!outcome.ok) throw new Error(`Cannot create ${id}: ${outcome.code} ${JSON.stringify(outcome.fields)}`);
  const ledger = async (): Promise<LedgerDocument> => {
    const read = await api.ledger();
    if (!read.ok) throw new Error(`Cannot read the ledger of ${id}: ${read.code}`);
    return read.value;
  };
  return {
    id,
    checkoutPath: opensInMs > 0 ? `/v1/products/${id}/checkout/${UNKNOWN_GATE}` : await askForGate(gateway, api),
    api,
    ledger,
    drained: async () => {
      const began = Date.now();
      for (;;) {
        // After an overload it may be answered late, or not at all at first.
        const read = await api.ledger();
        if (read.ok && read.value.outbox.pending === 0) return { ledger: read.value, tookMs: Date.now() - began };
        if (Date.now() - began > DRAIN_MS) {
          const left = read.ok ? `${read.value.outbox.pending} events are not in Postgres` : read.code;
          throw new Error(`${id} is not settled after ${DRAIN_MS} ms: ${left}`);
        }
        await sleep(POLL_MS);
      }
    },
  };
}

/** Asks like any buyer would: what the gate is, nobody hears in another way. */
async function askForGate(gateway: BenchGateway, api: SaleApi): Promise<string> {
  const [jwt = ""] = await signJwts(gateway.vars, [`asks-for-gate-${randomUUID()}`]);
  const outcome = await api.token(`${ASKING_NETWORK}${randomInt(1, HOSTS)}`, jwt);
  if (!outcome.ok) throw new Error(`Cannot get a token: ${outcome.code} ${JSON.stringify(outcome.fields)}`);
  return outcome.value.checkoutUrl;
}

/** What is wrong with a product after its run; empty when ledger, orders and Postgres agree. */
export async function auditProduct(product: BenchProduct, databaseUrl: string): Promise<string[]> {
  const { ledger } = await product.drained();
  const { allocated, available, held, paid, withdrawn, orders } = ledger;
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const [row] = await sql<{ orders: number; units: number; held: number; events: number }[]>`
      SELECT count(*)::int AS orders, coalesce(sum(quantity), 0)::int AS units,
        (SELECT held FROM products WHERE id = ${product.id}) AS held,
        (SELECT count(*)::int FROM order_events WHERE product_id = ${product.id} AND order_id IS NOT NULL) AS events
      FROM orders WHERE product_id = ${product.id} AND status = 'held'`;
    const faults: string[] = [];
    if (allocated !== available + held + paid + withdrawn) faults.push(`the ledger of ${product.id} does not add up`);
    if (held > allocated) faults.push(`${product.id} is oversold`);
    if (row?.orders !== orders.held) faults.push(`${orders.held} orders are held, Postgres has ${row?.orders}`);
    if (row?.units !== held) faults.push(`${held} units are held, Postgres has ${row?.units}`);
    if (row?.held !== held && orders.held > 0) faults.push(`products.held is ${row?.held}, not ${held}`);
    return faults;
  } finally {
    await sql.end();
  }
}
