/**
 * How long an order that is over stays in its object, and what follows from that. Pure.
 *
 * No decision may change because an order left. So nothing leaves before everything that looks back at it is past: the rules
 * against hoarders look back a day, and a purchase token that made an order can be sent again until it is expired by
 * whatever clock looks at it. Paid orders of a round that is not closed stay, for the buyer's cap is counted from them.
 */
import type { OrderStatus } from "../../src/refusal.ts";
import { HOARDING_WINDOW_MS } from "./hoarding.ts";
import type { OrderSnapshot } from "./protocol.ts";

const HOUR_MS = 3600 * 1000;
/** How wrong a clock may be without any outcome changing. */
const CLOCK_ERROR_MS = HOUR_MS;

/**
 * A purchase token that made an order is refused by its own expiry after so long: an hour of life at the most, issued by a clock that is
 * fast, verified by one that is slow, compared with the object's own.
 */
export const TOKEN_HORIZON_MS = HOUR_MS + 3 * CLOCK_ERROR_MS;

/** The day that hoarding is counted over, and the object's clock an hour fast before and an hour slow after. */
export const RETENTION_LEAST_SECONDS = (Math.max(HOARDING_WINDOW_MS, TOKEN_HORIZON_MS) + 2 * CLOCK_ERROR_MS) / 1000;

/** Two days: whoever looks at an order on the day after still gets it from the object. */
export const RETENTION_DEFAULT_SECONDS = 172_800;

/** Orders whose last change is not after this may leave. Never later than the least retention allows, whatever is configured. */
export function decideCutoff(orderRetentionMs: number, now: number): number {
  return now - Math.max(orderRetentionMs, RETENTION_LEAST_SECONDS * 1000);
}

/** Statuses in which an order may leave: `held` is none of them. */
export function isFinal(status: OrderStatus): boolean {
  return status !== "held";
}

/** When the first and the last of the orders that left were made; null while none has. */
export interface ArchiveWindow {
  readonly archivedFrom: number | null;
  readonly archivedThrough: number | null;
}

/** Whether an order that was made at `madeAt` and is not in the object can be one that left. */
export function mayBeArchived({ archivedFrom, archivedThrough }: ArchiveWindow, madeAt: number): boolean {
  return archivedFrom !== null && archivedThrough !== null && madeAt >= archivedFrom && madeAt <= archivedThrough;
}

/** The window after an order made at `madeAt` has left too. */
export function widen({ archivedFrom, archivedThrough }: ArchiveWindow, madeAt: number): ArchiveWindow {
  return {
    archivedFrom: Math.min(archivedFrom ?? madeAt, madeAt),
    archivedThrough: Math.max(archivedThrough ?? madeAt, madeAt),
  };
}

/** Orders of one round and status that left, and their units. */
export interface ArchivedCount {
  readonly orders: number;
  readonly units: number;
}

/**
 * Why a row of Postgres cannot be an order that left this object; null: it can. The row is the writer's, and what left was
 * in Postgres before it left, so a difference means that somebody else wrote there or that one of the two was restored.
 *
 * `left`: what left of the row's round and status; null where the round itself is forgotten.
 */
export function findContradiction(
  snapshot: OrderSnapshot,
  expected: { readonly productId: string; readonly orderId: string; readonly currentRound: number },
  left: ArchivedCount | null,
): string | null {
  if (snapshot.productId !== expected.productId || snapshot.orderId !== expected.orderId) return "another order";
  if (!isFinal(snapshot.status)) return `it is ${snapshot.status} there`;
  // A hold is the first version, its end at least the second.
  if (snapshot.version < 2) return `it has version ${snapshot.version} there`;
  if (snapshot.round > expected.currentRound) return `round ${snapshot.round} has not begun`;
  if (left !== null && (left.orders < 1 || left.units < snapshot.quantity))
    return `no such order left ${snapshot.status}`;
  return null;
}
