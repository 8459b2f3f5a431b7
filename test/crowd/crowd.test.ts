/** Many at once, over real connections: the stock is sold exactly, a token makes one order. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPostgres } from "../../scripts/rush/postgres.ts";
import { startGateway, type TestGateway } from "../support/node/gateway.ts";
import { createRunDatabase } from "../support/node/run-database.ts";
import { openSale, untilDelivered } from "../support/node/sale.ts";

const STOCK = 100;
const CROWD = 2000;
const CONNECTIONS = 500;

describe("a crowd", () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway({ databaseUrl: await createRunDatabase("crowd") });
  }, 60_000);
  afterAll(() => gateway.stop(), 60_000);

  it("T1: 2,000 concurrent attempts from distinct buyers and addresses hold exactly the stock of 100", async () => {
    const sale = await openSale(gateway, "crowd", STOCK);
    const crowd = await sale.signIn(CROWD);
    const outcomes = await Promise.all(
      crowd.map(async ({ address, jwt }) => {
        const issued = await sale.api.token(address, jwt);
        if (!issued.ok) return issued;
        return sale.api.checkout(address, issued.value.checkoutUrl, issued.value.token, 1);
      }),
    );
    const held = outcomes.filter((outcome) => outcome.ok);
    expect(held).toHaveLength(STOCK);
    expect(new Set(held.map((outcome) => outcome.status))).toEqual(new Set([202]));
    expect(new Set(held.map((outcome) => outcome.value.orderId)).size).toBe(STOCK);
    const refusals = new Set(outcomes.flatMap((outcome) => (outcome.ok ? [] : [`${outcome.code} ${outcome.status}`])));
    expect(refusals).toEqual(new Set(["held-out 409"]));

    const ledger = await untilDelivered(sale, 15_000);
    expect(ledger).toMatchObject({ allocated: STOCK, available: 0, held: STOCK, paid: 0, withdrawn: 0 });
    const stored = await readPostgres(gateway.databaseUrl, sale.productId);
    expect(stored.product).toEqual({ allocated: STOCK, held: STOCK, paid: 0, withdrawn: 0 });
    expect(new Set(stored.orders.map(({ id }) => id))).toEqual(new Set(held.map(({ value }) => value.orderId)));
    sale.http.close();
  }, 60_000);

  it("T2: one token from 500 connections makes one order, and everybody else gets that order back", async () => {
    const sale = await openSale(gateway, "replay", STOCK, CONNECTIONS);
    const [buyer] = await sale.signIn(1);
    if (buyer === undefined) throw new Error("Nobody signed in");
    const issued = await sale.api.token(buyer.address, buyer.jwt);
    if (!issued.ok) throw new Error(`No token: ${issued.code}`);
    const { checkoutUrl, token } = issued.value;
    const answers = await Promise.all(
      Array.from({ length: CONNECTIONS }, (_, index) =>
        sale.http.send({
          method: "POST",
          path: checkoutUrl,
          address: `10.1.${index >> 8}.${index & 255}`,
          headers: { "Purchase-Token": token },
          body: JSON.stringify({ quantity: 1 }),
          label: "checkout",
        }),
      ),
    );
    const first = answers.filter(({ status }) => status === 202);
    const repeats = answers.filter(({ status }) => status === 200);
    expect([first.length, repeats.length]).toEqual([1, CONNECTIONS - 1]);
    expect(new Set(answers.map(({ body }) => (body as { orderId: string }).orderId)).size).toBe(1);
    expect(new Set(repeats.map(({ headers }) => headers["idempotency-replayed"]))).toEqual(new Set(["true"]));

    const ledger = await untilDelivered(sale, 15_000);
    expect(ledger).toMatchObject({ held: 1, available: STOCK - 1 });
    const stored = await readPostgres(gateway.databaseUrl, sale.productId);
    expect(stored.orders).toHaveLength(1);
    sale.http.close();
  }, 60_000);
});
