/** F6: Postgres goes away under load, and comes back. Buyers do not notice; afterwards every order is there, once. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPostgres } from "../../scripts/rush/postgres.ts";
import { startGateway, type TestGateway } from "../support/node/gateway.ts";
import { type OutageProxy, startOutageProxy } from "../support/node/outage-proxy.ts";
import { createRunDatabase } from "../support/node/run-database.ts";
import { openSale, untilDelivered } from "../support/node/sale.ts";
import { loadSale } from "./load.ts";

const STOCK = 10_000;
const LANES = 16;
const BUYERS = 1500;
/** Long enough for several batches to fail and for the breaker to open. In milliseconds. */
const OUTAGE_MS = 4000;
const BEFORE_MS = 700;

describe("F6 Postgres goes away", () => {
  let proxy: OutageProxy;
  let gateway: TestGateway;
  let directUrl: string;

  beforeAll(async () => {
    directUrl = await createRunDatabase("postgres_outage");
    proxy = await startOutageProxy(directUrl);
    gateway = await startGateway({ databaseUrl: proxy.url });
  }, 60_000);
  afterAll(async () => {
    await gateway.stop();
    await proxy.stop();
  }, 60_000);

  it("sells on as before, and delivers every order exactly once when it is back", async () => {
    const sale = await openSale(gateway, "outage", STOCK);
    const load = loadSale(sale, await sale.signIn(BUYERS), LANES);
    await sleep(BEFORE_MS);
    await proxy.cut();
    const before = load.attempts.length;
    await sleep(OUTAGE_MS);
    const during = load.attempts.length - before;
    await proxy.mend();
    await load.stop();

    expect(load.refused).toEqual(new Map());
    expect(load.attempts.filter(({ orderId }) => orderId === null)).toEqual([]);
    expect(during).toBeGreaterThan(LANES);

    const ledger = await untilDelivered(sale, 60_000);
    expect(ledger.held).toBe(load.attempts.length);
    const stored = await readPostgres(directUrl, sale.productId);
    expect(stored.product).toEqual({ allocated: STOCK, held: ledger.held, paid: 0, withdrawn: 0 });
    expect(new Set(stored.orders.map(({ id }) => id))).toEqual(new Set(load.attempts.map(({ orderId }) => orderId)));
    expect(stored.orders.filter(({ events }) => events !== 1)).toEqual([]);
    expect(stored.deadLetters).toBe(0);
    sale.http.close();
  }, 120_000);
});
