/** GET /v1/products/{id}: what everybody may know of a product, cacheable for a second. */
import type { Context } from "hono";
import { decideRoundState } from "../../durable-objects/product/round-state.ts";
import { answer, answerJson } from "../answer.ts";
import type { SaleEnv } from "./sale.ts";

/** A second: as old as the edge's own copy may be, and as often as a page needs to look. */
const CACHE_CONTROL = "public, max-age=1";

export function showProduct() {
  return function showProductByCopy(c: Context<SaleEnv>): Response {
    const {
      id,
      title,
      price,
      currency,
      round,
      opensAt,
      closesAt,
      perBuyerLimit,
      holdSeconds,
      challenges,
      version,
      paused,
      closed,
      available,
      held,
    } = c.get("product");
    const state = decideRoundState({ opensAt, closesAt, paused, closed, available, held }, Date.now());
    const etag = `W/"${round}.${version}.${state}"`;
    const headers = { ETag: etag, "Cache-Control": CACHE_CONTROL };
    if (matches(c.req.header("If-None-Match"), etag)) return answer(c, null, 304, headers);
    const page = {
      id,
      title,
      price,
      currency,
      round,
      state,
      opensAt,
      closesAt,
      perBuyerLimit,
      holdSeconds,
      challenges,
      ...(c.get("config").token.binding === "none" ? {} : { binding: c.get("config").token.binding }),
      ...(state === "open" ? { tokenUrl: `/v1/products/${id}/tokens` } : {}),
    };
    return answerJson(c, page, 200, headers);
  };
}

/** Weak comparison of a list of entity tags (RFC 9110, section 13.1.2). */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  const opaque = etag.slice(2);
  return ifNoneMatch.split(",").some((tag) => tag.trim().replace(/^W\//, "") === opaque);
}
