/** How long each thing keeps whoever does it busy, in milliseconds: the measured costs, taken apart. Pure. */
import { type Costs, REQUESTS, type RequestKind } from "../costs.ts";
import { type GatewayRules, LIMITER_FLUSH_MS, MAX_BATCH } from "../gateway-rules.ts";

const MICROS_PER_MS = 1000;
/** How many holds shared a commit while `hold` and `payment` were measured with 32 at once: about half of them. */
const SHARED_COMMIT = 16;
/** Rows that an acknowledgement writes at least, the outbox's: where rows reach Postgres while others still buy, the measuring finds it among theirs. */
const ACKNOWLEDGED_LEAST = 1;
/** A normal variable stays below so many standard deviations 19 times of 20. */
const NORMAL_95 = 1.645;
/** Events of a writer's batch under load. */
const WRITER_BATCH = 100;

/** What a request that finds the one machine idle takes beyond its work: how long it takes alone is measured whole. */
export interface Lone {
  /** Behind another one: processes are woken. */
  readonly awake: number;
  /** After a pause, beyond that: the processor has forgotten the program. */
  readonly rested: number;
  /** How that is spread: the logarithm's standard deviation. */
  readonly spread: number;
}

export interface ServiceTimes {
  /** Of requests that find the one machine idle. */
  readonly lone: Readonly<Record<RequestKind, Lone>>;
  /** The Worker's own part of a request; of those that call a limiter or nothing, the whole. */
  readonly worker: Readonly<Record<RequestKind, number>>;
  readonly limiterTake: number;
  /** A limiter object's write of what it counted. */
  readonly limiterFlush: number;
  /** A call to the product object, there and back, without what it does there. */
  readonly call: number;
  /** What a command adds to its commit; what a commit costs beside. */
  readonly command: number;
  readonly acknowledgement: number;
  readonly commit: number;
  readonly writerBatch: number;
  readonly writerEvent: number;
  /** Calls of `command` that one object could take in a second, gathered as much as it gathers. */
  readonly commandsPerSecond: number;
}

/** What a request on one machine takes beside the gateway's work, sockets and whoever asks: that of the smallest one. Milliseconds. */
export function loopbackTripMs({ costs }: Pick<Costs, "costs">): number {
  return Math.max(0, costs.timeRead.wallMicros - costs.timeRead.cpuMicros) / MICROS_PER_MS;
}

export function serviceTimes({ costs, rows }: Pick<Costs, "costs" | "rows">, rules: GatewayRules): ServiceTimes {
  const ms = (name: keyof typeof costs): number => costs[name].cpuMicros / MICROS_PER_MS;
  const call = ms("productView");
  const command = Math.max(0.1 * ms("holdCall"), ms("holdCall") - call);
  const commit = ms("commit");
  const delivered = ms("writerEvent") + ms("writerBatch") / WRITER_BATCH;
  const behind = ms("holdCall") + commit / SHARED_COMMIT + delivered;
  /** A token's request without the writes of limiter objects that fell into it: these come by time, not by call. */
  const withoutFlushes = (name: "tokenIssue" | "challengeIssue" | "tokenSolved", takes: number): number => {
    const flushesPerSecond = (takes * rules.limiterShards * 1000) / LIMITER_FLUSH_MS;
    const flushes = Math.min(takes, flushesPerSecond / (costs[name].perSecond ?? Number.POSITIVE_INFINITY));
    return Math.max(ms("productRead") + takes * ms("limiterTake"), ms(name) - flushes * ms("limiterFlush"));
  };
  const whole = Object.fromEntries(REQUESTS.map((name) => [name, ms(name)]));
  const worker: Readonly<Record<RequestKind, number>> = {
    ...(whole as Record<RequestKind, number>),
    // By address, with its accounts, and by buyer; a product with a challenge counts of addresses the accounts alone.
    tokenIssue: withoutFlushes("tokenIssue", 2),
    challengeIssue: withoutFlushes("challengeIssue", 2),
    tokenSolved: withoutFlushes("tokenSolved", 2),
    hold: Math.max(ms("checkoutRefused"), ms("hold") - behind),
    payment: Math.max(ms("productRead"), ms("payment") - behind),
    orderRead: Math.max(ms("productRead"), ms("orderRead") - call),
  };
  const committed = call + command + commit + Math.max(0, costs.commit.wallMicros / MICROS_PER_MS - commit);
  const tripMs = loopbackTripMs({ costs });
  const loneOf = (name: RequestKind): Lone => {
    const work = tripMs + worker[name] + (name === "hold" || name === "payment" ? committed : 0);
    const { wallMicros, restedMicros, rested95Micros } = costs[name];
    const beside = (micros: number): number => Math.max(0, micros / MICROS_PER_MS - work);
    const [median, p95] = [beside(restedMicros), beside(rested95Micros)];
    // Whatever the machine had to do while it was measured: a pause makes nothing faster.
    const awake = Math.min(beside(wallMicros), median);
    const spread = median > 0 && p95 > median ? Math.log(p95 / median) / NORMAL_95 : 0;
    return { awake, rested: median - awake, spread };
  };
  const lone = Object.fromEntries(REQUESTS.map((name) => [name, loneOf(name)]));
  return {
    lone: lone as Record<RequestKind, Lone>,
    worker,
    limiterTake: ms("limiterTake"),
    limiterFlush: ms("limiterFlush"),
    call,
    command,
    acknowledgement:
      (command * Math.max(rows.acknowledge.written, ACKNOWLEDGED_LEAST)) /
      Math.max(rows.hold.written, rows.acknowledge.written, 1),
    commit,
    writerBatch: ms("writerBatch"),
    writerEvent: ms("writerEvent"),
    commandsPerSecond: 1000 / (call + command + commit / MAX_BATCH),
  };
}
