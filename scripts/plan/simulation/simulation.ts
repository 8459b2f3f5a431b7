/**
 * A sale, event by event: people, edge, limiters, product objects, queue and writer, on a heap of what happens next.
 *
 * Everybody who wants a unit is simulated one by one, from the page to the payment. What is not: looks of pages that
 * see nothing new, readings of the control object, requests of a flood. They decide nothing, and are counted ten times a second by their
 * rates. Where a request meets an isolate, and who of those who wait looks first, is drawn at random from the seed.
 */
import { seededRandom } from "../../rush/random.ts";
import {
  ACCOUNT_SHARDS,
  BUSY_RETRY_MS,
  CHALLENGE_SHARDS,
  CONTROL_REFRESH_MS,
  FIRST_REPEAT_MS,
  type GatewayRules,
  MOST_REPEATS,
  OPENING_JITTER_MS,
  REPEAT_GROWTH,
  REPEAT_JITTER_MS,
} from "../gateway-rules.ts";
import type { PlannedSale } from "../model.ts";
import { orderPaceMs, productPaceMs } from "../watching.ts";
import { arrivals } from "./arrivals.ts";
import { EdgeCopies } from "./edge-copies.ts";
import { EventHeap } from "./event-heap.ts";
import { Limiters, OBJECT_QUEUE_MS } from "./limiters.ts";
import { Processor } from "./processor.ts";
import { type Answered, type OrderState, Product, type View } from "./product.ts";
import type { ServiceTimes } from "./service-times.ts";
import { type Counted, percentiles, Tally } from "./tally.ts";
import { type Batch, Writer } from "./writer.ts";

/** Kinds of events. The subject is the buyer, unless it is said. */
const CLICK = 1;
const TOKEN_ANSWER = 2;
const SOLVED = 3;
const HOLD_COMES = 4;
const HOLD_ANSWER = 5;
const PAY = 6;
const PAY_COMES = 7;
const CANCEL_COMES = 8;
const CANCEL = 9;
const REPLAY_COMES = 10;
/** Subject: the object. */
const COMMITTED = 11;
const RELEASE = 12;
/** Subject: the copy. */
const VIEW_COMES = 13;
const VIEW_ANSWER = 14;
/** Some page's look at a copy, that nobody is simulated for. Subject: the copy. */
const TOUCH = 15;
const WRITER_DUE = 16;
/** Subject: the batch. */
const WRITTEN = 17;
/** Subject: the object. */
const JOIN = 18;
const TICK = 19;
/** One of those who wait sees that there is something. Subject: the plan that it belongs to. */
const LOOK = 20;
/** The object has taken the call in. */
const HOLD_TAKEN = 21;
const REPLAY_TAKEN = 22;
const PAY_TAKEN = 23;
const CANCEL_TAKEN = 24;

const KINDS: Readonly<Record<number, "hold" | "replay" | "pay" | "cancel">> = {
  [HOLD_TAKEN]: "hold",
  [REPLAY_TAKEN]: "replay",
  [PAY_TAKEN]: "pay",
  [CANCEL_TAKEN]: "cancel",
};

/** A planned look stands as long as the rate of looks is right to this share. */
const LOOK_RATE_ERROR = 0.1;
/** Rates are counted so often. Milliseconds. */
const TICK_MS = 100;
/** A script clicks so long after the opening, on average. Milliseconds. */
const SCRIPT_CLICK_MS = 100;
/** Who waits for a unit clicks so long after the page says that there is one, on average. Milliseconds. */
const WAITER_CLICK_MS = 500;
/** A sale of which nobody is left ends; one that cannot end is cut off here, in milliseconds since the opening. */
const LONGEST_MS = 24 * 3600 * 1000;
/** Pressure on an isolate is smoothed over this (src/challenge/pressure.ts). Milliseconds. */
const PRESSURE_MEMORY_MS = 5000;
/** A different owner than the buyer: his address. */
const OTHER_OWNER = 0x5bd1e995;
/** src/risk/count-accounts.ts: what the count of accounts may take; src/limits/limits.ts: when to come back. Milliseconds. */
const ACCOUNTS_BUDGET_MS = 250;
const LIMITER_RETRY_MS = 2000;
/** How soon an origin repeats a payment that was not heard, on average: Standard Webhooks' first repeat. Milliseconds. */
const ORIGIN_REPEAT_MS = 5000;
/** The counter to be found lies between this share of the trials and all of them (src/challenge/work.ts). */
const COUNTER_LEAST_SHARE = 0.5;

export interface Latencies {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface SimulatedSale {
  readonly tally: Tally;
  /** When nothing was available for the first time, ms after the opening; null: something always was. */
  readonly soldOutAtMs: number | null;
  /** When the last unit was paid; null where some were not. */
  readonly allPaidAtMs: number | null;
  /** When the last thing happened that costs something. */
  readonly endsAtMs: number;
  readonly units: { readonly paid: number; readonly held: number; readonly available: number };
  /** What buyers feel, from the click to the answer, of calls that were answered by an object. Milliseconds. */
  readonly tokenMs: Latencies;
  readonly checkoutMs: Latencies;
  /** From a commit to its acknowledgement by the writer. */
  readonly deliveredMs: Latencies;
  /** The most commands that waited for a commit, and the longest that a call waited for an object's thread. */
  readonly mostWaiting: number;
  readonly longestWaitMs: number;
  /** The busiest limiter object's takes in its busiest second. */
  readonly limiterPeakPerSecond: number;
  readonly eventsSimulated: number;
}

export function simulate(sale: PlannedSale, rules: GatewayRules, times: ServiceTimes): SimulatedSale {
  return new Simulation(sale, rules, times).run();
}

class Simulation {
  readonly #sale: PlannedSale;
  readonly #rules: GatewayRules;
  readonly #times: ServiceTimes;
  readonly #random;
  readonly #heap = new EventHeap();
  readonly #tally = new Tally();
  readonly #arrivals: Generator<number>;
  readonly #machine: Processor | null;
  readonly #processors: readonly Processor[];
  readonly #products: readonly Product[];
  readonly #orders: readonly Map<number, OrderState>[];
  readonly #answers: (readonly Answered[])[];
  readonly #toSend: number[];
  readonly #copies: EdgeCopies;
  readonly #asked = new Map<number, { readonly at: number; readonly view: View }>();
  readonly #writer: Writer;
  readonly #batches = new Map<number, Batch>();
  /** Of addresses, buyers, accounts and challenges. */
  readonly #limiters: readonly [Limiters, Limiters, Limiters, Limiters];
  /** By buyer: when the request under way was sent; how often it was repeated; whether a challenge was solved. */
  readonly #sentAt: Float64Array;
  readonly #repeats: Uint8Array;
  readonly #solved: Uint8Array;
  readonly #leavesAt: Float64Array;
  readonly #tokenMs: number[] = [];
  readonly #checkoutMs: number[] = [];
  readonly #deliveredMs: number[] = [];
  readonly #waiters: number[] = [];
  #lookPlan = 0;
  #lookRate = 0;
  #thinking = 0;
  #earlyLeft = 0;
  #staying = 0;
  #watching = 0;
  readonly #leaving: number[] = [];
  #unavailableSince = Number.POSITIVE_INFINITY;
  #soldOutAt: number | null = null;
  #lastPaidAt: number | null = null;
  #endsAt = 0;
  #arrived = 0;
  #nextArrival = Number.POSITIVE_INFINITY;
  #batchIds = 0;
  #writerDueAt = Number.POSITIVE_INFINITY;
  #pressure = 0;
  #tokensInTick = 0;
  #scriptTokensLeft = 0;
  #mostWaiting = 0;
  #longestWait = 0;
  #events = 0;
  readonly #paces = {
    open: productPaceMs("open"),
    upcoming: productPaceMs("upcoming"),
    heldOut: productPaceMs("held-out"),
    soldOut: productPaceMs("sold-out"),
    order: orderPaceMs(),
  };
  readonly #scripts: number;

  constructor(sale: PlannedSale, rules: GatewayRules, times: ServiceTimes) {
    this.#sale = sale;
    this.#rules = rules;
    this.#times = times;
    this.#random = seededRandom(sale.seed);
    const { crowd, round, places } = sale;
    this.#scripts = Math.round(crowd.buyers * crowd.attackShare);
    this.#arrivals = arrivals(crowd.arrival, crowd.buyers - this.#scripts, crowd.arrivalMs, this.#random);
    const machine = places.topology === "machine" ? new Processor() : null;
    this.#machine = machine;
    const shards = Array.from({ length: places.shards }, (_, shard) => shard);
    this.#processors = shards.map(() => machine ?? new Processor());
    this.#orders = shards.map(() => new Map<number, OrderState>());
    const options = { quantity: round.quantity, holdMs: round.holdMs, commitMs: places.commitMs };
    const leastCallMs = places.objectPerSecond === null ? 0 : 1000 / places.objectPerSecond;
    this.#products = shards.map((shard) => {
      const stock = Math.floor(round.stock / shards.length) + (shard < round.stock % shards.length ? 1 : 0);
      const [processor, orders] = [this.#processors[shard] ?? new Processor(), this.#orders[shard] ?? new Map()];
      return new Product({ ...options, stock, leastCallMs }, times, processor, orders);
    });
    this.#answers = shards.map(() => []);
    this.#toSend = shards.map(() => 0);
    this.#copies = new EdgeCopies(places.isolates * shards.length, rules.copyMaxAgeMs);
    this.#writer = new Writer(rules.batch);
    const limiters = (objects: number) => new Limiters(objects, Math.max(times.limiterTake, leastCallMs));
    this.#limiters = [
      limiters(rules.limiterShards),
      limiters(rules.limiterShards),
      limiters(ACCOUNT_SHARDS),
      limiters(CHALLENGE_SHARDS),
    ];
    this.#sentAt = new Float64Array(crowd.buyers);
    this.#repeats = new Uint8Array(crowd.buyers);
    this.#solved = new Uint8Array(crowd.buyers);
    this.#leavesAt = new Float64Array(crowd.buyers);
  }

  run(): SimulatedSale {
    this.#begin();
    const heap = this.#heap;
    for (;;) {
      if (this.#nextArrival <= heap.nextAt) {
        if (this.#nextArrival === Number.POSITIVE_INFINITY) break;
        this.#arrive(this.#nextArrival, this.#arrived++);
        this.#nextArrival = this.#arrivals.next().value ?? Number.POSITIVE_INFINITY;
      } else {
        if (!heap.next() || heap.at > LONGEST_MS) break;
        this.#happen(heap.kind, heap.at, heap.subject);
      }
      this.#events++;
    }
    return this.#result();
  }

  /** What stands before the opening, and those who click at once. */
  #begin(): void {
    const { crowd } = this.#sale;
    const people = crowd.buyers - this.#scripts;
    const early = Math.round(people * crowd.waitingShare);
    const late = people - early;
    this.#count("productRead", -1, early);
    this.#count("timeRead", -1, crowd.buyers === 0 ? 0 : early * crowd.timeReads);
    this.#count("productRead", -1, Math.round((early * crowd.waitingMs) / this.#paces.upcoming));
    // Every page that is open looks again right after the opening.
    this.#count("productRead", OPENING_JITTER_MS / 2, early);
    this.#thinking = early;
    this.#earlyLeft = early;
    for (let script = 0; script < this.#scripts; script++) {
      this.#heap.plan(this.#exponential(SCRIPT_CLICK_MS), CLICK, late + early + script);
    }
    this.#nextArrival = this.#arrivals.next().value ?? Number.POSITIVE_INFINITY;
    if (this.#hasRates()) this.#heap.plan(0, TICK, 0);
  }

  #happen(kind: number, now: number, subject: number): void {
    switch (kind) {
      case CLICK:
        this.#thinking -= Number(subject < this.#sale.crowd.buyers - this.#scripts);
        return this.#askToken(now, subject);
      case TOKEN_ANSWER:
        return this.#tokenAnswered(now, subject);
      case SOLVED:
        return this.#askToken(now, subject);
      case HOLD_COMES:
        return this.#comes(now, subject, HOLD_TAKEN, "holdCall");
      case REPLAY_COMES:
        return this.#comes(now, subject, REPLAY_TAKEN, "holdCall");
      case HOLD_TAKEN:
        return this.#taken(now, subject, "hold");
      case REPLAY_TAKEN:
        return this.#taken(now, subject, "replay");
      case PAY_TAKEN:
        return this.#taken(now, subject, "pay");
      case CANCEL_TAKEN:
        return this.#taken(now, subject, "cancel");
      case HOLD_ANSWER:
        return this.#held(now, subject);
      case PAY:
        return this.#call(now, subject, "payment", PAY_COMES);
      case CANCEL:
        return this.#call(now, subject, "cancel", CANCEL_COMES);
      case PAY_COMES:
        return this.#comes(now, subject, PAY_TAKEN, "payCall");
      case CANCEL_COMES:
        return this.#comes(now, subject, CANCEL_TAKEN, "cancelCall");
      case COMMITTED:
        return this.#committed(now, subject);
      case RELEASE:
        return this.#release(now, subject);
      case VIEW_COMES:
        return this.#viewComes(now, subject);
      case VIEW_ANSWER:
        return this.#viewAnswered(now, subject);
      case TOUCH:
        return void this.#meet(now, subject);
      case WRITER_DUE:
        this.#writerDueAt = Number.POSITIVE_INFINITY;
        return this.#write(now);
      case WRITTEN:
        return this.#written(now, subject);
      case JOIN:
        return this.#join(now, subject);
      case TICK:
        return this.#tick(now);
      case LOOK:
        return this.#look(now, subject);
      default:
        throw new Error(`No such kind of event: ${kind}`);
    }
  }

  // --- people ---------------------------------------------------------------------------------------------------------

  /** Somebody comes to the page, or looks up from one that has been open. */
  #arrive(now: number, index: number): void {
    const { crowd } = this.#sale;
    const left = crowd.buyers - this.#scripts - index;
    const wasThere = this.#random.next() * left < this.#earlyLeft;
    if (wasThere) {
      this.#earlyLeft--;
      this.#thinking--;
      // The page knows what its last look told it.
      if (now - this.#unavailableSince > this.#random.next() * this.#paces.open) return this.#disappointed(now, index);
      return this.#askToken(now, index);
    }
    this.#count("productRead", now);
    if (crowd.timeReads > 0) this.#count("timeRead", now, crowd.timeReads);
    const copy = this.#copyFor(index);
    const readAt = this.#work(this.#meet(now, copy), this.#times.worker.productRead);
    const askedAt = this.#work(readAt, crowd.timeReads * this.#times.worker.timeRead);
    if (this.#copies.decide(copy, now) !== "ask") return this.#disappointed(now, index);
    this.#thinking++;
    this.#heap.plan(askedAt + this.#sale.places.edgeTripMs + this.#exponential(crowd.thinkMs), CLICK, index);
  }

  #askToken(now: number, buyer: number): void {
    const { round, places } = this.#sale;
    const copy = this.#copyFor(buyer);
    const metAt = this.#meet(now, copy);
    const decision = this.#copies.decide(copy, now);
    this.#sentAt[buyer] ||= now;
    if (decision !== "ask") {
      this.#count("refusalAtEdge", now);
      this.#work(metAt, this.#times.worker.refusalAtEdge);
      return this.#disappointed(now, buyer);
    }
    this.#tokensInTick++;
    const isSolved = this.#solved[buyer] === 1;
    const kind = round.challenge === "none" ? "tokenIssue" : isSolved ? "tokenSolved" : "challengeIssue";
    this.#count(kind, now);
    const limitedAt = this.#limit(metAt, buyer, kind, now);
    if (limitedAt === null) return this.#unlimited(now, buyer);
    const doneAt =
      this.#machine === null ? limitedAt + this.#times.worker[kind] : this.#work(metAt, this.#times.worker[kind]);
    this.#heap.plan(doneAt + places.edgeTripMs, TOKEN_ANSWER, buyer);
  }

  /**
   * Calls to limiter objects: the address's and the buyer's at once, then accounts, then the challenge's. Null when the buyer's
   * object did not answer within the time that the gateway gives it.
   */
  #limit(at: number, buyer: number, kind: "tokenIssue" | "tokenSolved" | "challengeIssue", now: number): number | null {
    const { clientTake, buyerTake, accountsTake, storeTimeoutMs } = this.#rules;
    const { objectTripMs } = this.#sale.places;
    const isCloud = this.#machine === null;
    const [client, owner, accounts, challenge] = this.#limiters;
    // Where a challenge stands before the token, limits by address give way.
    const isClientCounted = clientTake && this.#sale.round.challenge === "none";
    let doneAt = at;
    if (isClientCounted) {
      this.#count("clientTake", now);
      // By default who cannot be counted in time gets a local budget: slow, but let on.
      const answeredAt = client.take(at, buyer ^ OTHER_OWNER) + objectTripMs;
      if (isCloud) doneAt = Math.max(doneAt, Math.min(answeredAt, at + storeTimeoutMs));
    }
    if (buyerTake) {
      this.#count("buyerTake", now);
      const answeredAt = owner.take(at, buyer) + objectTripMs;
      if (isCloud && answeredAt > at + storeTimeoutMs) return null;
      if (isCloud) doneAt = Math.max(doneAt, answeredAt);
    }
    if (accountsTake) {
      this.#count("accountsTake", now);
      const answeredAt = accounts.take(doneAt, buyer) + objectTripMs;
      if (isCloud) doneAt = Math.min(answeredAt, doneAt + ACCOUNTS_BUDGET_MS);
    }
    if (kind === "tokenSolved") {
      this.#count("challengeTake", now);
      const answeredAt = challenge.take(doneAt, buyer) + objectTripMs;
      if (isCloud) doneAt = answeredAt;
    }
    return doneAt;
  }

  /** `limiter-unavailable`: the page asks again some times, then the buyer hears it. */
  #unlimited(now: number, buyer: number): void {
    this.#count("limiterUnavailable", now);
    const waitMs = this.#repeatAfter(buyer, LIMITER_RETRY_MS);
    if (waitMs === null) return this.#disappointed(now, buyer);
    this.#heap.plan(now + this.#rules.storeTimeoutMs + waitMs, SOLVED, buyer);
  }

  #tokenAnswered(now: number, buyer: number): void {
    const { round } = this.#sale;
    if (round.challenge === "pow" && this.#solved[buyer] === 0) {
      this.#solved[buyer] = 1;
      const { least, most, fullPressurePerSecond } = this.#rules.trials;
      const pressed = Math.min(1, this.#pressure / this.#sale.places.isolates / fullPressurePerSecond);
      const trials = least + pressed * (most - least);
      const luck =
        (COUNTER_LEAST_SHARE + this.#random.next() * (1 - COUNTER_LEAST_SHARE)) / ((1 + COUNTER_LEAST_SHARE) / 2);
      return this.#heap.plan(now + round.solveMs * (trials / least) * luck, SOLVED, buyer);
    }
    this.#tokenMs.push(now - (this.#sentAt[buyer] ?? now));
    this.#checkOut(now, buyer);
  }

  #checkOut(now: number, buyer: number): void {
    const copy = this.#copyFor(buyer);
    this.#sentAt[buyer] = now;
    const metAt = this.#meet(now, copy);
    if (this.#copies.decide(copy, now) !== "ask") {
      this.#count("checkoutRefused", now);
      this.#work(metAt, this.#times.worker.checkoutRefused);
      return this.#disappointed(now, buyer);
    }
    this.#call(now, buyer, "hold", HOLD_COMES, metAt);
    if (this.#random.next() < this.#sale.crowd.doubleShare) this.#call(now, buyer, "hold", REPLAY_COMES, metAt);
  }

  #held(now: number, buyer: number): void {
    const { crowd, round } = this.#sale;
    const state = this.#ordersOf(buyer).get(buyer);
    if (state === undefined || state === "none") return this.#disappointed(now, buyer);
    this.#checkoutMs.push(now - (this.#sentAt[buyer] ?? now));
    const isWatching = this.#random.next() < crowd.watchingShare;
    if (isWatching) this.#watching++;
    const fate = this.#random.next();
    // Whoever means to pay or to give back does so while the hold runs.
    const share = 1 - Math.exp(-round.holdMs / Math.max(1, crowd.payAfterMs));
    const after = -Math.max(1, crowd.payAfterMs) * Math.log(1 - this.#random.next() * share);
    if (fate < crowd.payShare) this.#heap.plan(now + after, PAY, buyer);
    else if (fate < crowd.payShare + crowd.cancelShare) this.#heap.plan(now + after, CANCEL, buyer);
    if (isWatching) this.#leaveAt(now + (fate < crowd.payShare + crowd.cancelShare ? after : round.holdMs), "watching");
  }

  /** Nothing to be had: waits for a unit to come back while some are held, or goes. */
  #disappointed(now: number, buyer: number): void {
    const { crowd } = this.#sale;
    this.#sentAt[buyer] = 0;
    const isWorthWaiting = this.#products.some(({ held }) => held > 0) && crowd.patienceMs > 0;
    if (!isWorthWaiting) {
      this.#staying++;
      return this.#leaveAt(now + crowd.stayMs, "staying");
    }
    this.#leavesAt[buyer] ||= now + crowd.patienceMs;
    if ((this.#leavesAt[buyer] ?? 0) <= now) return;
    this.#waiters.push(buyer);
    this.#letWaitersLook(now);
  }

  #leaveAt(at: number, from: "staying" | "watching"): void {
    const tick = Math.ceil(at / TICK_MS) * 2 + (from === "staying" ? 0 : 1);
    this.#leaving[tick] = (this.#leaving[tick] ?? 0) + 1;
  }

  /**
   * The next look of somebody who waits, at a copy that says yes; others decide nothing and are counted by their rate. Planned
   * anew whenever more or fewer copies say yes, or more wait: an exponential wait has no memory, so nothing is lost by that.
   */
  #letWaitersLook(now: number): void {
    const share = this.#copies.openShare;
    if (this.#waiters.length === 0 || share === 0) {
      this.#lookPlan++;
      this.#lookRate = 0;
      return;
    }
    const rate = (this.#waiters.length * share) / this.#paces.heldOut;
    if (Math.abs(rate - this.#lookRate) <= rate * LOOK_RATE_ERROR) return;
    this.#lookRate = rate;
    this.#heap.plan(now + this.#exponential(1 / rate), LOOK, ++this.#lookPlan);
  }

  #look(now: number, plan: number): void {
    if (plan !== this.#lookPlan) return;
    this.#lookRate = 0;
    const place = Math.floor(this.#random.next() * this.#waiters.length);
    const buyer = this.#waiters[place];
    if (buyer === undefined) return;
    this.#waiters[place] = this.#waiters.at(-1) ?? buyer;
    this.#waiters.pop();
    if ((this.#leavesAt[buyer] ?? 0) > now) {
      if (buyer < this.#sale.crowd.buyers - this.#scripts) this.#thinking++;
      this.#heap.plan(now + this.#exponential(WAITER_CLICK_MS), CLICK, buyer);
    }
    this.#letWaitersLook(now);
  }

  // --- the Worker and its calls -----------------------------------------------------------------------------------------

  /** A request of the Worker that calls the product object: `comes` is when the call arrives there. */
  #call(now: number, buyer: number, what: "hold" | "payment" | "cancel", comes: number, metAt = now): void {
    this.#count(what, now);
    const { edgeTripMs, objectTripMs } = this.#sale.places;
    const worker = what === "hold" ? this.#times.worker.hold : this.#times.worker.payment;
    const sentAt = this.#work(metAt, worker);
    this.#heap.plan(sentAt + edgeTripMs / 2 + objectTripMs / 2, comes, buyer);
  }

  /** The Worker's own work: on the one machine it waits its turn, in the cloud there is always another isolate. */
  #work(at: number, ms: number): number {
    return this.#machine === null ? at + ms : this.#machine.done(at, ms);
  }

  #copyFor(buyer: number): number {
    const isolate = Math.floor(this.#random.next() * this.#sale.places.isolates);
    return isolate * this.#products.length + this.#shardOf(buyer);
  }

  #shardOf(buyer: number): number {
    return (Math.imul(buyer, 2654435761) >>> 0) % this.#products.length;
  }

  #ordersOf(buyer: number): Map<number, OrderState> {
    return this.#orders[this.#shardOf(buyer)] ?? new Map();
  }

  /** A request meets its isolate's copy, and sees to it that it is fetched; when the request may go on. */
  #meet(now: number, copy: number): number {
    const freshness = this.#copies.meet(copy, now);
    if (freshness === "fresh") return now;
    const { objectTripMs } = this.#sale.places;
    if (freshness === "refresh") {
      this.#heap.plan(now + objectTripMs / 2, VIEW_COMES, copy);
      return now;
    }
    const product = this.#product(copy % this.#products.length);
    this.#count("viewCall", now);
    if (this.#isFull(copy % this.#products.length, now)) return now;
    const answeredAt = product.take(now) + objectTripMs;
    this.#copies.keep(copy, product.view(), now);
    this.#letWaitersLook(now);
    return answeredAt;
  }

  #viewComes(now: number, copy: number): void {
    const product = this.#product(copy % this.#products.length);
    const { objectTripMs } = this.#sale.places;
    this.#count("viewCall", now);
    if (this.#isFull(copy % this.#products.length, now)) return;
    this.#asked.set(copy, { at: now - objectTripMs / 2, view: product.view() });
    this.#heap.plan(product.take(now) + objectTripMs / 2, VIEW_ANSWER, copy);
  }

  /** Whether the platform would refuse a call for the object. */
  #isFull(shard: number, now: number): boolean {
    return this.#machine === null && (this.#processors[shard]?.waitMs(now) ?? 0) > OBJECT_QUEUE_MS;
  }

  #viewAnswered(now: number, copy: number): void {
    const asked = this.#asked.get(copy);
    if (asked === undefined) return;
    this.#asked.delete(copy);
    this.#copies.keep(copy, asked.view, asked.at);
    this.#letWaitersLook(now);
  }

  /** Pages that nobody is simulated for meet copies, too, and keep them fresh. */
  #touchCopies(now: number, looks: number): void {
    const share = 1 - Math.exp(-looks / this.#copies.size);
    for (let copy = 0; copy < this.#copies.size; copy++) {
      const from = Math.max(now, this.#copies.refreshableAt(copy));
      if (from >= now + TICK_MS || this.#random.next() >= share) continue;
      this.#heap.plan(from + this.#random.next() * (now + TICK_MS - from), TOUCH, copy);
    }
  }

  // --- the product object ----------------------------------------------------------------------------------------------

  #product(shard: number): Product {
    const product = this.#products[shard];
    if (product === undefined) throw new Error(`No product object ${shard}`);
    return product;
  }

  #comes(now: number, buyer: number, taken: number, counted: Counted): void {
    const shard = this.#shardOf(buyer);
    this.#count(counted, now);
    const waitMs = this.#processors[shard]?.waitMs(now) ?? 0;
    this.#longestWait = Math.max(this.#longestWait, waitMs);
    if (this.#isFull(shard, now)) return this.#busy(now, buyer, KINDS[taken] ?? "replay");
    this.#heap.plan(this.#product(shard).take(now), taken, buyer);
  }

  #taken(now: number, buyer: number, kind: "hold" | "replay" | "pay" | "cancel"): void {
    const shard = this.#shardOf(buyer);
    const product = this.#product(shard);
    if (!product.submit({ kind, subject: buyer })) return this.#busy(now, buyer, kind);
    this.#mostWaiting = Math.max(this.#mostWaiting, product.waiting);
    this.#join(now, shard);
  }

  /** Commands that were taken in are committed, unless a commit is under way. */
  #join(now: number, shard: number): void {
    const product = this.#product(shard);
    const commit = product.commit(now);
    if (commit === undefined) return;
    this.#count("commits", now);
    if (commit.expired > 0) this.#count("expired", now, commit.expired);
    this.#answers[shard] = commit.answers;
    this.#toSend[shard] = commit.events;
    this.#noteStock(now);
    this.#heap.plan(commit.durableAt, COMMITTED, shard);
  }

  #committed(now: number, shard: number): void {
    const product = this.#product(shard);
    const { edgeTripMs, objectTripMs } = this.#sale.places;
    const tripMs = edgeTripMs / 2 + objectTripMs / 2;
    product.committed();
    for (const { kind, subject, outcome } of this.#answers[shard] ?? []) {
      if (kind === "hold") {
        this.#count(outcome === "held" ? "held" : "refusedByObject", now);
        // A refusal that the copy did not know of: the isolate asks again.
        if (outcome === "refused") this.#copies.forget(this.#copyFor(subject));
        this.#heap.plan(now + tripMs, HOLD_ANSWER, subject);
      } else if (kind === "pay" || kind === "cancel") {
        const state = this.#orders[shard]?.get(subject);
        if (kind === "pay" && state === "paid") {
          this.#count("paid", now);
          this.#lastPaidAt = now;
        }
        if (kind === "pay" && state === "refund-due") this.#count("refundDue", now);
        if (kind === "cancel" && state === "cancelled") this.#count("cancelled", now);
        // The isolate that heard of the change asks anew.
        this.#copies.forget(this.#copyFor(subject));
      }
    }
    const events = this.#toSend[shard] ?? 0;
    if (events > 0) {
      this.#count("events", now, events);
      this.#count("messages", now, events);
      this.#writer.send({ shard, at: now, events });
      this.#write(now);
    }
    this.#planRelease(now, shard);
    this.#letWaitersLook(now);
    this.#join(now, shard);
  }

  readonly #releaseAt: number[] = [];

  /** The object's alarm. It is set to the first hold's end, and looks again when that was paid meanwhile. */
  #planRelease(now: number, shard: number): void {
    // A commit under way looks itself when it is durable.
    if (this.#product(shard).isCommitting) return;
    const at = this.#product(shard).nextReleaseAt();
    if (at === Number.POSITIVE_INFINITY || (this.#releaseAt[shard] ?? Number.POSITIVE_INFINITY) <= at) return;
    this.#releaseAt[shard] = at;
    this.#heap.plan(Math.max(at, now), RELEASE, shard);
  }

  #release(now: number, shard: number): void {
    this.#releaseAt[shard] = Number.POSITIVE_INFINITY;
    const product = this.#product(shard);
    this.#count("alarmCall", now);
    if (product.nextReleaseAt() <= now) {
      product.take(now);
      product.submit({ kind: "sweep", subject: 0 });
      this.#join(now, shard);
    }
    this.#planRelease(now, shard);
  }

  #noteStock(now: number): void {
    const isAvailable = this.#products.some(({ available }) => available >= this.#sale.round.quantity);
    if (isAvailable) this.#unavailableSince = Number.POSITIVE_INFINITY;
    else {
      this.#soldOutAt ??= now;
      this.#unavailableSince = Math.min(this.#unavailableSince, now);
    }
  }

  /** Told to come again: the page repeats some times, then the buyer hears it. */
  #busy(now: number, buyer: number, kind: "hold" | "replay" | "pay" | "cancel"): void {
    this.#count("overloaded", now);
    switch (kind) {
      case "replay":
        return;
      case "pay":
        // The origin tells of a payment until it is heard.
        return this.#heap.plan(now + ORIGIN_REPEAT_MS * (0.5 + this.#random.next()), PAY, buyer);
      case "hold":
      case "cancel": {
        const waitMs = this.#repeatAfter(buyer, BUSY_RETRY_MS);
        if (waitMs === null) return kind === "hold" ? this.#disappointed(now, buyer) : undefined;
        if (kind === "hold") this.#count("hold", now + waitMs);
        return this.#heap.plan(now + waitMs, kind === "hold" ? HOLD_COMES : CANCEL, buyer);
      }
    }
  }

  /** As client/retry.ts has it; null when the page has repeated often enough. */
  #repeatAfter(buyer: number, retryAfterMs: number): number | null {
    const repeats = this.#repeats[buyer] ?? 0;
    if (repeats >= MOST_REPEATS) return null;
    this.#repeats[buyer] = repeats + 1;
    const backOffMs = FIRST_REPEAT_MS * REPEAT_GROWTH ** repeats * (0.5 + this.#random.next() / 2);
    return Math.max(retryAfterMs + this.#random.next() * REPEAT_JITTER_MS, backOffMs);
  }

  // --- the way to Postgres ---------------------------------------------------------------------------------------------

  #write(now: number): void {
    for (let batch = this.#writer.take(now); batch !== undefined; batch = this.#writer.take(now)) {
      const id = this.#batchIds++;
      this.#batches.set(id, batch);
      this.#count("batches", now);
      const { transactionMs, transactionEventMs } = this.#sale.places;
      const begunAt = this.#machine?.done(now, this.#times.writerBatch + batch.events * this.#times.writerEvent) ?? now;
      this.#heap.plan(begunAt + transactionMs + batch.events * transactionEventMs, WRITTEN, id);
    }
    const dueAt = Math.max(now, this.#writer.dueAt());
    if (dueAt < this.#writerDueAt && dueAt > now) {
      this.#writerDueAt = dueAt;
      this.#heap.plan(dueAt, WRITER_DUE, 0);
    }
  }

  #written(now: number, id: number): void {
    const batch = this.#batches.get(id);
    if (batch === undefined) return;
    this.#batches.delete(id);
    this.#writer.done();
    for (const [shard, events] of batch.byShard) {
      const product = this.#product(shard);
      this.#count("acknowledgeCall", now);
      const takenAt = product.take(now + this.#sale.places.objectTripMs / 2);
      product.submit({ kind: "acknowledge", subject: events });
      this.#heap.plan(takenAt, JOIN, shard);
    }
    for (const { at, events } of batch.parts)
      for (let event = 0; event < events; event++) this.#deliveredMs.push(now - at);
    this.#endsAt = Math.max(this.#endsAt, now);
    this.#write(now);
  }

  // --- what is counted by rates ------------------------------------------------------------------------------------------

  #hasRates(): boolean {
    const { crowd } = this.#sale;
    const people = crowd.waitingShare + crowd.thinkMs + crowd.stayMs + crowd.patienceMs + crowd.watchingShare;
    return people > 0 || (this.#scripts > 0 && crowd.attackPerSecond > 0) || this.#sale.places.isolates > 0;
  }

  /** Looks of pages that are only open, a millisecond; those who wait are simulated while there is something to see. */
  #looksPerMs(): number {
    const isAvailable = this.#unavailableSince === Number.POSITIVE_INFINITY;
    const isHeld = this.#products.some(({ held }) => held > 0);
    const pace = isAvailable ? this.#paces.open : isHeld ? this.#paces.heldOut : this.#paces.soldOut;
    const waiting = this.#waiters.length / this.#paces.heldOut;
    return this.#thinking / pace + this.#staying / this.#paces.soldOut + waiting;
  }

  #tick(now: number): void {
    const { crowd, places } = this.#sale;
    const tick = Math.round(now / TICK_MS);
    this.#staying -= this.#leaving[tick * 2] ?? 0;
    this.#watching -= this.#leaving[tick * 2 + 1] ?? 0;
    if (now % 1000 === 0) this.#letGo(now);
    const looks = this.#looksPerMs() * TICK_MS;
    this.#count("productRead", now, looks);
    this.#work(now, looks * this.#times.worker.productRead);
    this.#lookAtOrders(now);
    this.#flood(now);
    // Isolates in use ask the control object once a second.
    const requests = looks + this.#tokensInTick;
    const inUse = Math.min(places.isolates, requests * (CONTROL_REFRESH_MS / TICK_MS));
    this.#count("snapshotCall", now, (inUse * TICK_MS) / CONTROL_REFRESH_MS);
    this.#pressure *= Math.exp(-TICK_MS / PRESSURE_MEMORY_MS);
    this.#pressure += this.#tokensInTick * (1000 / PRESSURE_MEMORY_MS);
    this.#tokensInTick = 0;
    if (looks > 0) this.#touchCopies(now, looks);
    if (looks > 0 || this.#watching > 0) this.#endsAt = Math.max(this.#endsAt, now);
    const isFloodOn = this.#scripts > 0 && crowd.attackPerSecond > 0 && now < crowd.arrivalMs;
    const goesOn = this.#nextArrival !== Number.POSITIVE_INFINITY || this.#heap.size > 0 || isFloodOn;
    if (goesOn || this.#staying + this.#waiters.length + this.#watching > 0) this.#heap.plan(now + TICK_MS, TICK, 0);
  }

  /** Those whose patience is over. */
  #letGo(now: number): void {
    let kept = 0;
    for (const buyer of this.#waiters) if ((this.#leavesAt[buyer] ?? 0) > now) this.#waiters[kept++] = buyer;
    this.#waiters.length = kept;
  }

  #lookAtOrders(now: number): void {
    const looks = (this.#watching * TICK_MS) / this.#paces.order;
    if (looks <= 0) return;
    this.#count("orderRead", now, looks);
    this.#count("orderCall", now, looks);
    this.#work(now, looks * this.#times.worker.orderRead);
    for (const product of this.#products) product.take(now, looks / this.#products.length);
  }

  /** Scripts beyond their own purchase: tokens up to their limit, then refusals that the isolates remember. */
  #flood(now: number): void {
    const { crowd } = this.#sale;
    if (this.#scripts === 0 || crowd.attackPerSecond === 0 || now >= crowd.arrivalMs) return;
    const limit = this.#rules.tokensPerBuyer;
    if (limit !== null && now % (limit.perSeconds * 1000) === 0) this.#scriptTokensLeft = this.#scripts * limit.limit;
    const requests = (this.#scripts * crowd.attackPerSecond * TICK_MS) / 1000;
    const isOpen = this.#unavailableSince === Number.POSITIVE_INFINITY;
    const counted = isOpen ? (limit === null ? requests : Math.min(requests, this.#scriptTokensLeft)) : 0;
    this.#scriptTokensLeft -= counted;
    this.#count(this.#sale.round.challenge === "none" ? "tokenIssue" : "challengeIssue", now, counted);
    if (this.#rules.clientTake && this.#sale.round.challenge === "none") this.#count("clientTake", now, counted);
    if (this.#rules.buyerTake) this.#count("buyerTake", now, counted);
    if (this.#rules.accountsTake) this.#count("accountsTake", now, counted);
    this.#count("refusalAtEdge", now, requests - counted);
  }

  // --- the end -----------------------------------------------------------------------------------------------------------

  #count(what: Counted, at: number, count = 1): void {
    if (count <= 0) return;
    this.#tally.add(what, at, count);
    this.#endsAt = Math.max(this.#endsAt, at);
  }

  #exponential(mean: number): number {
    return mean <= 0 ? 0 : -Math.log(1 - this.#random.next()) * mean;
  }

  #result(): SimulatedSale {
    const sum = (key: "paid" | "held" | "available"): number =>
      this.#products.reduce((total, product) => total + product[key], 0);
    const units = { paid: sum("paid"), held: sum("held"), available: sum("available") };
    return {
      tally: this.#tally,
      soldOutAtMs: this.#soldOutAt,
      allPaidAtMs: units.paid === this.#sale.round.stock ? this.#lastPaidAt : null,
      endsAtMs: this.#endsAt,
      units,
      tokenMs: percentiles(this.#tokenMs),
      checkoutMs: percentiles(this.#checkoutMs),
      deliveredMs: percentiles(this.#deliveredMs),
      mostWaiting: this.#mostWaiting,
      longestWaitMs: this.#longestWait,
      limiterPeakPerSecond: Math.max(...this.#limiters.map(({ peakPerSecond }) => peakPerSecond)),
      eventsSimulated: this.#events,
    };
  }
}

/** Objects that a sale wakes at most, of each kind, besides those of the product. */
export function limiterObjects(rules: GatewayRules, challenge: "pow" | "none"): number {
  const isClientCounted = rules.clientTake && challenge === "none";
  return (
    rules.limiterShards * (Number(isClientCounted) + Number(rules.buyerTake)) +
    (rules.accountsTake ? ACCOUNT_SHARDS : 0) +
    (challenge === "pow" ? CHALLENGE_SHARDS : 0)
  );
}
