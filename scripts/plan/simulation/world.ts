/** What all parts of a simulated sale share: the clock's heap, the dice, the counts, the objects and the copies of them. */
import { type Random, seededRandom } from "../../rush/random.ts";
import type { GatewayRules } from "../gateway-rules.ts";
import type { RequestKind } from "../costs.ts";
import type { PlannedSale } from "../model.ts";
import { orderPaceMs, productPaceMs } from "../watching.ts";
import { EdgeCopies } from "./edge-copies.ts";
import { EventHeap } from "./event-heap.ts";
import { OBJECT_QUEUE_MS, spread } from "./limiters.ts";
import { Processor } from "./processor.ts";
import { type OrderState, Product } from "./product.ts";
import type { ServiceTimes } from "./service-times.ts";
import { type Counted, Tally } from "./tally.ts";
import { Thread } from "./thread.ts";

/**
 * An idle processor forgets the program by e in so long. Tokens with a pause before each, against ones without (tenth percentiles of a hundred,
 * where others disturb least): 1.1 times the time after 1 ms, 1.7 after 2 ms, 2.2 after 5 ms, 2.5 after 10 ms, 2.6 after 20 ms. Milliseconds.
 */
const FORGETS_AFTER_MS = 3;

/** Mean times between two looks of a page. Milliseconds. */
interface Paces {
  readonly open: number;
  readonly upcoming: number;
  readonly heldOut: number;
  readonly soldOut: number;
  readonly order: number;
}

export class World {
  readonly sale: PlannedSale;
  readonly rules: GatewayRules;
  readonly times: ServiceTimes;
  readonly random: Random;
  readonly heap = new EventHeap();
  readonly tally = new Tally();
  /** The one thread of the one machine, and those who wait for it; null in the cloud. */
  readonly machine: Processor | null;
  readonly thread: Thread | null;
  readonly copies: EdgeCopies;
  /** The least that a call takes of an object's time. Milliseconds. */
  readonly leastCallMs: number;
  /** Buyers that are scripts: the last ones. */
  readonly scripts: number;
  readonly paces: Paces;
  readonly products: readonly Product[];
  readonly #processors: readonly Processor[];
  /** When the machine last did a request of the kind. */
  readonly #doneAt = new Map<RequestKind, number>();
  readonly #orders: readonly Map<number, OrderState>[];
  /** Since when nothing is available; infinite while something is. */
  unavailableSince = Number.POSITIVE_INFINITY;
  soldOutAt: number | null = null;
  endsAt = 0;

  constructor(sale: PlannedSale, rules: GatewayRules, times: ServiceTimes) {
    const { crowd, round, places } = sale;
    this.sale = sale;
    this.rules = rules;
    this.times = times;
    this.random = seededRandom(sale.seed);
    this.scripts = Math.round(crowd.buyers * crowd.attackShare);
    this.leastCallMs = places.objectPerSecond === null ? 0 : 1000 / places.objectPerSecond;
    const machine = places.topology === "machine" ? new Processor() : null;
    this.machine = machine;
    this.thread = machine === null ? null : new Thread(machine, this.heap);
    this.#processors = Array.from({ length: places.shards }, () => machine ?? new Processor());
    this.#orders = this.#processors.map(() => new Map<number, OrderState>());
    this.copies = new EdgeCopies(places.isolates * places.shards, rules.copyMaxAgeMs);
    this.paces = {
      open: productPaceMs("open"),
      upcoming: productPaceMs("upcoming"),
      heldOut: productPaceMs("held-out"),
      soldOut: productPaceMs("sold-out"),
      order: orderPaceMs(),
    };
    const { quantity, holdMs } = round;
    const options = { quantity, holdMs, commitMs: places.commitMs, leastCallMs: this.leastCallMs };
    this.products = this.#processors.map((processor, shard) => {
      const stock = Math.floor(round.stock / places.shards) + Number(shard < round.stock % places.shards);
      return new Product({ ...options, stock }, times, processor, this.#orders[shard] ?? new Map());
    });
  }

  product(shard: number): Product {
    const product = this.products[shard];
    if (product === undefined) throw new Error(`No product object ${shard}`);
    return product;
  }

  shardOf(buyer: number): number {
    return spread(buyer, this.products.length);
  }

  orderOf(buyer: number): OrderState {
    return this.#orders[this.shardOf(buyer)]?.get(buyer) ?? "none";
  }

  isScript(buyer: number): boolean {
    return buyer >= this.sale.crowd.buyers - this.scripts;
  }

  /** How long a call waits for the object's thread. */
  waitMs(shard: number, now: number): number {
    return this.#processors[shard]?.waitMs(now) ?? 0;
  }

  /** Whether the platform would refuse a call for the object. */
  isFull(shard: number, now: number): boolean {
    return this.machine === null && this.waitMs(shard, now) > OBJECT_QUEUE_MS;
  }

  /** The Worker's own work: on the one machine it waits its turn, in the cloud there is always another isolate. */
  work(at: number, ms: number): number {
    return this.machine === null ? at + ms : this.machine.done(at, ms);
  }

  /**
   * What a request takes beyond its work because it finds the machine idle, more the longer nobody has asked for the same: the processor
   * forgets within milliseconds what it does for it. Nothing in the cloud: what is known of one machine says nothing of many.
   */
  wake(at: number, kind: RequestKind): void {
    if (this.machine === null) return;
    const sinceMs = at - (this.#doneAt.get(kind) ?? Number.NEGATIVE_INFINITY);
    const { awake, rested, spread: deviation } = this.times.lone[kind];
    const isIdle = this.machine.idleMs(at) > 0;
    const medianMs = isIdle ? awake + rested * (1 - Math.exp(-sinceMs / FORGETS_AFTER_MS)) : 0;
    this.#doneAt.set(kind, this.machine.done(at, medianMs * Math.exp(deviation * this.#normal())));
  }

  count(what: Counted, at: number, count = 1): void {
    if (count <= 0) return;
    this.tally.add(what, at, count);
    this.endsAt = Math.max(this.endsAt, at);
  }

  exponential(mean: number): number {
    return mean <= 0 ? 0 : -Math.log(1 - this.random.next()) * mean;
  }

  /** Of mean 0 and variance 1 (Box and Muller, 1958). */
  #normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.random.next()));
    return radius * Math.cos(2 * Math.PI * this.random.next());
  }

  /** To be told after every change of the stock. */
  noteStock(now: number): void {
    if (this.products.some(({ available }) => available >= this.sale.round.quantity)) {
      this.unavailableSince = Number.POSITIVE_INFINITY;
      return;
    }
    this.soldOutAt ??= now;
    this.unavailableSince = Math.min(this.unavailableSince, now);
  }

  get isAvailable(): boolean {
    return this.unavailableSince === Number.POSITIVE_INFINITY;
  }

  get isHeld(): boolean {
    return this.products.some(({ held }) => held > 0);
  }
}
