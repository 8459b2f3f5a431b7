/** The product objects' side of a simulated sale: calls that come, commits, holds that end, and who is told. */
import type { Delivery } from "./delivery.ts";
import type { Edge } from "./edge.ts";
import { HAPPENING } from "./happenings.ts";
import type { Purchase } from "./people.ts";
import type { Answered } from "./product.ts";
import type { Waiters } from "./waiters.ts";
import type { World } from "./world.ts";

const CALLS = {
  hold: { counted: "holdCall", taken: HAPPENING.HOLD_TAKEN },
  replay: { counted: "holdCall", taken: HAPPENING.REPLAY_TAKEN },
  pay: { counted: "payCall", taken: HAPPENING.PAY_TAKEN },
  cancel: { counted: "cancelCall", taken: HAPPENING.CANCEL_TAKEN },
} as const;

const NEVER = Number.POSITIVE_INFINITY;

export interface StockOptions {
  readonly edge: Edge;
  readonly waiters: Waiters;
  readonly delivery: Delivery;
  readonly busy: (now: number, buyer: number, what: Purchase) => void;
}

export class Stock {
  readonly #world: World;
  readonly #options: StockOptions;
  readonly #answers: (readonly Answered[])[] = [];
  readonly #events: number[] = [];
  readonly #restMs: number[] = [];
  /** By object: when its alarm is set to. */
  readonly #alarmAt: number[] = [];
  lastPaidAt: number | null = null;
  mostWaiting = 0;
  longestWaitMs = 0;

  constructor(world: World, options: StockOptions) {
    this.#world = world;
    this.#options = options;
  }

  comes(now: number, buyer: number, what: Purchase): void {
    const shard = this.#world.shardOf(buyer);
    this.#world.count(CALLS[what].counted, now);
    this.longestWaitMs = Math.max(this.longestWaitMs, this.#world.waitMs(shard, now));
    if (this.#world.isFull(shard, now)) return this.#options.busy(now, buyer, what);
    return this.#world.heap.plan(this.#world.product(shard).take(now), CALLS[what].taken, buyer);
  }

  taken(now: number, buyer: number, what: Purchase): void {
    const shard = this.#world.shardOf(buyer);
    const product = this.#world.product(shard);
    if (!product.submit({ kind: what, subject: buyer })) return this.#options.busy(now, buyer, what);
    this.mostWaiting = Math.max(this.mostWaiting, product.waiting);
    return this.join(now, shard);
  }

  /** What was taken in is committed, unless a commit is under way. */
  join(now: number, shard: number): void {
    const commit = this.#world.product(shard).commit(now);
    if (commit === undefined) return;
    this.#world.count("commits", now);
    if (commit.events > 0) this.#world.count("changingCommits", now);
    this.#world.count("expired", now, commit.expired);
    this.#answers[shard] = commit.answers;
    this.#events[shard] = commit.events;
    this.#restMs[shard] = commit.restMs;
    this.#world.noteStock(now);
    this.#world.heap.plan(commit.durableAt, HAPPENING.COMMITTED, shard);
  }

  /** Its answers leave at once, whenever the next commit begins. */
  committed(now: number, shard: number): void {
    for (const answered of this.#answers[shard] ?? []) this.#answer(now, answered);
    const events = this.#events[shard] ?? 0;
    if (events > 0) this.#options.delivery.send(now, shard, events);
    this.#options.waiters.planLook(now);
    const restMs = this.#restMs[shard] ?? 0;
    if (restMs === 0) this.rested(now, shard);
    else this.#world.heap.plan(now + restMs, HAPPENING.COMMIT_RESTED, shard);
  }

  rested(now: number, shard: number): void {
    this.#world.product(shard).committed();
    this.#setAlarm(now, shard);
    this.join(now, shard);
  }

  #answer(now: number, { kind, subject, outcome }: Answered): void {
    const { copies, heap, sale } = this.#world;
    if (kind === "hold") {
      this.#world.count(outcome === "held" ? "held" : "refusedByObject", now);
      const { edgeTripMs, objectTripMs } = sale.places;
      heap.plan(now + edgeTripMs / 2 + objectTripMs / 2, HAPPENING.HOLD_ANSWER, subject);
      // A refusal that the copy did not know of: the isolate asks again.
      if (outcome === "refused") copies.forget(this.#options.edge.copyFor(subject));
    }
    if (kind !== "pay" && kind !== "cancel") return;
    const state = this.#world.orderOf(subject);
    if (kind === "pay" && state === "paid") {
      this.#world.count("paid", now);
      this.lastPaidAt = now;
    }
    if (kind === "pay" && state === "refund-due") this.#world.count("refundDue", now);
    if (kind === "cancel" && state === "cancelled") this.#world.count("cancelled", now);
    // The isolate that heard of the change asks anew.
    copies.forget(this.#options.edge.copyFor(subject));
  }

  /** The alarm is set to the first hold's end, and looks again when that was paid meanwhile. */
  #setAlarm(now: number, shard: number): void {
    const product = this.#world.product(shard);
    // A commit under way sets it when it is durable.
    if (product.isCommitting) return;
    const at = product.nextReleaseAt();
    if (at === NEVER || (this.#alarmAt[shard] ?? NEVER) <= at) return;
    this.#alarmAt[shard] = at;
    this.#world.heap.plan(Math.max(at, now), HAPPENING.RELEASE, shard);
  }

  release(now: number, shard: number): void {
    this.#alarmAt[shard] = NEVER;
    const product = this.#world.product(shard);
    this.#world.count("alarmCall", now);
    if (product.nextReleaseAt() <= now) {
      product.take(now);
      product.submit({ kind: "sweep", subject: 0 });
      this.join(now, shard);
    }
    this.#setAlarm(now, shard);
  }
}
