/** What a simulated sale uses of everything that Cloudflare bills: the tally times what was measured for each. Pure. */
import { type Afterwards, afterwardsOf } from "./afterwards.ts";
import type { Costs, RequestKind } from "./costs.ts";
import { type GatewayRules } from "./gateway-rules.ts";
import type { PlannedSale } from "./model.ts";
import { OBJECT_GIGABYTES, QUEUE_OPERATIONS_PER_MESSAGE } from "./platform.ts";
import { limiterObjects, type SimulatedSale } from "./simulation/simulation.ts";
import { LIMITER_CALLS, PRODUCT_CALLS, WORKER_REQUESTS } from "./simulation/tally.ts";

export interface Metered {
  readonly amount: number;
  /** How it comes about, for whoever checks it by hand. */
  readonly formula: string;
}

export type Usage = Readonly<
  Record<
    | "workerRequests"
    | "workerCpuMs"
    | "objectRequests"
    | "objectGigabyteSeconds"
    | "rowsRead"
    | "rowsWritten"
    | "storedGigabytes"
    | "queueOperations"
    | "logEvents",
    Metered
  >
>;

const MICROS_PER_MS = 1000;
const BYTES_PER_GIGABYTE = 1_000_000_000;

export function usageOf(sale: PlannedSale, done: SimulatedSale, costs: Costs, rules: GatewayRules): Usage {
  const { tally } = done;
  const requests = tally.sum(WORKER_REQUESTS);
  const batches = tally.of("batches");
  const objectCalls = tally.sum([...PRODUCT_CALLS, ...LIMITER_CALLS, "snapshotCall"]);
  const objects = sale.places.shards + limiterObjects(rules, sale.round.challenge) + 1;
  const awakeSeconds = (done.endsAtMs + (sale.crowd.waitingShare > 0 ? sale.crowd.waitingMs : 0)) / 1000;
  const afterwards = afterwardsOf(sale, done, rules);
  const rowTerms = [...saleTerms(done, costs), ...laterTerms(afterwards, costs)];
  const rows = (key: "read" | "written"): Metered => ({
    amount: rowTerms.reduce((sum, { count, rows: each }) => sum + count * each[key], 0),
    formula: rowTerms.map(({ what, count, rows: each }) => `${whole(count)} ${what} x ${each[key]}`).join(" + "),
  });
  const messages = tally.of("messages");
  const { alarmsMost, looks } = afterwards;
  const laterSeconds = Math.min(alarmsMost, 1) * sale.places.shards * (done.endsAtMs / 1000);
  const invocations = requests + batches + looks;
  const called = objectCalls + alarmsMost + looks;
  return {
    workerRequests: {
      amount: invocations,
      formula: `${whole(requests)} requests + ${whole(batches)} batches of the writer + ${whole(looks)} looks at orders that had left`,
    },
    workerCpuMs: cpuOf(done, costs, looks),
    objectRequests: {
      amount: called,
      formula: `${whole(tally.sum(PRODUCT_CALLS))} product + ${whole(tally.sum(LIMITER_CALLS))} limiter + ${whole(tally.of("snapshotCall"))} control + ${whole(alarmsMost)} alarms by which orders leave + ${whole(looks)} looks at such`,
    },
    objectGigabyteSeconds: {
      amount: (objects * awakeSeconds + laterSeconds) * OBJECT_GIGABYTES,
      formula: `(${objects} objects awake for ${whole(awakeSeconds)} s + the product's again for ${whole(laterSeconds)} s while orders leave) x ${OBJECT_GIGABYTES} GB`,
    },
    rowsRead: rows("read"),
    rowsWritten: rows("written"),
    storedGigabytes: {
      amount: (tally.of("held") * costs.bytes.order) / BYTES_PER_GIGABYTE,
      formula: `${whole(tally.of("held"))} orders x ${costs.bytes.order} bytes for a month, since no page goes back when they leave`,
    },
    queueOperations: {
      amount: messages * QUEUE_OPERATIONS_PER_MESSAGE,
      formula: `${whole(messages)} messages x ${QUEUE_OPERATIONS_PER_MESSAGE}, none over 64 KB; ${whole(tally.of("events"))} events`,
    },
    logEvents: {
      amount: (invocations + called) * rules.logged,
      formula: `(${whole(invocations)} invocations of the Worker + ${whole(called)} of objects) x ${rules.logged}`,
    },
  };
}

/** Setting an alarm is one row written (https://developers.cloudflare.com/durable-objects/platform/pricing/). */
const ALARM_ROWS = { read: 0, written: 1 };

interface RowTerm {
  readonly what: string;
  readonly count: number;
  readonly rows: { readonly read: number; readonly written: number };
}

/** Rows that are written while the sale goes on: without those of orders that leave days later. */
export function rowsWrittenInSale(done: SimulatedSale, costs: Costs): number {
  return saleTerms(done, costs).reduce((sum, { count, rows }) => sum + count * rows.written, 0);
}

function saleTerms({ tally }: SimulatedSale, { rows }: Costs): readonly RowTerm[] {
  return [
    { what: "holds", count: tally.of("held"), rows: rows.hold },
    { what: "payments and cancellations", count: tally.of("paid") + tally.of("cancelled"), rows: rows.payment },
    { what: "ends", count: tally.of("expired"), rows: rows.expiry },
    { what: "commits of these", count: tally.of("changingCommits"), rows: rows.commit },
    { what: "acknowledgements", count: tally.of("events"), rows: rows.acknowledge },
    { what: "takes", count: tally.sum(LIMITER_CALLS), rows: rows.limiterTake },
  ];
}

function laterTerms({ orders, alarmsMost }: Afterwards, { rows }: Costs): readonly RowTerm[] {
  return [
    { what: "orders that leave", count: orders, rows: rows.leave },
    { what: "alarms for that", count: alarmsMost, rows: ALARM_ROWS },
  ];
}

/** Of the whole process, objects included: more than Cloudflare bills as the Worker's. */
function cpuOf({ tally }: SimulatedSale, { costs }: Costs, looks: number): Metered {
  const terms = [
    ...WORKER_REQUESTS.map((what) => {
      const kind: RequestKind = what === "cancel" ? "payment" : what;
      return { what, count: tally.of(what), ms: costs[kind].cpuMicros / MICROS_PER_MS };
    }),
    { what: "archivedRead", count: looks, ms: costs.archivedRead.cpuMicros / MICROS_PER_MS },
  ];
  const writer =
    (tally.of("batches") * costs.writerBatch.cpuMicros + tally.of("events") * costs.writerEvent.cpuMicros) /
    MICROS_PER_MS;
  const used = terms.filter(({ count }) => count > 0);
  return {
    amount: used.reduce((sum, { count, ms }) => sum + count * ms, writer),
    formula: `${used.map(({ what, count, ms }) => `${whole(count)} ${what} x ${ms} ms`).join(" + ")} + writer ${whole(writer)} ms`,
  };
}

function whole(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}
