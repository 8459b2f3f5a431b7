/** Rows and bytes of orders, by a sale in which nothing else happens, on a gateway whose storage is counted. */
import * as v from "valibot";
import { ownAddress } from "../../rush/cast.ts";
import type { IssuedToken } from "../../rush/sale-api.ts";
import { signIn } from "../../rush/sign-in.ts";
import type { Measured } from "../costs.ts";
import { LIMITER_FLUSH_MS } from "../gateway-rules.ts";
import { begin, type Field, letLeave, round, runCalls, type Tell, until, untilDelivered } from "./field.ts";
import { type Rows, ROWS_PATH, rowsDocument } from "./rows.ts";
import type { Sizes } from "./sizes.ts";

const METERED_PRODUCT = "metered";

export async function meterOrders(
  field: Field,
  { undisturbed, orders: count, loneOrders, holdSeconds }: Sizes,
  tell: Tell,
): Promise<Pick<Measured, "rows" | "bytes">> {
  tell("counting rows");
  const { http, api } = field;
  const sale = api(METERED_PRODUCT);
  await begin(sale, count, holdSeconds);
  const buyers = Array.from({ length: count }, (_, index) => ({
    id: `metered-${index}`,
    address: ownAddress(index),
  }));
  const jwts = await signIn(sale, buyers);
  const before = undisturbed ? await settled() : await readRows();
  const tokens: (IssuedToken | undefined)[] = [];
  await runCalls("tokens", count, async (index) => {
    const outcome = await sale.token(buyers[index]?.address ?? "", jwts[index] ?? "");
    if (outcome.ok) tokens[index] = outcome.value;
    return outcome.ok;
  });
  const issued = await settled();
  const orders: string[] = [];
  async function hold(index: number): Promise<boolean> {
    const { checkoutUrl = "", token = "" } = tokens[index] ?? {};
    const outcome = await sale.checkout(buyers[index]?.address ?? "", checkoutUrl, token, 1);
    if (outcome.ok) orders[index] = outcome.value.orderId;
    return outcome.ok;
  }
  await runCalls("lone holds", loneOrders, hold, 1);
  const heldAlone = await readRows();
  await untilDelivered(sale);
  const aloneDelivered = await readRows();
  const sharedOrders = count - loneOrders;
  await runCalls("holds", sharedOrders, (index) => hold(loneOrders + index));
  const held = await readRows();
  await untilDelivered(sale);
  const delivered = await readRows();
  const paidOrders = orders.slice(0, count / 2);
  await runCalls(
    "payments",
    paidOrders.length,
    async (index) => (await sale.pay(paidOrders[index] ?? "", `pay-${index}`)).ok,
  );
  const paid = await readRows();
  await untilDelivered(sale);
  const paidDelivered = await readRows();
  tell("waiting for holds to end");
  const unpaid = count - paidOrders.length;
  await until(async () => {
    const outcome = await sale.ledger();
    return outcome.ok && outcome.value.orders.expired >= unpaid;
  }, "The holds did not end");
  await untilDelivered(sale);
  const ended = await readRows();
  await letLeave(http, METERED_PRODUCT);
  const left = await readRows();

  async function readRows(): Promise<Rows> {
    const answer = await http.send({ method: "GET", path: ROWS_PATH, label: "rows" });
    return v.parse(rowsDocument, answer.body);
  }

  /** After the limiters have written what they count. */
  async function settled(): Promise<Rows> {
    let rows = await readRows();
    await until(async () => {
      // Longer than a limiter object keeps a count to itself.
      await new Promise((resolve) => setTimeout(resolve, 1.5 * LIMITER_FLUSH_MS));
      const later = await readRows();
      const isSame = later["limiter"]?.written === rows["limiter"]?.written;
      rows = later;
      return isSame;
    }, "The limiters did not come to rest");
    return rows;
  }

  const takes = count * LIMITER_TAKES_PER_TOKEN;
  const acknowledge = perCall("product", held, delivered, sharedOrders);
  const heldTogether = perCall("product", aloneDelivered, held, sharedOrders);
  const expiryWithDelivery = perCall("product", paidDelivered, ended, unpaid);
  return {
    rows: {
      hold: heldTogether,
      // A lone hold has a commit of its own, those that come together share theirs: a part of it is found with the holds, and a lone one comes out right.
      commit: beyond(perCall("product", issued, heldAlone, loneOrders), heldTogether),
      acknowledge,
      payment: perCall("product", delivered, paid, paidOrders.length),
      expiry: beyond(expiryWithDelivery, acknowledge),
      leave: perCall("product", ended, left, count),
      limiterTake: perCall("limiter", before, issued, takes),
    },
    bytes: {
      order: round(((ended["product"]?.bytes ?? 0) - (before["product"]?.bytes ?? 0)) / count),
      event: JSON.stringify(SAMPLE_EVENT).length,
    },
  };
}

/** One for the address and its accounts, one for the buyer. */
const LIMITER_TAKES_PER_TOKEN = 2;

/** An event as `durable-objects/product/product-events.ts` makes it, with ids of their real length. */
const SAMPLE_EVENT = {
  eventId: `${"o".repeat(32)}.1`,
  type: "order.held",
  productId: "product-of-a-sale",
  round: 1,
  seq: 100_000,
  orderId: "o".repeat(32),
  version: 1,
  buyerId: "buyer-of-a-shop-1234567",
  quantity: 1,
  status: "held",
  paymentId: "payment-of-a-provider-1234567",
  holdExpiresAt: 1_795_304_393_649,
  createdAt: 1_795_304_393_649,
  at: 1_795_304_393_649,
  requestId: "00000000-0000-0000-0000-000000000000",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};

interface PerCall {
  readonly read: number;
  readonly written: number;
}

/** What one takes more than the other. */
function beyond(one: PerCall, other: PerCall): PerCall {
  return { read: Math.max(0, round(one.read - other.read)), written: Math.max(0, round(one.written - other.written)) };
}

function perCall(className: string, before: Rows, after: Rows, calls: number): PerCall {
  const grown = (key: "read" | "written"): number =>
    round(((after[className]?.[key] ?? 0) - (before[className]?.[key] ?? 0)) / calls);
  return { read: grown("read"), written: grown("written") };
}
