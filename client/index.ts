/**
 * Sluice in the browser, without dependencies: the gateway's clock, its calls as typed outcomes, and a sale that runs itself.
 *
 *     const platform = browserPlatform();
 *     const clock = startClock(platform);
 *     const gateway = createGateway({ platform, identity: () => shop.jwt() });
 *     const sale = startSale({ productId: "demo", gateway, clock, platform, memory: sessionMemory("sluice:demo") });
 *     sale.subscribe(() => render(sale.phase(), sale.state(), clock.now()));
 *     button.addEventListener("click", () => void sale.buy());
 */
export { type Clock, type ClockOffset, decideOffset, startClock, type TimeSample } from "./clock.ts";
export type { Order, OrderStatus, Product, ProductState, PurchaseToken } from "./documents.ts";
export { createGateway, type Gateway, type GatewayOptions, type Identity } from "./gateway.ts";
export { NO_MEMORY, type SaleMemory, type SavedSale, sessionMemory } from "./memory.ts";
export {
  GATEWAY_CODES,
  type GatewayCode,
  type Outcome,
  type Refusal,
  type RefusalCode,
  type Success,
} from "./outcome.ts";
export { decideNextLook, type Look } from "./pace.ts";
export { browserPlatform, type Cancel, type Platform } from "./platform.ts";
export { browserPossession, type Possession, type ProvenCall } from "./possession.ts";
export { type Attempt, createPurchase, type Purchase, type PurchaseOptions } from "./purchase.ts";
export { decideRetry } from "./retry.ts";
export { type Sale, type SaleOptions, startSale } from "./sale.ts";
export {
  canBuy,
  canCancel,
  type Notice,
  phaseOf,
  phaseOfProduct,
  reduceSale,
  type SaleEvent,
  type SalePhase,
  type SaleState,
} from "./sale-state.ts";
