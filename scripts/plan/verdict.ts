/**
 * Whether it is enough: the load of everything that has a limit against that limit, and what to change where it is not. Pure.
 *
 * The demand is what would come if nothing were in the way of it; what the limits make of it is in the simulation itself.
 */
import type { GatewayRules } from "./gateway-rules.ts";
import { EVENTS_PER_MESSAGE } from "../../durable-objects/product/event-messages.ts";
import { RESEND_AFTER_MS, TRANSACTION_EVENTS } from "./gateway-rules.ts";
import type { PlannedSale } from "./model.ts";
import { LIMITS } from "./platform.ts";
import { tellCount, tellShare, tellTime } from "./quantities.ts";
import type { SimulatedSale } from "./simulation/simulation.ts";
import { LIMITER_CALLS, PRODUCT_CALLS } from "./simulation/tally.ts";

export interface Load {
  readonly what: string;
  /** In the busiest second. */
  readonly peak: number;
  readonly limit: number;
  readonly unit: string;
  readonly isEnough: boolean;
  /** What makes up the peak, or how it comes about. */
  readonly detail: string;
}

export interface Verdict {
  /** One sentence. */
  readonly answer: string;
  readonly isEnough: boolean;
  readonly warnings: readonly string[];
  readonly loads: readonly Load[];
  /** Product objects that the demand takes; null when no number of them helps. */
  readonly productObjects: number | null;
  readonly limiterShards: number;
}

export interface Judged {
  readonly sale: PlannedSale;
  readonly rules: GatewayRules;
  /** As configured, within the limits. */
  readonly done: SimulatedSale;
  /** With nothing in the way; the same as `done` where nothing was. */
  readonly demand: SimulatedSale;
}

/** Isolates fetch their copy at half its age, as often as that. */
function viewsPerSecond({ sale, rules }: Judged): number {
  return (sale.places.isolates * 2000) / rules.copyMaxAgeMs;
}

export function judge(judged: Judged): Verdict {
  const { sale, rules, done, demand } = judged;
  const limit = LIMITS.objectRequestsPerSecond.value;
  const product = demand.tally.peak(PRODUCT_CALLS);
  const perObject = product.perSecond / sale.places.shards;
  // A slow object lets tokens be asked for longer, and refused ones again: whichever sale asks the limiters more counts.
  const asking = done.limiterPeakPerSecond > demand.limiterPeakPerSecond ? done : demand;
  const limiterPeak = asking.limiterPeakPerSecond;
  const takes = asking.tally.peak(LIMITER_CALLS);
  const messages = done.tally.peak(["messages"]);
  const fullTransaction = Math.min(rules.batch.messages * EVENTS_PER_MESSAGE, TRANSACTION_EVENTS);
  const writes = done.tally.peak(["holdCall", "payCall", "cancelCall"]);
  const writesPerObject = writes.perSecond / sale.places.shards;
  const views = viewsPerSecond(judged);
  const productObjects = decideObjects(product.perSecond, product.parts.viewCall ?? 0, views, limit);
  const limiterShards = Math.ceil((limiterPeak * rules.limiterShards) / limit);
  const loads: Load[] = [
    {
      what: sale.places.shards === 1 ? "product object" : `each of ${sale.places.shards} product objects`,
      peak: perObject,
      limit,
      unit: "calls/s",
      isEnough: perObject <= limit,
      detail: tellParts(product.parts),
    },
    {
      what: "busiest limiter object",
      peak: limiterPeak,
      limit,
      unit: "calls/s",
      isEnough: limiterPeak <= limit,
      detail: `${tellCount(takes.perSecond)}/s in all: ${tellParts(takes.parts)}; shards = ${rules.limiterShards}`,
    },
    {
      what: "control object",
      peak: demand.tally.peak(["snapshotCall"]).perSecond,
      limit,
      unit: "calls/s",
      isEnough: sale.places.isolates <= limit,
      detail: "each isolate once a second",
    },
    {
      what: "order queue",
      peak: messages.perSecond,
      limit: LIMITS.queueMessagesPerSecond.value,
      unit: "messages/s",
      isEnough: messages.perSecond <= LIMITS.queueMessagesPerSecond.value,
      detail: `${tellCount(done.tally.of("events"))} events in ${tellCount(done.tally.of("messages"))} messages; batches of up to ${rules.batch.messages}, ${rules.batch.atOnce} at once`,
    },
    {
      what: "Postgres",
      peak: done.tally.peak(["transactions"]).perSecond,
      limit:
        (rules.batch.atOnce * 1000) / (sale.places.transactionMs + fullTransaction * sale.places.transactionEventMs),
      unit: "transactions/s",
      isEnough: done.deliveredMs.p95 <= RESEND_AFTER_MS,
      detail: `${rules.batch.atOnce} connections; ${tellCount(done.tally.of("transactions"))} transactions for ${tellCount(done.tally.of("events"))} events`,
    },
  ];
  const warnings: string[] = [];
  const warn = (is: boolean, warning: () => string): void => {
    if (is) warnings.push(warning());
  };
  warn(
    perObject > limit,
    () =>
      `Product object: ${tellCount(perObject)} calls/s in second ${product.second + 1}, over the ${tellCount(limit)} that Cloudflare publishes. ${tellObjects(productObjects)}`,
  );
  warn(
    perObject <= limit && writesPerObject > LIMITS.objectWritesPerSecondHigh.value,
    () =>
      `Product object: ${tellCount(writesPerObject)} of its calls a second write; Cloudflare's rule of thumb for such objects is ${LIMITS.objectWritesPerSecondLow.value} to ${LIMITS.objectWritesPerSecondHigh.value}/s. Gathering commits raises that here; measure it there before you rely on it`,
  );
  warn(
    limiterPeak > limit,
    () =>
      `Limiters: the busiest of ${rules.limiterShards} gets ${tellCount(limiterPeak)} calls/s. Set LIMITS.shards to ${limiterShards} or more, or let buyers come more slowly`,
  );
  warn(
    views > limit / 2,
    () =>
      `Isolates: ${tellCount(sale.places.isolates)} of them refresh their copies ${tellCount(views)} times a second, ${tellShare(views / limit)} of an object's limit`,
  );
  warn(
    sale.places.isolates > limit,
    () => `Control object: ${tellCount(sale.places.isolates)} isolates ask it once a second each, over its limit`,
  );
  warn(
    messages.perSecond > LIMITS.queueMessagesPerSecond.value,
    () =>
      `Order queue: ${tellCount(messages.perSecond)} messages/s; sends beyond ${LIMITS.queueMessagesPerSecond.value}/s fail, and the outbox repeats them`,
  );
  warn(
    done.deliveredMs.p95 > RESEND_AFTER_MS,
    () =>
      `Postgres: p95 of ${tellTime(done.deliveredMs.p95)} from hold to row; from ${tellTime(RESEND_AFTER_MS)} on the outbox sends events again. Raise max_concurrency of the queue's consumer`,
  );
  const busy = done.tally.of("overloaded") + done.tally.of("limiterUnavailable");
  warn(
    busy > 0,
    () =>
      `Buyers: ${tellCount(done.tally.of("overloaded"))} calls were told \`overloaded\` and ${tellCount(done.tally.of("limiterUnavailable"))} \`limiter-unavailable\``,
  );
  warn(
    done.soldOutAtMs === null,
    () =>
      `Stock: ${tellCount(done.units.available)} units were never wanted at the same time; the stock is larger than the demand`,
  );
  warn(
    done.soldOutAtMs !== null && done.units.available > 0,
    () =>
      `Stock: ${tellCount(done.units.available)} units came back from holds that ended unpaid, and nobody was waiting any longer`,
  );
  const isEnough = loads.every((load) => load.isEnough) && busy === 0;
  return {
    answer: answerOf(loads, isEnough, sale, productObjects),
    isEnough,
    warnings,
    loads,
    productObjects,
    limiterShards,
  };
}

/** How full an object is planned to be: buyers are not spread quite evenly. */
const HEADROOM = 0.7;

/** Views do not divide: each isolate keeps a copy of every object. */
function decideObjects(perSecond: number, viewsInPeak: number, views: number, limit: number): number | null {
  if (perSecond <= limit) return 1;
  const left = HEADROOM * limit - views;
  return left <= 0 ? null : Math.max(2, Math.ceil((perSecond - viewsInPeak) / left));
}

function tellObjects(objects: number | null): string {
  return objects === null
    ? "No number of objects helps: the isolates' copies alone take the limit"
    : `For no call to wait, ${objects} objects would have to share the stock, which is not built; fewer pages that watch their order, a challenge or a slower arrival lower it`;
}

function answerOf(loads: readonly Load[], isEnough: boolean, sale: PlannedSale, productObjects: number | null): string {
  const [product] = loads;
  if (product === undefined) throw new Error("Expected the product object's load, found none");
  const figures = `${tellCount(product.peak)} of about ${tellCount(product.limit)} calls/s at the peak`;
  if (!product.isEnough) {
    const takes = productObjects === null ? "no number of objects would do" : `it takes ${productObjects}`;
    return `${sale.places.shards === 1 ? "One object is" : `${sale.places.shards} objects are`} not enough: ${figures}; ${takes}`;
  }
  const enough = `${sale.places.shards === 1 ? "One object is" : `${sale.places.shards} objects are`} enough: ${figures}`;
  const others = loads.filter((load) => !load.isEnough).map(({ what }) => what);
  if (isEnough) return enough;
  return others.length === 0 ? `${enough}, but not at every moment` : `${enough}; ${others.join(" and ")} not`;
}

function tellParts(parts: Readonly<Record<string, number | undefined>>): string {
  const shown = Object.entries(parts).filter(([, count]) => (count ?? 0) >= 1);
  return shown.map(([what, count]) => `${tellCount(count ?? 0)} ${NAMES[what] ?? what}`).join(", ");
}

const NAMES: Readonly<Record<string, string>> = {
  holdCall: "holds",
  viewCall: "copies",
  orderCall: "order looks",
  payCall: "payments",
  cancelCall: "cancellations",
  acknowledgeCall: "acknowledgements",
  alarmCall: "alarms",
  clientTake: "by address",
  buyerTake: "by buyer",
  accountsTake: "accounts per address",
  challengeTake: "challenges",
};
