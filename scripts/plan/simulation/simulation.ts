/**
 * A sale, event by event: people, edge, limiters, product objects, queue and writer, on a heap of what happens next.
 *
 * Everybody who wants a unit is simulated one by one, from the page to the payment; what decides nothing is counted by its rate
 * (rates.ts). Where a request meets an isolate, and who of those who wait looks first, is drawn at random from the seed.
 */
import { CHALLENGE_SHARDS, type GatewayRules } from "../gateway-rules.ts";
import type { PlannedSale } from "../model.ts";
import { arrivals } from "./arrivals.ts";
import { Delivery } from "./delivery.ts";
import { Edge } from "./edge.ts";
import { HAPPENING } from "./happenings.ts";
import { People } from "./people.ts";
import { Rates } from "./rates.ts";
import type { ServiceTimes } from "./service-times.ts";
import { Stock } from "./stock.ts";
import { percentiles, type Tally } from "./tally.ts";
import { Waiters } from "./waiters.ts";
import { World } from "./world.ts";

/** A script clicks so long after the opening, on average. Milliseconds. */
const SCRIPT_CLICK_MS = 100;
/** A sale that does not end is cut off here, in milliseconds since the opening. */
const LONGEST_MS = 24 * 3600 * 1000;

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

/** How far a simulation is: `atMs` after the opening, and how many have come by then. */
export interface SimulationProgress {
  readonly atMs: number;
  readonly arrived: number;
}

/** Told about every so many events: some tenths of a second. */
const TOLD_EVERY_EVENTS = 2 ** 18;

/** Simulates the sale to its end. The same sale, rules and times give the same answer. */
export function simulate(
  sale: PlannedSale,
  rules: GatewayRules,
  times: ServiceTimes,
  tell: (progress: SimulationProgress) => void = () => {},
): SimulatedSale {
  const { crowd } = sale;
  const world = new World(sale, rules, times);
  const people = crowd.buyers - world.scripts;
  const early = Math.round(people * crowd.waitingShare);
  const parts = assemble(world, early);
  parts.waiters.thinking = early;
  parts.rates.begin(early);
  for (let script = people; script < crowd.buyers; script++) {
    world.heap.plan(world.exponential(SCRIPT_CLICK_MS), HAPPENING.CLICK, script);
  }
  const coming = arrivals(crowd.arrival, people, crowd.arrivalMs, world.random);
  let arrived = 0;
  let nextArrival = coming.next().value ?? Number.POSITIVE_INFINITY;
  let events = 0;
  for (; ; events++) {
    if (events % TOLD_EVERY_EVENTS === TOLD_EVERY_EVENTS - 1) tell({ atMs: world.heap.at, arrived });
    if (nextArrival <= world.heap.nextAt) {
      if (nextArrival === Number.POSITIVE_INFINITY) break;
      parts.people.arrive(nextArrival, arrived, people - arrived);
      arrived++;
      nextArrival = coming.next().value ?? Number.POSITIVE_INFINITY;
    } else {
      if (!world.heap.next() || world.heap.at > LONGEST_MS) break;
      happen(world, parts, arrived < people);
    }
  }
  return outcome(world, parts, events);
}

interface Parts {
  readonly waiters: Waiters;
  readonly edge: Edge;
  readonly rates: Rates;
  readonly people: People;
  readonly delivery: Delivery;
  readonly stock: Stock;
}

function assemble(world: World, early: number): Parts {
  const waiters = new Waiters(world);
  const edge = new Edge(world, waiters);
  const rates = new Rates(world, edge, waiters);
  const people = new People(world, edge, waiters, rates, early);
  const delivery = new Delivery(world);
  const busy = people.busy.bind(people);
  return { waiters, edge, rates, people, delivery, stock: new Stock(world, { edge, waiters, delivery, busy }) };
}

/** What the heap has taken out last. */
function happen(world: World, { waiters, edge, rates, people, delivery, stock }: Parts, moreComes: boolean): void {
  const { at: now, subject, kind } = world.heap;
  switch (kind) {
    case HAPPENING.CLICK:
      return people.click(now, subject);
    case HAPPENING.TOKEN_ANSWER:
      return people.tokenAnswered(now, subject);
    case HAPPENING.ASK_AGAIN:
      return people.askToken(now, subject);
    case HAPPENING.HOLD_COMES:
      return stock.comes(now, subject, "hold");
    case HAPPENING.REPLAY_COMES:
      return stock.comes(now, subject, "replay");
    case HAPPENING.PAY_COMES:
      return stock.comes(now, subject, "pay");
    case HAPPENING.CANCEL_COMES:
      return stock.comes(now, subject, "cancel");
    case HAPPENING.HOLD_TAKEN:
      return stock.taken(now, subject, "hold");
    case HAPPENING.REPLAY_TAKEN:
      return stock.taken(now, subject, "replay");
    case HAPPENING.PAY_TAKEN:
      return stock.taken(now, subject, "pay");
    case HAPPENING.CANCEL_TAKEN:
      return stock.taken(now, subject, "cancel");
    case HAPPENING.HOLD_ANSWER:
      return people.holdAnswered(now, subject);
    case HAPPENING.PAY:
      world.wake(now, "payment");
      return edge.call(now, subject, "payment", HAPPENING.PAY_COMES);
    case HAPPENING.CANCEL:
      return edge.call(now, subject, "cancel", HAPPENING.CANCEL_COMES);
    case HAPPENING.JOIN:
      return stock.join(now, subject);
    case HAPPENING.COMMITTED:
      return stock.committed(now, subject);
    case HAPPENING.RELEASE:
      return stock.release(now, subject);
    case HAPPENING.VIEW_COMES:
      return edge.viewComes(now, subject);
    case HAPPENING.VIEW_ANSWER:
      return edge.viewAnswered(now, subject);
    case HAPPENING.TOUCH:
      edge.meet(now, subject);
      return undefined;
    case HAPPENING.COMMIT_RESTED:
      return stock.rested(now, subject);
    case HAPPENING.GATHERED:
      return delivery.gathered(now, subject);
    case HAPPENING.WRITER_DUE:
      return delivery.due(now);
    case HAPPENING.WRITTEN:
      return delivery.written(now, subject);
    case HAPPENING.TICK:
      return rates.tick(now, moreComes);
    case HAPPENING.LOOK:
      return waiters.look(now, subject);
    case HAPPENING.FLUSH:
      return edge.flush(now, subject);
    case HAPPENING.THREAD:
      return world.thread?.next(now);
    default:
      throw new Error(`No such happening: ${kind}`);
  }
}

function outcome(world: World, { edge, people, delivery, stock }: Parts, events: number): SimulatedSale {
  const sum = (key: "paid" | "held" | "available"): number =>
    world.products.reduce((total, product) => total + product[key], 0);
  const units = { paid: sum("paid"), held: sum("held"), available: sum("available") };
  return {
    tally: world.tally,
    soldOutAtMs: world.soldOutAt,
    allPaidAtMs: units.paid === world.sale.round.stock ? stock.lastPaidAt : null,
    endsAtMs: world.endsAt,
    units,
    tokenMs: percentiles(people.tokenMs),
    checkoutMs: percentiles(people.checkoutMs),
    deliveredMs: percentiles(delivery.deliveredMs),
    mostWaiting: stock.mostWaiting,
    longestWaitMs: stock.longestWaitMs,
    limiterPeakPerSecond: edge.limiterPeakPerSecond,
    eventsSimulated: events,
  };
}

/** Objects that a sale wakes at most, of each kind, besides those of the product. */
export function limiterObjects(rules: GatewayRules, challenge: "pow" | "none"): number {
  const isAddressCounted = rules.accountsTake || (rules.clientTake && challenge === "none");
  const owners = Number(isAddressCounted) + Number(rules.buyerTake);
  const objects = rules.limiterShards === 1 ? Math.min(1, owners) : rules.limiterShards * owners;
  return objects + (challenge === "pow" ? CHALLENGE_SHARDS : 0);
}
