/**
 * The product object's tables (SQLite). `docs/storage-schema.md` explains them, `rows.ts` says how they come out.
 *
 * Times are milliseconds since the epoch. The tables are made with the first write: an object that is only asked about
 * (somebody tries product ids) stores nothing.
 */
import { RETENTION_DEFAULT_SECONDS } from "./retention.ts";

/** What orders that are over are looked through by when they leave, in the order in which they ended. */
const ENDED_INDEXES = `CREATE INDEX IF NOT EXISTS orders_ended_unpaid ON orders (updated_at) WHERE status IN ('cancelled', 'expired', 'refund_due');
CREATE INDEX IF NOT EXISTS orders_ended_paid ON orders (updated_at) WHERE status = 'paid';
`;

const ARCHIVED_TABLE = `CREATE TABLE IF NOT EXISTS archived (
  round INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('paid', 'cancelled', 'expired', 'refund_due')),
  orders INTEGER NOT NULL CHECK (orders >= 0),
  units INTEGER NOT NULL CHECK (units >= 0),
  PRIMARY KEY (round, status)
) WITHOUT ROWID;
`;

/**
 * By buyer, apart for holds and for what is paid: of holds there are few at any time, so that making one touches few pages, and the
 * same ones as its neighbours; the many that are paid are only looked up by it (decision 0025).
 */
const BUYER_INDEXES = `CREATE INDEX IF NOT EXISTS orders_held_buyer ON orders (buyer_id, round) WHERE status = 'held';
CREATE INDEX IF NOT EXISTS orders_paid_buyer ON orders (buyer_id, round) WHERE status = 'paid';
`;

const UNPAID_INDEXES = `CREATE INDEX IF NOT EXISTS orders_unpaid_buyer ON orders (buyer_id, updated_at) WHERE status IN ('expired', 'cancelled');
CREATE INDEX IF NOT EXISTS orders_unpaid_client ON orders (client, updated_at) WHERE status IN ('expired', 'cancelled');
`;

/** For tables that were made before orders had a client. */
export const ADD_CLIENT = `
ALTER TABLE orders ADD COLUMN client TEXT;
${UNPAID_INDEXES}`;

/** For tables that were made before orders left the object. */
export const ADD_ARCHIVE = `
ALTER TABLE product ADD COLUMN order_retention_ms INTEGER NOT NULL DEFAULT ${RETENTION_DEFAULT_SECONDS * 1000};
ALTER TABLE product ADD COLUMN archived_from INTEGER;
ALTER TABLE product ADD COLUMN archived_through INTEGER;
${ARCHIVED_TABLE}${ENDED_INDEXES}`;

/** For tables whose holds and paid orders had one index by buyer. */
export const SPLIT_BUYERS = `
DROP INDEX orders_buyer;
${BUYER_INDEXES}`;

export const SCHEMA = `
CREATE TABLE IF NOT EXISTS product (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  product_id TEXT NOT NULL,
  round INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  order_retention_ms INTEGER NOT NULL,
  archived_from INTEGER,
  archived_through INTEGER
);
CREATE TABLE IF NOT EXISTS rounds (
  round INTEGER PRIMARY KEY,
  title TEXT NOT NULL,
  price REAL NOT NULL,
  currency TEXT NOT NULL,
  opens_at INTEGER NOT NULL,
  closes_at INTEGER NOT NULL,
  per_buyer_limit INTEGER NOT NULL,
  hold_seconds INTEGER NOT NULL,
  challenges TEXT NOT NULL,
  gate TEXT NOT NULL,
  paused INTEGER NOT NULL,
  closed INTEGER NOT NULL,
  stock_source TEXT NOT NULL CHECK (stock_source IN ('operator', 'origin')),
  version INTEGER NOT NULL,
  allocated INTEGER NOT NULL CHECK (allocated >= 0),
  available INTEGER NOT NULL CHECK (available >= 0),
  held INTEGER NOT NULL CHECK (held >= 0),
  paid INTEGER NOT NULL CHECK (paid >= 0),
  withdrawn INTEGER NOT NULL CHECK (withdrawn >= 0),
  held_orders INTEGER NOT NULL,
  paid_orders INTEGER NOT NULL,
  cancelled_orders INTEGER NOT NULL,
  expired_orders INTEGER NOT NULL,
  refund_due_orders INTEGER NOT NULL,
  CHECK (allocated = available + held + paid + withdrawn)
);
CREATE TABLE IF NOT EXISTS orders (
  order_id TEXT PRIMARY KEY,
  round INTEGER NOT NULL,
  jti TEXT NOT NULL,
  buyer_id TEXT NOT NULL,
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  status TEXT NOT NULL CHECK (status IN ('held', 'paid', 'cancelled', 'expired', 'refund_due')),
  version INTEGER NOT NULL,
  payment_id TEXT,
  hold_expires_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  traceparent TEXT NOT NULL,
  client TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS orders_jti ON orders (jti);
${BUYER_INDEXES}CREATE INDEX IF NOT EXISTS orders_held ON orders (hold_expires_at) WHERE status = 'held';
${UNPAID_INDEXES}${ENDED_INDEXES}${ARCHIVED_TABLE}CREATE TABLE IF NOT EXISTS outbox (
  seq INTEGER PRIMARY KEY,
  event_id TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL,
  at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  next_send_at INTEGER NOT NULL,
  parked INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (next_send_at) WHERE parked = 0;
CREATE TABLE IF NOT EXISTS callbacks (
  webhook_id TEXT PRIMARY KEY,
  digest TEXT NOT NULL,
  refused_status TEXT,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS callbacks_expiry ON callbacks (expires_at);
CREATE TABLE IF NOT EXISTS audit (
  entry INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  action TEXT NOT NULL,
  detail TEXT NOT NULL
);
`;
