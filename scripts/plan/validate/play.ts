/** Plays a planned sale for real, over HTTP on a gateway of its own, with the same arrivals as the simulation's. */
import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { COSTS_PATH, costsDocument } from "../../attack/cost/cost.ts";
import { warmUp } from "../../attack/warm-up.ts";
import { StartError } from "../../gateway/start-error.ts";
import { ownAddress } from "../../rush/cast.ts";
import { HttpClient } from "../../rush/http.ts";
import { seededRandom } from "../../rush/random.ts";
import { SaleApi } from "../../rush/sale-api.ts";
import { signIn } from "../../rush/sign-in.ts";
import { type Rows, ROWS_PATH, rowsDocument } from "../measure/rows.ts";
import type { PlannedSale } from "../model.ts";
import { arrivals } from "../simulation/arrivals.ts";
import { type Latencies } from "../simulation/simulation.ts";
import { percentiles } from "../simulation/tally.ts";

export interface Field {
  readonly url: string;
  readonly adminToken: string;
  readonly webhookSecrets: string;
}

/** What was seen from outside, and what the gateway's bindings and storage counted inside. */
export interface Played {
  readonly productReads: number;
  readonly tokens: number;
  readonly tokensRefused: number;
  readonly checkouts: number;
  readonly held: number;
  readonly paid: number;
  readonly expired: number;
  /** ms after the opening at which the last unit was told to be held; null: some were left. */
  readonly soldOutAtMs: number | null;
  readonly tokenMs: Latencies;
  readonly checkoutMs: Latencies;
  /** Calls by binding and method, and messages to the queue. */
  readonly calls: Readonly<Record<string, number>>;
  readonly messages: number;
  readonly rowsWritten: number;
  /** Calls that were answered with anything but a yes or a refusal for want of stock. */
  readonly unexpected: number;
}

/** More than ever wait at once, so that the generator itself never holds a buyer back. */
const CONNECTIONS = 512;
const OPENS_AFTER_MS = 3000;
const OPEN_FOR_MS = 600_000;
const SETTLE_WITHIN_MS = 60_000;
const POLL_MS = 250;
const EXHAUSTED = new Set(["sold-out", "held-out"]);

export async function play(sale: PlannedSale, field: Field, name: string): Promise<Played> {
  const http = new HttpClient(field.url, CONNECTIONS);
  try {
    return await new Play(sale, http, field, name).run();
  } finally {
    http.close();
  }
}

class Play {
  readonly #sale: PlannedSale;
  readonly #http: HttpClient;
  readonly #field: Field;
  readonly #api: SaleApi;
  readonly #random;
  #opensAt = 0;
  #tokens = 0;
  #tokensRefused = 0;
  #checkouts = 0;
  #held = 0;
  #unexpected = 0;
  #soldOutAt: number | null = null;
  readonly #tokenMs: number[] = [];
  readonly #checkoutMs: number[] = [];
  readonly #payments: Promise<void>[] = [];

  constructor(sale: PlannedSale, http: HttpClient, field: Field, name: string) {
    this.#sale = sale;
    this.#http = http;
    this.#field = field;
    this.#api = this.#apiOf(`validated-${name}`);
    this.#random = seededRandom(sale.seed + 1);
  }

  #apiOf(product: string): SaleApi {
    return new SaleApi(this.#http, product, this.#field.adminToken, this.#field.webhookSecrets);
  }

  async run(): Promise<Played> {
    const { crowd, round, seed } = this.#sale;
    await warmUp(this.#apiOf("validated-warm-up"), []);
    const people = Array.from({ length: crowd.buyers }, (_, index) => ({
      id: `validated-${index}`,
      address: ownAddress(index),
    }));
    const jwts = await signIn(this.#api, people);
    this.#opensAt = Date.now() + OPENS_AFTER_MS;
    const rules = { title: "Validated", price: 1, currency: "USD", stock: round.stock, opensAt: this.#opensAt };
    const bounds = {
      closesAt: this.#opensAt + OPEN_FOR_MS,
      perBuyerLimit: round.perBuyer,
      holdSeconds: round.holdMs / 1000,
    };
    const outcome = await this.#api.configure({ ...rules, ...bounds });
    if (!outcome.ok) throw new StartError(`Cannot create the product: the gateway answers ${outcome.code}`);
    await sleep(OPENS_AFTER_MS / 2);
    const before = await this.#counted();

    const moments = [...arrivals(crowd.arrival, crowd.buyers, crowd.arrivalMs, seededRandom(seed))];
    await Promise.all(
      moments.map((moment, index) => this.#buy(moment, people[index]?.address ?? "", jwts[index] ?? "")),
    );
    await Promise.all(this.#payments);
    const ledger = await this.#settled();
    const after = await this.#counted();
    return {
      productReads: crowd.buyers,
      tokens: this.#tokens,
      tokensRefused: this.#tokensRefused,
      checkouts: this.#checkouts,
      held: this.#held,
      paid: ledger.orders.paid,
      expired: ledger.orders.expired,
      soldOutAtMs: this.#soldOutAt,
      tokenMs: percentiles(this.#tokenMs),
      checkoutMs: percentiles(this.#checkoutMs),
      calls: difference(before.calls, after.calls),
      messages: after.messages - before.messages,
      rowsWritten: after.rowsWritten - before.rowsWritten,
      unexpected: this.#unexpected,
    };
  }

  /** One buyer, from the page to the payment. */
  async #buy(moment: number, address: string, jwt: string): Promise<void> {
    await sleep(Math.max(0, this.#opensAt + moment - Date.now()));
    const page = await this.#api.product(address);
    if (!isOpen(page.body)) return;
    const askedAt = performance.now();
    const token = await this.#api.token(address, jwt);
    if (!token.ok) {
      if (EXHAUSTED.has(token.code)) this.#tokensRefused++;
      else this.#unexpected++;
      return;
    }
    this.#tokens++;
    this.#tokenMs.push(performance.now() - askedAt);
    const clickedAt = performance.now();
    this.#checkouts++;
    const order = await this.#api.checkout(
      address,
      token.value.checkoutUrl,
      token.value.token,
      this.#sale.round.quantity,
    );
    if (!order.ok) {
      if (!EXHAUSTED.has(order.code)) this.#unexpected++;
      return;
    }
    this.#checkoutMs.push(performance.now() - clickedAt);
    this.#held++;
    if (this.#held === this.#sale.round.stock) this.#soldOutAt = Date.now() - this.#opensAt;
    this.#payments.push(this.#pay(order.value.orderId));
  }

  async #pay(orderId: string): Promise<void> {
    const { payShare, payAfterMs } = this.#sale.crowd;
    if (this.#random.next() >= payShare) return;
    await sleep(-Math.log(1 - this.#random.next()) * payAfterMs);
    if (!(await this.#api.pay(orderId, `pay-${orderId}`)).ok) this.#unexpected++;
  }

  async #settled() {
    const deadline = Date.now() + SETTLE_WITHIN_MS;
    for (;;) {
      const outcome = await this.#api.ledger();
      if (outcome.ok && outcome.value.held === 0 && outcome.value.outbox.pending === 0) return outcome.value;
      if (Date.now() > deadline) throw new StartError("The sale did not come to an end within a minute");
      await sleep(POLL_MS);
    }
  }

  async #counted(): Promise<{ calls: Record<string, number>; messages: number; rowsWritten: number }> {
    const costs = v.parse(costsDocument, await this.#get(COSTS_PATH));
    const rows: Rows = v.parse(rowsDocument, await this.#get(ROWS_PATH));
    const calls: Record<string, number> = {};
    for (const side of Object.values(costs)) {
      for (const [call, count] of Object.entries(side.calls)) calls[call] = (calls[call] ?? 0) + count;
    }
    return {
      calls,
      // Their shares make whole messages together.
      messages: Math.round(Object.values(costs).reduce((sum, { messages }) => sum + messages, 0)),
      rowsWritten: Object.values(rows).reduce((sum, { written }) => sum + written, 0),
    };
  }

  async #get(path: string): Promise<unknown> {
    return (await this.#http.send({ method: "GET", path, label: "counts" })).body;
  }
}

const openProduct = v.looseObject({ state: v.literal("open") });

function isOpen(body: unknown): boolean {
  return v.is(openProduct, body);
}

function difference(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(after).map(([call, count]) => [call, count - (before[call] ?? 0)]));
}
