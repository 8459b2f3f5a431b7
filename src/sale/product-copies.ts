/**
 * The edge's copies of products: what an isolate knows of them, at most `copyMaxAgeMs` old.
 *
 * The losers of a sale are answered from here without a call to the object. A copy that is half as old as it may become is
 * fetched anew by one request in the background, so that under load no request waits for it and few are made. No promise is shared between
 * requests: on Workers one request's I/O dies with it.
 *
 * What it gives up: a change is seen by other isolates within the copy's age, not at once. Stock is never decided here, only refused.
 */
import { decideRoundState } from "../../durable-objects/product/round-state.ts";
import type { ProductView } from "../../durable-objects/product/protocol.ts";
import { callProduct } from "../product-calls.ts";
import type { Result } from "../result.ts";

/** Products an isolate remembers, the unknown ones too; beyond that the oldest copy goes. */
const COPIES_MAX = 1000;
/** A refresh that was begun and never came back is given up after so long, and another request begins one. */
const REFRESH_GIVEN_UP_MS = 2000;

interface Copy {
  readonly view: ProductView | null;
  readonly fetchedAt: number;
  refreshingSince: number | null;
  /** Something changed since: the next request asks the object; those that come meanwhile still read the copy. */
  outdatedAt: number | null;
}

const copies = new Map<string, Copy>();

/**
 * The product as it was at most `maxAgeMs` ago: null where there is none, undefined where the copy is too old to say.
 * A copy that is half as old is fetched anew behind the request's back.
 */
export function readCopy(
  env: Env,
  productId: string,
  maxAgeMs: number,
  keepAlive: (work: Promise<unknown>) => void,
): ProductView | null | undefined {
  const now = Date.now();
  const copy = copies.get(productId);
  if (copy === undefined || !isUsable(copy, now, maxAgeMs)) return undefined;
  if (copy.outdatedAt !== null) {
    copy.outdatedAt = null;
    copy.refreshingSince = now;
    return undefined;
  }
  if (decideRefresh(copy, now, maxAgeMs)) {
    copy.refreshingSince = now;
    keepAlive(askProduct(env, productId));
  }
  return copy.view;
}

/**
 * The product as it was when it was last asked for, however long ago; undefined where nobody asked, null where there was none.
 * For what may be guessed wrong: it causes no call, and nothing is refused by it.
 */
export function recallProduct(productId: string): ProductView | null | undefined {
  return copies.get(productId)?.view;
}

/**
 * After a change that this isolate made or heard of: the next request asks the object. One, not all that are under way at
 * once: in a rush there is a change every millisecond, and each would send the whole crowd to the object.
 */
export function forgetProduct(productId: string): void {
  const copy = copies.get(productId);
  if (copy === undefined) return;
  if (copy.view === null) copies.delete(productId);
  else copy.outdatedAt = Date.now();
}

/** Asks the object, and keeps the copy. */
export async function askProduct(env: Env, productId: string): Promise<Result<ProductView | null>> {
  // The copy is as old as the question, not as the answer: what changed in between may not be in it.
  const fetchedAt = Date.now();
  const answer = await callProduct(env, productId, "repeatable", (product) => product.view());
  if (!answer.ok) return answer;
  const kept = copies.get(productId);
  if (kept === undefined || kept.fetchedAt <= fetchedAt) {
    copies.delete(productId);
    // A change that came after the question may not be in the answer.
    const outdatedAt = kept?.outdatedAt ?? null;
    const isOutdated = outdatedAt !== null && outdatedAt >= fetchedAt;
    copies.set(productId, {
      view: answer.value,
      fetchedAt,
      refreshingSince: null,
      outdatedAt: isOutdated ? outdatedAt : null,
    });
    const oldest = copies.keys().next();
    if (copies.size > COPIES_MAX && oldest.done === false) copies.delete(oldest.value);
  }
  return answer;
}

/** A copy may say that everything is held only until the first hold's time is over. */
function isUsable(copy: Copy, now: number, maxAgeMs: number): boolean {
  if (now - copy.fetchedAt >= maxAgeMs || now < copy.fetchedAt) return false;
  const { view } = copy;
  if (view === null || decideRoundState(view, now) !== "held-out") return true;
  return view.nextReleaseAt !== null && now < view.nextReleaseAt;
}

function decideRefresh(copy: Copy, now: number, maxAgeMs: number): boolean {
  if (now - copy.fetchedAt < maxAgeMs / 2) return false;
  return copy.refreshingSince === null || now - copy.refreshingSince > REFRESH_GIVEN_UP_MS;
}
