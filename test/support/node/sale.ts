/** A product on sale and a crowd of signed-in buyers, over HTTP, for tests on a real gateway. */
import { ownAddress } from "../../../scripts/rush/cast.ts";
import { HttpClient } from "../../../scripts/rush/http.ts";
import { SaleApi } from "../../../scripts/rush/sale-api.ts";
import { signIn } from "../../../scripts/rush/sign-in.ts";
import type { TestGateway } from "./gateway.ts";

export interface Attendee {
  readonly id: string;
  readonly address: string;
  readonly jwt: string;
}

export interface TestSale {
  readonly api: SaleApi;
  readonly http: HttpClient;
  readonly productId: string;
  signIn(count: number): Promise<readonly Attendee[]>;
}

const OPEN_FOR_MS = 60 * 60 * 1000;
/** Longer than any test: a hold that expires in the middle of one would be another test. */
const HOLD_SECONDS = 3600;

/** The calls on one product; another gateway on the same state can be given later. */
export function callSale(gateway: TestGateway, productId: string, connections?: number): TestSale {
  const http = new HttpClient(gateway.url, connections);
  const api = new SaleApi(http, productId, gateway.adminToken, gateway.webhookSecret);
  let signedIn = 0;
  return {
    api,
    http,
    productId,
    signIn: async (count) => {
      const buyers = Array.from({ length: count }, () => {
        const index = signedIn++;
        return { id: `${productId}-${index}`, address: ownAddress(index) };
      });
      const jwts = await signIn(api, buyers);
      return buyers.map((buyer, index) => ({ ...buyer, jwt: jwts[index] ?? "" }));
    },
  };
}

/** Creates the product with a round that is open already. */
export async function openSale(
  gateway: TestGateway,
  productId: string,
  stock: number,
  connections?: number,
): Promise<TestSale> {
  const sale = callSale(gateway, productId, connections);
  const now = Date.now();
  const outcome = await sale.api.configure({
    title: productId,
    price: 100,
    currency: "USD",
    stock,
    opensAt: now - 1000,
    closesAt: now + OPEN_FOR_MS,
    perBuyerLimit: 1,
    holdSeconds: HOLD_SECONDS,
  });
  if (!outcome.ok) throw new Error(`Cannot create ${productId}: ${outcome.code} ${JSON.stringify(outcome.fields)}`);
  return sale;
}

/** The ledger once Postgres has every event. Rejects when that takes longer than `withinMs`. */
export async function untilDelivered(
  sale: TestSale,
  withinMs: number,
): Promise<Awaited<ReturnType<typeof readLedger>>> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const ledger = await readLedger(sale);
    if (ledger.outbox.pending === 0) return ledger;
    if (Date.now() > deadline) throw new Error(`${ledger.outbox.pending} events did not arrive within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export async function readLedger(sale: TestSale) {
  const outcome = await sale.api.ledger();
  if (!outcome.ok) throw new Error(`Cannot read the ledger: ${outcome.code}`);
  return outcome.value;
}
