/** From the hold to its row in Postgres, under full load: transactions per order, rows per event, and how long it takes. Targets 7 and 8. */
import { setTimeout as sleep } from "node:timers/promises";
import postgres, { type Sql } from "postgres";
import type { BenchGateway } from "../gateway/gateway.ts";
import { auditProduct, openProduct } from "../gateway/product.ts";
import type { Bench, BenchPlan, Findings, Ground } from "../ground.ts";
import { readTrees } from "../machine/cpu.ts";
import { factOf } from "../ratios.ts";
import type { Fact } from "../results.ts";
import { median, rounded } from "../statistics.ts";
import { StartError } from "../../scripts/gateway/start-error.ts";
import { checkoutRequests } from "./hold-subject.ts";

const HOLDS_PER_SECOND_MOST = 10_000;
const STOCK = 1_000_000;
const MOST = { transactionsPerOrder: 0.05, p95Seconds: 1.5 };
/** Statistics of a backend reach the shared counters when it ends or is idle for a second (PostgreSQL manual, 27.2.2). */
const STATISTICS_MS = 1500;

/** How long orders pile up while their table is locked: less than the writer waits for a transaction, and the outbox for its answer. */
const BACKLOG_SECONDS = 3;
/** A backlog that is not written by then never will be, in milliseconds. */
const WATCH_MS = 60_000;
/** How often the rows of a backlog are looked at, in milliseconds. */
const LOOK_MS = 10;
const SECOND_MS = 1000;
const MICROS_PER_SECOND = 1_000_000;
/** The writer's rows per second, times the holds per second of the gateway. */
const WRITER_LEAST = 2;

interface Run {
  readonly orders: number;
  readonly holdsPerSecond: number;
  readonly transactionsPerOrder: number;
  readonly rowsPerEvent: number;
  /** CPU per order until the last row, in microseconds: of workerd and Node, and of Postgres. */
  readonly gatewayMicros: number;
  readonly postgresMicros: number;
  readonly p50Seconds: number;
  readonly p95Seconds: number;
  readonly p99Seconds: number;
  /** Rows per second while the writer had work. */
  readonly rowsPerSecond: number;
  /** The same of a backlog, while nobody buys. */
  readonly drainPerSecond: number;
}

function planOf(plan: BenchPlan): BenchPlan {
  return plan.quick ? { ...plan, seconds: 2 } : { ...plan, rounds: 5, seconds: 5 };
}

export const delivery: Bench = {
  name: "delivery",
  tells: "from the hold to its row: Postgres transactions per order, rows per event, seconds until the row",
  estimate: (plan) => 15 + planOf(plan).rounds * (planOf(plan).seconds * 2 + BACKLOG_SECONDS + 8),
  run: measureDelivery,
};

async function measureDelivery(ground: Ground): Promise<Findings> {
  const plan = planOf(ground.plan);
  const gateway = await ground.gateway();
  const sql = postgres(gateway.databaseUrl, { max: 1, onnotice: () => {} });
  const runs: Run[] = [];
  try {
    for (let round = 0; round < plan.rounds; round++) {
      ground.tell(`run ${round + 1} of ${plan.rounds}`);
      runs.push(await measureRun(ground, plan, gateway, sql, `delivery-${round}`));
    }
  } finally {
    await sql.end();
  }
  const of = (figure: (run: Run) => number): number => median(runs.map(figure));
  const rows = of(({ rowsPerEvent }) => rowsPerEvent);
  const drain = of(({ drainPerSecond }) => drainPerSecond);
  const holds = of(({ holdsPerSecond }) => holdsPerSecond);
  const gatewayMicros = of((run) => run.gatewayMicros);
  const postgresMicros = of((run) => run.postgresMicros);
  const orders = of(({ transactionsPerOrder }) => transactionsPerOrder);
  return {
    conditions: { ...plan },
    rounds: [],
    ratios: [],
    facts: [
      factOf(
        "holds per second",
        of(({ holdsPerSecond }) => holdsPerSecond),
        "1/s",
      ),
      factOf(
        "rows per second while there was work",
        of(({ rowsPerSecond }) => rowsPerSecond),
        "1/s",
      ),
      ...writerFacts(drain, holds),
      factOf("Postgres transactions per order", orders, "", MOST.transactionsPerOrder),
      { name: "rows per event", value: rounded(rows), unit: "", target: 1, kept: rows === 1 },
      factOf("CPU per order, gateway and writer", gatewayMicros, "µs"),
      factOf("CPU per order, Postgres", postgresMicros, "µs"),
      factOf(
        "from hold to row, p50",
        of(({ p50Seconds }) => p50Seconds),
        "s",
      ),
      factOf(
        "from hold to row, p95",
        of(({ p95Seconds }) => p95Seconds),
        "s",
        MOST.p95Seconds,
      ),
      factOf(
        "from hold to row, p99",
        of(({ p99Seconds }) => p99Seconds),
        "s",
      ),
    ],
    costs: {
      postgresPerEvent: { cpuMicros: rounded(postgresMicros) },
      writerEvent: { wallMicros: rounded(MICROS_PER_SECOND / drain) },
    },
    notes: ["Medians of the runs. The row's time is Postgres's, which is this machine's clock like the gateway's"],
  };
}

/** The writer alone: in production it has a machine of its own, here only while nobody buys. */
function writerFacts(rowsPerSecond: number, holdsPerSecond: number): readonly Fact[] {
  const times = rowsPerSecond / holdsPerSecond;
  return [
    factOf("rows per second of a backlog, while nobody buys", rowsPerSecond, "1/s"),
    {
      name: "the writer's rate, times the holds'",
      value: rounded(times),
      unit: "",
      target: WRITER_LEAST,
      kept: times >= WRITER_LEAST,
    },
  ];
}

/** A product of which Postgres has everything, and more checkouts than can be answered in so many seconds. */
async function prepareLoad(gateway: BenchGateway, productId: string, seconds: number) {
  const product = await openProduct(gateway, productId, { stock: STOCK });
  const count = seconds * HOLDS_PER_SECOND_MOST;
  const requests = await checkoutRequests(gateway, product.id, product.checkoutPath, count);
  await product.drained();
  return { product, requests };
}

/** Full load for some seconds, and then until the last row. */
async function measureRun(
  ground: Ground,
  plan: BenchPlan,
  gateway: BenchGateway,
  sql: Sql,
  productId: string,
): Promise<Run> {
  const { product, requests } = await prepareLoad(gateway, productId, plan.seconds);
  const before = await countTransactions(sql);
  const cpuBefore = gateway.pids.map((pid) => readTrees([pid]));
  const loaded = await ground.generator.run({ url: gateway.url, requests, ...plan });
  await product.drained();
  const cpu = gateway.pids.map((pid, index) => readTrees([pid]) - (cpuBefore[index] ?? 0));
  const after = await countTransactions(sql);
  const faults = await auditProduct(product, gateway.databaseUrl);
  if (faults.length > 0) throw new StartError(`Delivery is wrong: ${faults.join("; ")}`);
  const [row] = await sql<{ orders: number; events: number; p50: number; p95: number; p99: number; span: number }[]>`
    SELECT count(*)::int AS orders,
      (SELECT count(*)::int FROM order_events e WHERE e.product_id = ${product.id} AND e.order_id IS NOT NULL) AS events,
      percentile_cont(0.50) WITHIN GROUP (ORDER BY extract(epoch FROM recorded_at - created_at))::float AS p50,
      percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM recorded_at - created_at))::float AS p95,
      percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM recorded_at - created_at))::float AS p99,
      extract(epoch FROM max(recorded_at) - min(recorded_at))::float AS span
    FROM orders WHERE product_id = ${product.id}`;
  if (row === undefined) throw new Error("An aggregate has one row, found none");
  return {
    orders: row.orders,
    holdsPerSecond: loaded.answered / loaded.seconds,
    transactionsPerOrder: (after - before) / row.orders,
    // Each order has made one event: it is held.
    rowsPerEvent: row.events / row.orders,
    gatewayMicros: (cpu[0] ?? Number.NaN) / row.orders,
    postgresMicros: (cpu[1] ?? Number.NaN) / row.orders,
    p50Seconds: row.p50,
    p95Seconds: row.p95,
    p99Seconds: row.p99,
    rowsPerSecond: row.orders / row.span,
    drainPerSecond: await measureDrain(ground, plan, gateway, sql, `${productId}-backlog`),
  };
}

/**
 * Rows per second of what piled up while nobody could write to the orders: from the first transaction to the last but one. The last
 * is of what is left over, for whose company the queue waits its time-out; the first had waited for the table.
 */
async function measureDrain(
  ground: Ground,
  plan: BenchPlan,
  gateway: BenchGateway,
  sql: Sql,
  productId: string,
): Promise<number> {
  const { product, requests } = await prepareLoad(gateway, productId, BACKLOG_SECONDS);
  const blocker = postgres(gateway.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await blocker.begin(async (transaction) => {
      await transaction`LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE`;
      await ground.generator.run({ ...plan, url: gateway.url, requests, seconds: BACKLOG_SECONDS });
    });
  } finally {
    await blocker.end();
  }
  const { orders } = await product.ledger();
  const steps = await watchRows(sql, productId, orders.held);
  const faults = await auditProduct(product, gateway.databaseUrl);
  if (faults.length > 0) throw new StartError(`Delivery of a backlog is wrong: ${faults.join("; ")}`);
  const [first, last] = [steps[0], steps.at(-2)];
  if (first === undefined || last === undefined || last === first) {
    throw new StartError(
      `A backlog of ${orders.held} orders came in ${steps.length} transactions: too few to tell a rate`,
    );
  }
  return ((last.rows - first.rows) * SECOND_MS) / (last.at - first.at);
}

/** When how many rows of the product were first seen, in milliseconds: one step for each transaction, or for several that came at once. */
async function watchRows(
  sql: Sql,
  productId: string,
  wanted: number,
): Promise<readonly { readonly at: number; readonly rows: number }[]> {
  const steps: { at: number; rows: number }[] = [];
  const deadline = performance.now() + WATCH_MS;
  let seen = 0;
  while (seen < wanted) {
    const [row] = await sql<{ held: number }[]>`SELECT held FROM products WHERE id = ${productId}`;
    const at = performance.now();
    if (row !== undefined && row.held > seen) {
      seen = row.held;
      steps.push({ at, rows: seen });
    }
    if (at > deadline) throw new StartError(`Postgres has ${seen} of ${wanted} orders after ${WATCH_MS} ms`);
    await sleep(LOOK_MS);
  }
  return steps;
}

/** Of all clients of the database, ours too: a dozen among thousands of orders. */
async function countTransactions(sql: Sql): Promise<number> {
  await sleep(STATISTICS_MS);
  const [row] = await sql<{ count: number }[]>`
    SELECT (xact_commit + xact_rollback)::int AS count FROM pg_stat_database WHERE datname = current_database()`;
  return row?.count ?? 0;
}
