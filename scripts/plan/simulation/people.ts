/** The people of a simulated sale, one by one: from the page to the click, the token, the checkout, the payment. */
import { BUSY_RETRY_MS, FIRST_REPEAT_MS, MOST_REPEATS, REPEAT_GROWTH, REPEAT_JITTER_MS } from "../gateway-rules.ts";
import type { Edge } from "./edge.ts";
import { HAPPENING } from "./happenings.ts";
import type { Rates } from "./rates.ts";
import type { Waiters } from "./waiters.ts";
import type { World } from "./world.ts";

/** src/limits/limits.ts: when to come back while a limiter is in trouble. Milliseconds. */
const LIMITER_RETRY_MS = 2000;
/** How soon an origin repeats a payment that was not heard, on average: Standard Webhooks' first repeat. Milliseconds. */
const ORIGIN_REPEAT_MS = 5000;
/** The counter to be found lies between this share of the trials and all of them (src/challenge/work.ts). */
const COUNTER_LEAST_SHARE = 0.5;

export type Purchase = "hold" | "replay" | "pay" | "cancel";

export class People {
  readonly #world: World;
  readonly #edge: Edge;
  readonly #waiters: Waiters;
  readonly #rates: Rates;
  /** By buyer: when the request under way was first sent; how often it was repeated. */
  readonly #sentAt: Float64Array;
  readonly #repeats: Uint8Array;
  /** By buyer: whether a challenge is solved, and whether there is a token that was not spent. */
  readonly #solved: Uint8Array;
  readonly #hasToken: Uint8Array;
  /** Pages that are open and whose buyers have not clicked yet. */
  #earlyLeft: number;
  readonly tokenMs: number[] = [];
  readonly checkoutMs: number[] = [];

  /** @param early people who have the page open before the opening. */
  constructor(world: World, edge: Edge, waiters: Waiters, rates: Rates, early: number) {
    this.#world = world;
    this.#edge = edge;
    this.#waiters = waiters;
    this.#rates = rates;
    this.#earlyLeft = early;
    const { buyers } = world.sale.crowd;
    this.#sentAt = new Float64Array(buyers);
    this.#repeats = new Uint8Array(buyers);
    this.#solved = new Uint8Array(buyers);
    this.#hasToken = new Uint8Array(buyers);
  }

  /** Somebody comes to the page, or looks up from one that has been open. `left`: those who come after, and this one. */
  arrive(now: number, buyer: number, left: number): void {
    const world = this.#world;
    if (world.random.next() * left < this.#earlyLeft) {
      this.#earlyLeft--;
      this.#waiters.thinking--;
      // The page knows what its last look told it.
      const sinceLook = world.random.next() * world.paces.open;
      return now - world.unavailableSince > sinceLook ? this.disappointed(now, buyer) : this.askToken(now, buyer);
    }
    return this.#when(now, (at) => this.#read(at, buyer));
  }

  /** A request is looked at when there is a thread for it: at once, but on the one machine. */
  #when(now: number, work: (now: number) => void): void {
    const { thread } = this.#world;
    if (thread === null) work(now);
    else thread.run(now, work);
  }

  /** A page is opened. */
  #read(now: number, buyer: number): void {
    const world = this.#world;
    const { crowd, places } = world.sale;
    world.count("productRead", now);
    world.count("timeRead", now, crowd.timeReads);
    world.wake(now, "productRead");
    const copy = this.#edge.copyFor(buyer);
    const readAt = world.work(this.#edge.meet(now, copy), world.times.worker.productRead);
    const shownAt = world.work(readAt, crowd.timeReads * world.times.worker.timeRead);
    if (world.copies.decide(copy, now) !== "ask") return this.disappointed(now, buyer);
    this.#waiters.thinking++;
    world.heap.plan(shownAt + places.edgeTripMs + world.exponential(crowd.thinkMs), HAPPENING.CLICK, buyer);
    return undefined;
  }

  click(now: number, buyer: number): void {
    if (!this.#world.isScript(buyer)) this.#waiters.thinking--;
    // A token that was not spent is good for another try.
    if (this.#hasToken[buyer] === 1) this.#goToCheckOut(now, buyer);
    else this.askToken(now, buyer);
  }

  askToken(now: number, buyer: number): void {
    this.#sentAt[buyer] ||= now;
    this.#when(now, (at) => this.#askToken(at, buyer));
  }

  #askToken(now: number, buyer: number): void {
    const world = this.#world;
    const copy = this.#edge.copyFor(buyer);
    const metAt = this.#edge.meet(now, copy);
    if (world.copies.decide(copy, now) !== "ask") {
      world.count("refusalAtEdge", now);
      world.wake(metAt, "refusalAtEdge");
      world.work(metAt, world.times.worker.refusalAtEdge);
      return this.disappointed(now, buyer);
    }
    this.#rates.tokenAsked();
    const isChallenged = world.sale.round.challenge !== "none";
    const kind = !isChallenged ? "tokenIssue" : this.#solved[buyer] === 1 ? "tokenSolved" : "challengeIssue";
    world.count(kind, now);
    world.wake(metAt, kind);
    const limitedAt = this.#edge.limit(metAt, buyer, kind, now);
    if (limitedAt === null) return this.#unlimited(now, buyer);
    // On the one machine the limiters' work is in what the whole request was measured to take.
    const doneAt = world.work(world.machine === null ? limitedAt : metAt, world.times.worker[kind]);
    world.heap.plan(doneAt + world.sale.places.edgeTripMs, HAPPENING.TOKEN_ANSWER, buyer);
    return undefined;
  }

  /** `limiter-unavailable`: the page asks again some times, then the buyer hears it. */
  #unlimited(now: number, buyer: number): void {
    this.#world.count("limiterUnavailable", now);
    const waitMs = this.#repeatAfter(buyer, LIMITER_RETRY_MS);
    if (waitMs === null) return this.disappointed(now, buyer);
    return this.#world.heap.plan(now + this.#world.rules.storeTimeoutMs + waitMs, HAPPENING.ASK_AGAIN, buyer);
  }

  tokenAnswered(now: number, buyer: number): void {
    const { sale, rules, random, heap } = this.#world;
    if (sale.round.challenge === "pow" && this.#solved[buyer] === 0) {
      this.#solved[buyer] = 1;
      const { least, most, fullPressurePerSecond } = rules.trials;
      const pressed = Math.min(1, this.#rates.tokensPerSecond / sale.places.isolates / fullPressurePerSecond);
      const harder = (least + pressed * (most - least)) / least;
      const counter = COUNTER_LEAST_SHARE + random.next() * (1 - COUNTER_LEAST_SHARE);
      const luck = counter / ((1 + COUNTER_LEAST_SHARE) / 2);
      return heap.plan(now + sale.round.solveMs * harder * luck, HAPPENING.ASK_AGAIN, buyer);
    }
    this.#solved[buyer] = 0; // A challenge is good for one token.
    this.tokenMs.push(now - (this.#sentAt[buyer] ?? now));
    this.#hasToken[buyer] = 1;
    return this.#goToCheckOut(now, buyer);
  }

  #goToCheckOut(now: number, buyer: number): void {
    this.#sentAt[buyer] = now;
    this.#when(now, (at) => this.#checkOut(at, buyer));
  }

  #checkOut(now: number, buyer: number): void {
    const world = this.#world;
    const copy = this.#edge.copyFor(buyer);
    const metAt = this.#edge.meet(now, copy);
    if (world.copies.decide(copy, now) !== "ask") {
      world.count("checkoutRefused", now);
      world.wake(metAt, "checkoutRefused");
      world.work(metAt, world.times.worker.checkoutRefused);
      return this.disappointed(now, buyer);
    }
    world.wake(metAt, "hold");
    this.#edge.call(now, buyer, "hold", HAPPENING.HOLD_COMES, metAt);
    if (world.random.next() < world.sale.crowd.doubleShare) {
      this.#edge.call(now, buyer, "hold", HAPPENING.REPLAY_COMES, metAt);
    }
    return undefined;
  }

  holdAnswered(now: number, buyer: number): void {
    const { sale, random, heap } = this.#world;
    if (this.#world.orderOf(buyer) === "none") return this.disappointed(now, buyer);
    const { payShare, cancelShare, payAfterMs, watchingShare } = sale.crowd;
    this.checkoutMs.push(now - (this.#sentAt[buyer] ?? now));
    const isWatching = random.next() < watchingShare;
    const fate = random.next();
    // Whoever means to pay or to give back does so while the hold runs.
    const mean = Math.max(1, payAfterMs);
    const within = 1 - Math.exp(-sale.round.holdMs / mean);
    const afterMs = -mean * Math.log(1 - random.next() * within);
    if (fate < payShare) heap.plan(now + afterMs, HAPPENING.PAY, buyer);
    else if (fate < payShare + cancelShare) heap.plan(now + afterMs, HAPPENING.CANCEL, buyer);
    if (isWatching) this.#rates.watch(now + (fate < payShare + cancelShare ? afterMs : sale.round.holdMs));
    return undefined;
  }

  /** Nothing to be had: waits for a unit to come back while some are held, or goes. */
  disappointed(now: number, buyer: number): void {
    this.#sentAt[buyer] = 0;
    const { patienceMs, stayMs } = this.#world.sale.crowd;
    if (this.#world.isHeld && patienceMs > 0) this.#waiters.join(now, buyer);
    else this.#rates.stay(now + stayMs);
  }

  /** The object was too busy: the page repeats some times, then the buyer hears it; the origin repeats until it is heard. */
  busy(now: number, buyer: number, what: Purchase): void {
    const { heap, random } = this.#world;
    this.#world.count("overloaded", now);
    if (what === "replay") return undefined;
    if (what === "pay") return heap.plan(now + ORIGIN_REPEAT_MS * (0.5 + random.next()), HAPPENING.PAY, buyer);
    const waitMs = this.#repeatAfter(buyer, BUSY_RETRY_MS);
    if (waitMs === null) return what === "hold" ? this.disappointed(now, buyer) : undefined;
    if (what === "hold") this.#world.count("hold", now + waitMs);
    return heap.plan(now + waitMs, what === "hold" ? HAPPENING.HOLD_COMES : HAPPENING.CANCEL, buyer);
  }

  /** As client/retry.ts has it; null when the page has repeated often enough. */
  #repeatAfter(buyer: number, retryAfterMs: number): number | null {
    const repeats = this.#repeats[buyer] ?? 0;
    if (repeats >= MOST_REPEATS) return null;
    this.#repeats[buyer] = repeats + 1;
    const { random } = this.#world;
    const backOffMs = FIRST_REPEAT_MS * REPEAT_GROWTH ** repeats * (0.5 + random.next() / 2);
    return Math.max(retryAfterMs + random.next() * REPEAT_JITTER_MS, backOffMs);
  }
}
