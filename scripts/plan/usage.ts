/** What a simulated sale uses of everything that Cloudflare bills: the tally times what was measured for each. Pure. */
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
  const rowTerms = rowTermsOf(done, costs);
  const rows = (key: "read" | "written"): Metered => ({
    amount: rowTerms.reduce((sum, { count, rows: each }) => sum + count * each[key], 0),
    formula: rowTerms.map(({ what, count, rows: each }) => `${whole(count)} ${what} x ${each[key]}`).join(" + "),
  });
  const messages = tally.of("messages");
  return {
    workerRequests: {
      amount: requests + batches,
      formula: `${whole(requests)} requests + ${whole(batches)} batches of the writer`,
    },
    workerCpuMs: cpuOf(done, costs),
    objectRequests: {
      amount: objectCalls,
      formula: `${whole(tally.sum(PRODUCT_CALLS))} product + ${whole(tally.sum(LIMITER_CALLS))} limiter + ${whole(tally.of("snapshotCall"))} control`,
    },
    objectGigabyteSeconds: {
      amount: objects * awakeSeconds * OBJECT_GIGABYTES,
      formula: `${objects} objects awake for ${whole(awakeSeconds)} s x ${OBJECT_GIGABYTES} GB`,
    },
    rowsRead: rows("read"),
    rowsWritten: rows("written"),
    storedGigabytes: {
      amount: (tally.of("held") * costs.bytes.order) / BYTES_PER_GIGABYTE,
      formula: `${whole(tally.of("held"))} orders x ${costs.bytes.order} bytes, kept for a month`,
    },
    queueOperations: {
      amount: messages * QUEUE_OPERATIONS_PER_MESSAGE,
      formula: `${whole(messages)} messages x ${QUEUE_OPERATIONS_PER_MESSAGE}, none over 64 KB; ${whole(tally.of("events"))} events`,
    },
    logEvents: {
      amount: (requests + batches + objectCalls) * rules.logged,
      formula: `(${whole(requests + batches)} invocations of the Worker + ${whole(objectCalls)} of objects) x ${rules.logged}`,
    },
  };
}

function rowTermsOf({ tally }: SimulatedSale, { rows }: Costs) {
  return [
    { what: "holds", count: tally.of("held"), rows: rows.hold },
    { what: "payments and cancellations", count: tally.of("paid") + tally.of("cancelled"), rows: rows.payment },
    { what: "ends", count: tally.of("expired"), rows: rows.expiry },
    { what: "acknowledgements", count: tally.of("events"), rows: rows.acknowledge },
    { what: "takes", count: tally.sum(LIMITER_CALLS), rows: rows.limiterTake },
  ];
}

/** Of the whole process, objects included: more than Cloudflare bills as the Worker's. */
function cpuOf({ tally }: SimulatedSale, { costs }: Costs): Metered {
  const terms = WORKER_REQUESTS.map((what) => {
    const kind: RequestKind = what === "cancel" ? "payment" : what;
    return { what, count: tally.of(what), ms: costs[kind].cpuMicros / MICROS_PER_MS };
  });
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
