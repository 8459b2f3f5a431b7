/** Orders that have left their object, to be asked for: paid, delivered, and let go as if their time had passed. */
import { StartError } from "../../gateway/start-error.ts";
import type { SaleApi } from "../../rush/sale-api.ts";
import { runCalls, untilDelivered } from "./field.ts";

/** Who buys one. */
export interface LeftBuyer {
  readonly address: string;
  readonly jwt: string;
}

/** An order of each buyer, in the same order. */
export async function placeOrders(sale: SaleApi, buyers: readonly LeftBuyer[]): Promise<readonly string[]> {
  const placed: string[] = [];
  await runCalls("orders that leave", buyers.length, async (index) => {
    const buyer = buyers[index];
    if (buyer === undefined) throw new StartError("There are fewer buyers than orders");
    const issued = await sale.token(buyer.address, buyer.jwt);
    if (!issued.ok) return false;
    const { checkoutUrl, token } = issued.value;
    const order = await sale.checkout(buyer.address, checkoutUrl, token, 1);
    if (!order.ok) return false;
    placed[index] = order.value.orderId;
    return (await sale.pay(order.value.orderId, `pay-left-${index}`)).ok;
  });
  await untilDelivered(sale);
  return placed;
}
