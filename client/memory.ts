/**
 * What outlives a reload of the page: the buyer's order, and a purchase token whose answer never came.
 *
 * Kept per tab and never beyond it. Where the browser forbids storage, the page works without this memory.
 */
import { isFields, type Order, parseOrder, parsePurchaseToken } from "./documents.ts";
import type { Attempt } from "./purchase.ts";

export interface SavedSale {
  readonly order?: Order;
  readonly orderRound?: number;
  readonly attempt?: Attempt;
}

export interface SaleMemory {
  readonly read: () => SavedSale;
  readonly write: (saved: SavedSale) => void;
}

/** Remembers nothing. */
export const NO_MEMORY: SaleMemory = { read: () => ({}), write: () => {} };

/** Remembers in the tab's session storage, under `key`: one key per gateway, product and buyer. */
export function sessionMemory(key: string): SaleMemory {
  return {
    read: () => {
      try {
        return parseSavedSale(JSON.parse(sessionStorage.getItem(key) ?? "{}"));
      } catch {
        return {};
      }
    },
    write: (saved) => {
      try {
        sessionStorage.setItem(key, JSON.stringify(saved));
      } catch {
        // Forbidden or full: the sale goes on, a reload would forget it.
      }
    },
  };
}

export function parseSavedSale(value: unknown): SavedSale {
  if (!isFields(value)) return {};
  const { order, orderRound, attempt } = value;
  const parsedOrder = parseOrder(order, () => "");
  const parsedAttempt = parseAttempt(attempt);
  return {
    ...(parsedOrder === undefined || parsedOrder.statusUrl === "" ? {} : { order: parsedOrder }),
    ...(typeof orderRound === "number" ? { orderRound } : {}),
    ...(parsedAttempt === undefined ? {} : { attempt: parsedAttempt }),
  };
}

function parseAttempt(value: unknown): Attempt | undefined {
  if (!isFields(value)) return undefined;
  const { productId, quantity, fate } = value;
  const token = parsePurchaseToken(value["token"]);
  if (token === undefined || typeof productId !== "string" || typeof quantity !== "number") return undefined;
  return { productId, token, quantity, fate: fate === "unspent" ? "unspent" : "unknown" };
}
