/**
 * What decides nothing and is counted by its rate, ten times a second: looks of pages that see nothing new, readings of the
 * control object, requests of a flood. Their load is on the objects and on the one machine all the same.
 */
import { CONTROL_REFRESH_MS, OPENING_JITTER_MS } from "../gateway-rules.ts";
import type { Edge } from "./edge.ts";
import { HAPPENING } from "./happenings.ts";
import type { Waiters } from "./waiters.ts";
import type { World } from "./world.ts";

const TICK_MS = 100;
const SECOND_MS = 1000;
/** Those whose patience is over are looked for so often. */
const LET_GO_MS = 2000;
/** Pressure on an isolate is smoothed over this (src/challenge/pressure.ts). Milliseconds. */
const PRESSURE_MEMORY_MS = 5000;

export class Rates {
  readonly #world: World;
  readonly #edge: Edge;
  readonly #waiters: Waiters;
  /** Pages that are left open after a last no, and pages that watch an order; and by tick how many of them close. */
  #staying = 0;
  #watching = 0;
  readonly #stayingEnds: number[] = [];
  readonly #watchingEnds: number[] = [];
  #tokensInTick = 0;
  /** Requests for tokens a second, everywhere, smoothed. */
  tokensPerSecond = 0;
  #scriptTokensLeft = 0;

  constructor(world: World, edge: Edge, waiters: Waiters) {
    this.#world = world;
    this.#edge = edge;
    this.#waiters = waiters;
  }

  /** What `early` pages do before the opening, and right after it. */
  begin(early: number): void {
    const { crowd } = this.#world.sale;
    const before = -1;
    this.#world.count(
      "productRead",
      before,
      early + Math.round((early * crowd.waitingMs) / this.#world.paces.upcoming),
    );
    this.#world.count("timeRead", before, early * crowd.timeReads);
    this.#world.count("productRead", OPENING_JITTER_MS / 2, early);
    this.#world.heap.plan(0, HAPPENING.TICK, 0);
  }

  tokenAsked(): void {
    this.#tokensInTick++;
  }

  stay(until: number): void {
    this.#staying++;
    endAt(this.#stayingEnds, until);
  }

  watch(until: number): void {
    this.#watching++;
    endAt(this.#watchingEnds, until);
  }

  /** @param moreComes whether anybody is still to arrive. */
  tick(now: number, moreComes: boolean): void {
    const world = this.#world;
    const tick = Math.round(now / TICK_MS);
    this.#staying -= this.#stayingEnds[tick] ?? 0;
    this.#watching -= this.#watchingEnds[tick] ?? 0;
    if (now % LET_GO_MS === 0) this.#waiters.letGo(now);
    const looks = this.#looksPerMs() * TICK_MS;
    world.count("productRead", now, looks);
    world.work(now, looks * world.times.worker.productRead);
    if (looks > 0) this.#edge.touch(now, looks, TICK_MS);
    this.#lookAtOrders(now);
    const isFlooded = this.#flood(now);
    // Isolates in use ask the control object once a second.
    const askedPerRefresh = (looks + this.#tokensInTick) * (CONTROL_REFRESH_MS / TICK_MS);
    const inUse = Math.min(world.sale.places.isolates, askedPerRefresh);
    world.count("snapshotCall", now, (inUse * TICK_MS) / CONTROL_REFRESH_MS);
    this.tokensPerSecond *= Math.exp(-TICK_MS / PRESSURE_MEMORY_MS);
    this.tokensPerSecond += this.#tokensInTick * (SECOND_MS / PRESSURE_MEMORY_MS);
    this.#tokensInTick = 0;
    const isWatched = this.#staying + this.#waiters.count + this.#watching > 0;
    if (moreComes || isFlooded || isWatched || world.heap.size > 0) world.heap.plan(now + TICK_MS, HAPPENING.TICK, 0);
  }

  #looksPerMs(): number {
    const { paces, isAvailable, isHeld, sale } = this.#world;
    // Who clicks as soon as the page is there does not let it look once more.
    const thinking = sale.crowd.thinkMs > 0 || sale.crowd.waitingShare > 0 ? this.#waiters.thinking : 0;
    const pace = isAvailable ? paces.open : isHeld ? paces.heldOut : paces.soldOut;
    return thinking / pace + this.#staying / paces.soldOut + this.#waiters.count / paces.heldOut;
  }

  #lookAtOrders(now: number): void {
    const world = this.#world;
    const looks = (this.#watching * TICK_MS) / world.paces.order;
    if (looks <= 0) return;
    world.count("orderRead", now, looks);
    world.count("orderCall", now, looks);
    world.work(now, looks * world.times.worker.orderRead);
    for (const product of world.products) product.take(now, looks / world.products.length);
  }

  /** Scripts beyond their own purchase: tokens up to their limit, then refusals that the isolates remember. */
  #flood(now: number): boolean {
    const { sale, rules, scripts, isAvailable } = this.#world;
    const { attackPerSecond, arrivalMs } = sale.crowd;
    if (scripts === 0 || attackPerSecond === 0 || now >= arrivalMs) return false;
    const limit = rules.tokensPerBuyer;
    if (limit !== null && now % (limit.perSeconds * SECOND_MS) === 0) this.#scriptTokensLeft = scripts * limit.limit;
    const requests = (scripts * attackPerSecond * TICK_MS) / SECOND_MS;
    const most = limit === null ? requests : Math.min(requests, this.#scriptTokensLeft);
    const counted = isAvailable ? most : 0;
    this.#scriptTokensLeft -= counted;
    const isChallenged = sale.round.challenge !== "none";
    this.#world.count(isChallenged ? "challengeIssue" : "tokenIssue", now, counted);
    const isClientCounted = rules.clientTake && !isChallenged;
    if (isClientCounted && !(rules.buyerTake && rules.limiterShards === 1)) {
      this.#world.count("clientTake", now, counted);
    }
    if (rules.buyerTake) this.#world.count("buyerTake", now, counted);
    if (rules.accountsTake && !isClientCounted) this.#world.count("accountsTake", now, counted);
    this.#world.count("refusalAtEdge", now, requests - counted);
    return true;
  }
}

function endAt(ends: number[], at: number): void {
  const tick = Math.ceil(at / TICK_MS);
  ends[tick] = (ends[tick] ?? 0) + 1;
}
