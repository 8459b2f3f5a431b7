/** The Worker's side of a simulated sale: its isolates' copies of the product, the limits before a token, calls to objects. */
import { CHALLENGE_SHARDS, LIMITER_FLUSH_MS } from "../gateway-rules.ts";
import { HAPPENING } from "./happenings.ts";
import { Limiters } from "./limiters.ts";
import type { View } from "./product.ts";
import type { Waiters } from "./waiters.ts";
import type { World } from "./world.ts";

/** A different owner than the buyer: his address. */
const OTHER_OWNER = 0x5bd1e995;
/** src/risk/count-accounts.ts: what the count of accounts may take. Milliseconds. */
const ACCOUNTS_BUDGET_MS = 250;

/** Kinds of owners that limiter objects have: addresses, buyers and challenges. */
const KINDS = 3;

export type TokenKind = "tokenIssue" | "tokenSolved" | "challengeIssue";

export class Edge {
  readonly #world: World;
  readonly #waiters: Waiters;
  readonly #asked = new Map<number, { readonly at: number; readonly view: View }>();
  /** Of addresses, buyers and challenges. */
  readonly #limiters: readonly [Limiters, Limiters, Limiters];

  constructor(world: World, waiters: Waiters) {
    this.#world = world;
    this.#waiters = waiters;
    const { rules, times, leastCallMs } = world;
    const callMs = Math.max(times.limiterTake, leastCallMs);
    const limiters = (objects: number, kind: number): Limiters =>
      new Limiters(objects, callMs, (at, object) =>
        world.heap.plan(at + LIMITER_FLUSH_MS, HAPPENING.FLUSH, object * KINDS + kind),
      );
    const { limiterShards } = rules;
    const ofAddresses = limiters(limiterShards, 0);
    // A single shard is one object for all owners.
    const ofBuyers = limiterShards === 1 ? ofAddresses : limiters(limiterShards, 1);
    this.#limiters = [ofAddresses, ofBuyers, limiters(CHALLENGE_SHARDS, 2)];
  }

  get limiterPeakPerSecond(): number {
    return Math.max(...this.#limiters.map(({ peakPerSecond }) => peakPerSecond));
  }

  /** @param subject a limiter object: its number and its kind. */
  flush(now: number, subject: number): void {
    const kind = subject % KINDS;
    const { machine, times } = this.#world;
    this.#limiters[kind]?.flush(now, (subject - kind) / KINDS, times.limiterFlush);
    machine?.done(now, times.limiterFlush);
  }

  /** The copy that a request of the buyer meets: of some isolate, and of his product object. */
  copyFor(buyer: number): number {
    const { random, sale, products } = this.#world;
    const isolate = Math.floor(random.next() * sale.places.isolates);
    return isolate * products.length + this.#world.shardOf(buyer);
  }

  /** A request meets its isolate's copy, and sees to it that it is fetched; when the request may go on. */
  meet(now: number, copy: number): number {
    const { copies, heap, sale, products } = this.#world;
    const freshness = copies.meet(copy, now);
    if (freshness === "fresh") return now;
    const { objectTripMs } = sale.places;
    if (freshness === "refresh") {
      heap.plan(now + objectTripMs / 2, HAPPENING.VIEW_COMES, copy);
      return now;
    }
    const shard = copy % products.length;
    this.#world.count("viewCall", now);
    if (this.#world.isFull(shard, now)) return now;
    const product = this.#world.product(shard);
    const answeredAt = product.take(now) + objectTripMs;
    copies.keep(copy, product.view(), now);
    this.#waiters.planLook(now);
    return answeredAt;
  }

  viewComes(now: number, copy: number): void {
    const { heap, sale, products } = this.#world;
    const shard = copy % products.length;
    this.#world.count("viewCall", now);
    if (this.#world.isFull(shard, now)) return;
    const product = this.#world.product(shard);
    this.#asked.set(copy, { at: now - sale.places.objectTripMs / 2, view: product.view() });
    heap.plan(product.take(now) + sale.places.objectTripMs / 2, HAPPENING.VIEW_ANSWER, copy);
  }

  viewAnswered(now: number, copy: number): void {
    const asked = this.#asked.get(copy);
    if (asked === undefined) return;
    this.#asked.delete(copy);
    this.#world.copies.keep(copy, asked.view, asked.at);
    this.#waiters.planLook(now);
  }

  /** Pages that nobody is simulated for meet copies, too, and keep them fresh: `looks` in the next `withinMs`. */
  touch(now: number, looks: number, withinMs: number): void {
    const { copies, heap, random } = this.#world;
    const share = 1 - Math.exp(-looks / copies.size);
    for (let copy = 0; copy < copies.size; copy++) {
      const from = Math.max(now, copies.refreshableAt(copy));
      if (from >= now + withinMs || random.next() >= share) continue;
      heap.plan(from + random.next() * (now + withinMs - from), HAPPENING.TOUCH, copy);
    }
  }

  /**
   * Calls to limiter objects before a token: the address's and the buyer's at once, then the challenge's. Accounts are counted in the
   * address's call; where there is none, in one of their own to the same object. When they are done; null when the buyer's object did not answer within the time that the gateway gives it.
   */
  limit(at: number, buyer: number, kind: TokenKind, now: number): number | null {
    const { clientTake, buyerTake, accountsTake, limiterShards, storeTimeoutMs } = this.#world.rules;
    const { objectTripMs } = this.#world.sale.places;
    const isCloud = this.#world.machine === null;
    const [client, owner, challenge] = this.#limiters;
    let doneAt = at;
    // Where a challenge stands before the token, limits by address give way.
    const isClientCounted = clientTake && this.#world.sale.round.challenge === "none";
    // With one object for all owners the buyer's call is the address's, too.
    if (isClientCounted && !(buyerTake && limiterShards === 1)) {
      this.#world.count("clientTake", now);
      // By default who cannot be counted in time gets a local budget: slow, but let on.
      const answeredAt = client.take(at, buyer ^ OTHER_OWNER) + objectTripMs;
      if (isCloud) doneAt = Math.max(doneAt, Math.min(answeredAt, at + storeTimeoutMs));
    }
    if (buyerTake) {
      this.#world.count("buyerTake", now);
      const answeredAt = owner.take(at, buyer) + objectTripMs;
      if (isCloud && answeredAt > at + storeTimeoutMs) return null;
      if (isCloud) doneAt = Math.max(doneAt, answeredAt);
    }
    if (accountsTake && !isClientCounted) {
      this.#world.count("accountsTake", now);
      const answeredAt = client.take(doneAt, buyer ^ OTHER_OWNER) + objectTripMs;
      if (isCloud) doneAt = Math.min(answeredAt, doneAt + ACCOUNTS_BUDGET_MS);
    }
    if (kind === "tokenSolved") {
      this.#world.count("challengeTake", now);
      const answeredAt = challenge.take(doneAt, buyer) + objectTripMs;
      if (isCloud) doneAt = answeredAt;
    }
    return doneAt;
  }

  /** A request of the Worker that calls the product object; `comes` happens when the call arrives there. */
  call(now: number, buyer: number, what: "hold" | "payment" | "cancel", comes: number, metAt = now): void {
    const { heap, sale, times } = this.#world;
    this.#world.count(what, now);
    const worker = what === "hold" ? times.worker.hold : times.worker.payment;
    const { edgeTripMs, objectTripMs } = sale.places;
    heap.plan(this.#world.work(metAt, worker) + edgeTripMs / 2 + objectTripMs / 2, comes, buyer);
  }
}
