/**
 * The Worker of the peer synchronous: as Sluice, a Worker that verifies and one object per product; but the object decides in
 * Postgres, and the answer waits for its transaction.
 *
 * The object is what keeps connections to Postgres open between requests, which a Worker cannot (in production that is
 * Hyperdrive's part, one more hop), and what counts the limits.
 */
import { DurableObject } from "cloudflare:workers";
import type { Hono } from "hono";
import { verifiedBuyer } from "../../peers/buyer.ts";
import { holdByConditionalUpdate } from "../../peers/conditional-update.ts";
import { type Decision, type Hold, saleFace, type Wish } from "../../peers/face.ts";
import { type RequestLimits, withMemoryLimits } from "../../peers/memory-limits.ts";
import { connectPostgres } from "../../peers/postgres-stock.ts";
import { proxyBooks } from "./books.ts";

interface Bindings {
  readonly TOKEN_KEY: string;
  readonly DATABASE_URL: string;
  readonly POOL: number;
  readonly LIMITS: RequestLimits;
  readonly BOOKS_URL: string;
  readonly DESK: DurableObjectNamespace<Desk>;
}

export class Desk extends DurableObject<Bindings> {
  readonly #hold: Hold;

  constructor(state: DurableObjectState, env: Bindings) {
    super(state, env);
    this.#hold = withMemoryLimits(holdByConditionalUpdate(connectPostgres(env.DATABASE_URL, env.POOL)), env.LIMITS);
  }

  hold(wish: Wish): Promise<Decision> {
    return this.#hold(wish);
  }
}

let app: Hono | undefined;

/** Its key is imported once. The app is kept, and not the promise of it: on Workers that belongs to one request. */
async function build(env: Bindings): Promise<Hono> {
  const hold: Hold = (wish) => env.DESK.getByName("bench").hold(wish);
  return proxyBooks(saleFace(hold, await verifiedBuyer(env.TOKEN_KEY)), env.BOOKS_URL);
}

export default {
  async fetch(request: Request, env: Bindings): Promise<Response> {
    app ??= await build(env);
    return app.fetch(request);
  },
};
