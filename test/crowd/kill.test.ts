/** F1: the gateway is killed in mid-sale, with its embedded Postgres, and started again on what is on disk. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { freePort } from "../../scripts/gateway/addresses.ts";
import { readPostgres } from "../../scripts/rush/postgres.ts";
import { seededRandom } from "../../scripts/rush/random.ts";
import { startGateway } from "../support/node/gateway.ts";
import { callSale, openSale, untilDelivered } from "../support/node/sale.ts";
import { type Attempt, loadSale } from "./load.ts";

const KILLS = 3;
const SEED = 20_261_122;
const STOCK = 10_000;
const LANES = 32;
const BUYERS_PER_KILL = 700;
/** A kill falls somewhere between the first commits and the writer's second batch. In milliseconds. */
const KILL_FROM_MS = 150;
const KILL_WITHIN_MS = 1400;
/** However slow the machine is, a kill comes upon so many acknowledged orders. */
const KILL_FROM_ORDERS = 2 * LANES;
/** How long that may take at the most. In milliseconds. */
const LOAD_WITHIN_MS = 30_000;

describe("F1 SIGKILL under load", () => {
  let stateDir: string | undefined;
  afterAll(async () => {
    if (stateDir !== undefined) await rm(stateDir, { recursive: true, force: true });
  });

  it("loses nothing that was acknowledged, makes nothing twice, and Postgres ends equal to the ledger", async () => {
    stateDir = await mkdtemp(join(tmpdir(), "sluice-kill-"));
    const options = { stateDir, port: await freePort() };
    const random = seededRandom(SEED);
    let gateway = await startGateway(options);
    const sale = await openSale(gateway, "killed", STOCK);
    const attempts: Attempt[] = [];

    for (let kill = 0; kill < KILLS; kill++) {
      const load = loadSale(sale, await sale.signIn(BUYERS_PER_KILL), LANES);
      await sleep(KILL_FROM_MS + random.next() * KILL_WITHIN_MS);
      await expect
        .poll(() => load.attempts.length, { timeout: LOAD_WITHIN_MS })
        .toBeGreaterThanOrEqual(KILL_FROM_ORDERS);
      await gateway.kill();
      await load.stop();
      attempts.push(...load.attempts);
      gateway = await startGateway(options);
    }
    const acknowledged = attempts.filter(({ orderId }) => orderId !== null);
    expect(acknowledged.length).toBeGreaterThan(KILLS * LANES);

    // F2 as well: the same token finds the order that it made, and makes it where it had not yet.
    const again = callSale(gateway, sale.productId);
    const orders = new Map<string, string>();
    const changed: string[] = [];
    const ask = async ({ buyer, issued, orderId }: Attempt): Promise<void> => {
      const outcome = await again.api.checkout(buyer.address, issued.checkoutUrl, issued.token, 1);
      if (!outcome.ok) throw new Error(`The token of ${buyer.id} is refused after the restart: ${outcome.code}`);
      const { status, value } = outcome;
      if (orderId !== null && (status !== 200 || value.orderId !== orderId)) changed.push(`${buyer.id}: ${status}`);
      orders.set(value.orderId, buyer.id);
    };
    await Promise.all(attempts.map(ask));
    expect(changed).toEqual([]);
    expect(orders.size).toBe(attempts.length);

    const ledger = await untilDelivered(again, 75_000);
    expect(ledger.held).toBe(attempts.length);
    expect(ledger.available + ledger.held).toBe(STOCK);
    const stored = await readPostgres(gateway.databaseUrl, sale.productId);
    expect(stored.product).toEqual({ allocated: STOCK, held: attempts.length, paid: 0, withdrawn: 0 });
    expect(new Map(stored.orders.map(({ id, buyerId }) => [id, buyerId]))).toEqual(orders);
    expect(stored.orders.filter(({ events }) => events !== 1)).toEqual([]);
    expect(stored.deadLetters).toBe(0);
    sale.http.close();
    again.http.close();
    await gateway.stop();
  }, 240_000);
});
