/**
 * Stock and orders in Postgres, as the peers keep them: a schema of their own, beside whatever else is in the database.
 *
 * Orders have one row each with the buyer unique: the database itself knows "once per buyer". Less is written than by Sluice,
 * which keeps every event: that is in the peers' favour.
 */
import { setTimeout as sleep } from "node:timers/promises";
import postgres, { type Sql, type TransactionSql } from "postgres";
import { type Decision, refuse, type SaleRefusal } from "./face.ts";
import type { Books } from "./serve.ts";

/** How long a peer waits for a connection, in seconds. */
const CONNECT_TIMEOUT_SECONDS = 10;

export function connectPostgres(url: string, pool: number): Sql {
  return postgres(url, { max: pool, fetch_types: false, connect_timeout: CONNECT_TIMEOUT_SECONDS, onnotice: () => {} });
}

const SCHEMA = `
  CREATE SCHEMA IF NOT EXISTS peers;
  CREATE TABLE IF NOT EXISTS peers.stock (
    id text PRIMARY KEY,
    allocated integer NOT NULL,
    available integer NOT NULL CHECK (available >= 0),
    version integer NOT NULL DEFAULT 0
  ) WITH (fillfactor = 10);
  CREATE TABLE IF NOT EXISTS peers.orders (
    id text PRIMARY KEY,
    product_id text NOT NULL,
    buyer_id text NOT NULL,
    quantity integer NOT NULL,
    status text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (product_id, buyer_id)
  );`;

/** One peer after the other may have used the database, a second process of the same one may set it up at this moment. */
const SETUP_LOCK = 7_310_001;

/** How long the transactions of others may take that are still open when a run is over. */
const QUIET_MS = 15_000;
const POLL_MS = 15;
/** So many looks in a row must find nobody: between two transactions of a queue there is a moment without one. */
const QUIET_LOOKS = 3;

/**
 * Until no other connection to this database has anything open: what a generator left behind is finished by the peer, wherever
 * that runs, and a TRUNCATE in the midst of it is a deadlock.
 */
async function untilQuiet(sql: Sql): Promise<void> {
  const until = performance.now() + QUIET_MS;
  for (let quiet = 0; quiet < QUIET_LOOKS; ) {
    const open = await sql`
      SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'`;
    quiet = open.count === 0 ? quiet + 1 : 0;
    if (performance.now() > until) throw new Error(`Transactions are still open in Postgres after ${QUIET_MS} ms`);
    await sleep(POLL_MS);
  }
}

/** Makes the tables where they are missing and empties them. */
export async function resetPostgres(sql: Sql, stock: number): Promise<void> {
  await untilQuiet(sql);
  await sql.begin(async (tx) => {
    await tx`SELECT pg_advisory_xact_lock(${SETUP_LOCK})`;
    await tx.unsafe(SCHEMA);
    await tx`TRUNCATE peers.orders, peers.stock`;
    await tx`INSERT INTO peers.stock (id, allocated, available) VALUES ('bench', ${stock}, ${stock})`;
  });
}

export async function countRows(sql: Sql): Promise<number> {
  const [row] = await sql<{ rows: number }[]>`SELECT count(*)::int AS rows FROM peers.orders`;
  return row?.rows ?? 0;
}

/** The books of a peer for which Postgres decides. */
export function postgresBooks(sql: Sql): Books {
  return {
    async ledger() {
      const [row] = await sql<{ allocated: number; available: number; held: number; orders: number }[]>`
        SELECT allocated, available, orders, held FROM peers.stock,
          (SELECT count(*)::int AS orders, coalesce(sum(quantity), 0)::int AS held FROM peers.orders) AS sold`;
      if (row === undefined) throw new Error("There is no stock in Postgres: want a reset first");
      return { ...row, rows: row.orders };
    },
    reset: (stock) => resetPostgres(sql, stock),
  };
}

/** Ends a transaction with a refusal, and everything it wrote with it. */
export class RollBack extends Error {
  override readonly name = "RollBack";
  readonly decision: Decision;

  constructor(code: SaleRefusal) {
    super(code);
    this.decision = refuse(code);
  }
}

/** Runs a decision in one transaction. */
export async function inTransaction(sql: Sql, decide: (tx: TransactionSql) => Promise<Decision>): Promise<Decision> {
  try {
    return await sql.begin(decide);
  } catch (fault) {
    if (fault instanceof RollBack) return fault.decision;
    throw fault;
  }
}

/** Whether the order is there now; no: its buyer has one already. */
export async function insertOrder(sql: Sql | TransactionSql, orderId: string, buyerId: string): Promise<boolean> {
  const { count } = await sql`
    INSERT INTO peers.orders (id, product_id, buyer_id, quantity, status) VALUES (${orderId}, 'bench', ${buyerId}, 1, 'held')
    ON CONFLICT (product_id, buyer_id) DO NOTHING`;
  return count === 1;
}
