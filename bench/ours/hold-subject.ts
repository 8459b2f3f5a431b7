/** A durable hold through the whole way, as a subject: a new product and new tokens each turn, the ledger compared with Postgres after it. */
import { ownAddress } from "../../scripts/rush/cast.ts";
import type { BenchGateway } from "../gateway/gateway.ts";
import { makeBuyers, mintTokens, readTokenKey } from "../gateway/passes.ts";
import { auditProduct, openProduct } from "../gateway/product.ts";
import type { Loaded } from "../load/generator.ts";
import { wireRequest } from "../load/request.ts";
import { expectStatuses, type SliceLength, type Subject } from "../rounds.ts";

export const HOLD = "hold";

/** Faster than any of these can be: so many tokens are prepared for a second. A token that is sent twice would be answered 200. */
const HOLDS_PER_SECOND_MOST = 10_000;
/** The round's stock: never the limit. */
const STOCK = 1_000_000;
const BODY = '{"quantity":1}';

const HELD = 202;
const HELD_OUT = 409;

/** Checkouts of different buyers from different addresses, one each. */
export async function checkoutRequests(
  gateway: BenchGateway,
  productId: string,
  path: string,
  count: number,
): Promise<readonly string[]> {
  const buyers = makeBuyers(productId, count);
  const tokens = await mintTokens({ ...readTokenKey(gateway.vars), gateway: "sluice" }, productId, 1, buyers);
  return tokens.map((token, index) => checkoutRequest(path, token, index));
}

export function checkoutRequest(path: string, token: string, index: number): string {
  const headers = { "Purchase-Token": token };
  return wireRequest({ method: "POST", path, address: ownAddress(index), headers, body: BODY });
}

export interface HoldOptions {
  /** Begins the names of its products: no two subjects of a bench may share one. @default "hold" */
  readonly prefix?: string;
  /** Holds in a second at the most, where the generator sets the pace. @default 10000 */
  readonly perSecondMost?: number;
}

export function holdSubject(gateway: BenchGateway, options: HoldOptions = {}): Subject {
  const { prefix = "hold", perSecondMost = HOLDS_PER_SECOND_MOST } = options;
  return {
    name: HOLD,
    async prepare(turn, { seconds, connections }) {
      const product = await openProduct(gateway, `${prefix}-${turn}`, { stock: STOCK });
      const requests = await checkoutRequests(gateway, product.id, product.checkoutPath, seconds * perSecondMost);
      return {
        load: { url: gateway.url, requests, connections, seconds },
        pids: gateway.pids,
        settle: async () => {
          await product.drained();
        },
        audit: async (loaded) => {
          const { orders } = await product.ledger();
          const faults = [...expectStatuses(loaded, HELD), ...(await auditProduct(product, gateway.databaseUrl))];
          // What was under way when the time was over may have made an order, too.
          if (orders.held < loaded.answered || orders.held > loaded.sent) {
            faults.push(
              `${loaded.answered} holds were confirmed and ${loaded.sent} asked for, there are ${orders.held}`,
            );
          }
          return faults;
        },
      };
    },
  };
}

export const SALE = "sale, many more buyers than units";

/** The last units go, and whoever comes later is told so: most of the turn is refusals. */
export function saleSubject(gateway: BenchGateway, stock: number): Subject {
  return {
    name: SALE,
    async prepare(turn, { seconds, connections }: SliceLength) {
      const product = await openProduct(gateway, `sale-${turn}`, { stock });
      const requests = await checkoutRequests(
        gateway,
        product.id,
        product.checkoutPath,
        seconds * HOLDS_PER_SECOND_MOST,
      );
      return {
        load: { url: gateway.url, requests, connections, seconds },
        pids: gateway.pids,
        settle: async () => {
          await product.drained();
        },
        audit: async (loaded: Loaded) => {
          const { orders } = await product.ledger();
          // Once all tokens were sent, they come again: whoever holds a unit is told so again, which is right, too.
          const faults = [...expectStatuses(loaded, HELD, HELD_OUT, 200)];
          if (orders.held !== stock) faults.push(`${orders.held} of ${stock} units are held`);
          if ((loaded.statuses[HELD] ?? 0) > stock) faults.push(`more than ${stock} holds were confirmed`);
          return [...faults, ...(await auditProduct(product, gateway.databaseUrl))];
        },
      };
    },
  };
}
