/** Holds that share their calls of the object, on plain workerd: the test runner for Workers turns off what that needs. */
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COSTS_PATH, costsDocument, HOLDS_IN_COMPANY } from "../../scripts/attack/cost/cost.ts";
import { bundleCountingWorker } from "../../scripts/attack/cost/counting-bundle.ts";
import { type GatewayProcess, spawnGateway } from "../../scripts/gateway/child.ts";
import { readDemoVars, requireVar } from "../../scripts/gateway/dev-vars.ts";
import type { IssuedToken } from "../../scripts/rush/sale-api.ts";
import { wireRequest } from "../../bench/load/request.ts";
import { createRunDatabase } from "../support/node/run-database.ts";
import { type Attendee, openSale, type TestSale, untilDelivered } from "../support/node/sale.ts";

const BUYERS = 300;

/** What a gateway says on a machine that has much else to do. Anything else would be a defect, or the platform's word of one. */
const BUSY_LINE = /"event":"(control-unavailable|limit-store-failed)"/;

interface Ready {
  readonly buyer: Attendee;
  readonly issued: IssuedToken;
}

/** Buyers with a token each. */
async function makeReady(sale: TestSale): Promise<readonly Ready[]> {
  const buyers = await sale.signIn(BUYERS);
  return Promise.all(
    buyers.map(async (buyer) => {
      const outcome = await sale.api.token(buyer.address, buyer.jwt);
      if (!outcome.ok) throw new Error(`No token: ${outcome.code}`);
      return { buyer, issued: outcome.value };
    }),
  );
}

function checkOut(sale: TestSale, { buyer, issued }: Ready) {
  return sale.api.checkout(buyer.address, issued.checkoutUrl, issued.token, 1);
}

/** Sends a checkout, and is gone before the answer can be there. */
function leaveAtOnce(url: string, { buyer, issued }: Ready): Promise<void> {
  const { hostname, port } = new URL(url);
  const headers = { "Purchase-Token": issued.token };
  const { checkoutUrl: path } = issued;
  const text = wireRequest({ method: "POST", path, address: buyer.address, headers, body: '{"quantity":1}' });
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(text, () => setImmediate(() => socket.destroy()));
    });
    socket.once("error", () => {});
    socket.once("close", () => resolve());
  });
}

describe("holds of one product that come together", () => {
  let dir: string;
  let gateway: GatewayProcess;
  let keys: { readonly adminToken: string; readonly webhookSecret: string };
  let told = "";

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "sluice-shared-calls-"));
    const [script, databaseUrl, vars] = await Promise.all([
      bundleCountingWorker(dir),
      createRunDatabase("shared_calls"),
      readDemoVars(),
    ]);
    keys = {
      adminToken: requireVar(vars, "ADMIN_TOKEN"),
      webhookSecret: requireVar(vars, "ORIGIN_WEBHOOK_SECRET"),
    };
    gateway = await spawnGateway({ port: 0, stateDir: join(dir, "state"), vars, script, databaseUrl }, (text) => {
      told += text;
    });
  }, 60_000);
  afterAll(async () => {
    await gateway.stop();
    await rm(dir, { recursive: true, force: true });
  }, 60_000);

  function open(productId: string): Promise<TestSale> {
    return openSale({ ...gateway, ...keys, output: () => told }, productId, BUYERS, BUYERS);
  }

  async function readCalls(): Promise<Readonly<Record<string, number>>> {
    const response = await fetch(`${gateway.url}${COSTS_PATH}`);
    return v.parse(costsDocument, await response.json()).background.calls;
  }

  it("T1 are asked for in far fewer calls than there are buyers, and each gets an order of his own", async () => {
    const sale = await open("together");
    const ready = await makeReady(sale);
    const outcomes = await Promise.all(ready.map((each) => checkOut(sale, each)));
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(outcomes.map((outcome) => outcome.ok && outcome.value.orderId)).size).toBe(BUYERS);
    const calls = await readCalls();
    const [alone = 0, shared = 0, inCompany = 0] = [
      calls["PRODUCT.hold"],
      calls["PRODUCT.holdAll"],
      calls[HOLDS_IN_COMPANY],
    ];
    expect(alone + inCompany).toBe(BUYERS);
    expect(alone + shared).toBeLessThan(BUYERS / 3);
    expect(await untilDelivered(sale, 15_000)).toMatchObject({ held: BUYERS, available: 0 });
    sale.http.close();
  }, 60_000);

  it("T1 F2 go on for all who stay, whoever leaves in the middle", async () => {
    const sale = await open("leaving");
    const ready = await makeReady(sale);
    const leaving: Promise<void>[] = [];
    const staying = ready.flatMap((each, index) => {
      if (index % 3 !== 0) return [checkOut(sale, each)];
      leaving.push(leaveAtOnce(gateway.url, each));
      return [];
    });
    const outcomes = await Promise.all(staying);
    await Promise.all(leaving);
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(outcomes.map((outcome) => outcome.ok && outcome.value.orderId)).size).toBe(staying.length);
    const ledger = await untilDelivered(sale, 15_000);
    expect(ledger.held).toBeGreaterThanOrEqual(staying.length);
    expect(ledger.available).toBe(BUYERS - ledger.held);
    // Whoever left has his order, made then or now, and once.
    const back = await Promise.all(ready.filter((_, index) => index % 3 === 0).map((each) => checkOut(sale, each)));
    expect(back.filter(({ ok }) => !ok)).toEqual([]);
    expect(await untilDelivered(sale, 15_000)).toMatchObject({ held: BUYERS, available: 0 });
    expect(told.split("\n").filter((line) => line !== "" && !BUSY_LINE.test(line))).toEqual([]);
    sale.http.close();
  }, 60_000);
});
