-- The origin's inbox: what the gateway's writer keeps in the origin's Postgres.
--
-- The origin reads all of it. It inserts rows of products (id and allocated, or id and stock) when a sale is to be
-- stocked from here, and may add to products.stock; everything else is the writer's.
-- Times are timestamptz, quantities are units. Statuses and types are checked, so that nothing else ever stands here.

CREATE TABLE products (
  id text PRIMARY KEY,
  round integer NOT NULL DEFAULT 0 CHECK (round >= 0),
  title text NOT NULL DEFAULT '',
  allocated integer NOT NULL DEFAULT 0 CHECK (allocated >= 0),
  held integer NOT NULL DEFAULT 0 CHECK (held >= 0),
  paid integer NOT NULL DEFAULT 0 CHECK (paid >= 0),
  withdrawn integer NOT NULL DEFAULT 0 CHECK (withdrawn >= 0),
  version integer NOT NULL DEFAULT 0 CHECK (version >= 0),
  stock integer NOT NULL DEFAULT 0 CHECK (stock >= 0),
  stock_version integer NOT NULL DEFAULT 0 CHECK (stock_version >= 0),
  claimed_round integer NOT NULL DEFAULT 0 CHECK (claimed_round >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT products_never_oversold CHECK (held::bigint + paid <= allocated)
);

COMMENT ON TABLE products IS 'One row per product: the stock of its current round as far as the events have arrived, and the origin''s own stock';
COMMENT ON COLUMN products.id IS 'The product''s slug, [a-z0-9-]{1,64}';
COMMENT ON COLUMN products.round IS 'The sale window that allocated, held, paid and withdrawn belong to; 0 before the first';
COMMENT ON COLUMN products.title IS 'As shown on the sale page in this round';
COMMENT ON COLUMN products.allocated IS 'Units given to the round';
COMMENT ON COLUMN products.held IS 'Units in orders of the round that wait for their payment';
COMMENT ON COLUMN products.paid IS 'Units in paid orders of the round';
COMMENT ON COLUMN products.withdrawn IS 'Units taken out of the round again, by an operator or by its closing';
COMMENT ON COLUMN products.version IS 'Counts up with every change of the row: the optimistic lock';
COMMENT ON COLUMN products.stock IS 'Units of the origin''s own that are in no round; a preheat takes them';
COMMENT ON COLUMN products.stock_version IS 'Version of the newest stock event that was applied for the round; 0 before the first';
COMMENT ON COLUMN products.claimed_round IS 'The round that the gateway took the row over for; 0: the row is still as the origin inserted it, and its free units belong to the origin';
COMMENT ON CONSTRAINT products_never_oversold ON products IS 'The last line of defence: never more orders than stock';

CREATE TABLE orders (
  id text PRIMARY KEY,
  product_id text NOT NULL REFERENCES products (id),
  round integer NOT NULL CHECK (round >= 1),
  buyer_id text NOT NULL,
  quantity integer NOT NULL CHECK (quantity >= 1),
  status text NOT NULL CHECK (status IN ('held', 'paid', 'cancelled', 'expired', 'refund_due')),
  version integer NOT NULL CHECK (version >= 1),
  payment_id text,
  hold_expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX orders_product_status ON orders (product_id, status, round);
CREATE INDEX orders_buyer ON orders (buyer_id, created_at);
CREATE INDEX orders_recorded ON orders (recorded_at, id);

COMMENT ON TABLE orders IS 'One row per order, as it was after its newest event that has arrived';
COMMENT ON COLUMN orders.id IS 'The order id: opaque, unique, URL-safe';
COMMENT ON COLUMN orders.product_id IS 'The product that was ordered';
COMMENT ON COLUMN orders.round IS 'The sale window that the order belongs to';
COMMENT ON COLUMN orders.buyer_id IS 'The sub of the merchant''s own JWT';
COMMENT ON COLUMN orders.quantity IS 'Units, held all or nothing';
COMMENT ON COLUMN orders.status IS 'held, then paid, cancelled or expired; refund_due: money came too late and no stock was left';
COMMENT ON COLUMN orders.version IS 'Counts up with every change of the order; only a newer one is applied';
COMMENT ON COLUMN orders.payment_id IS 'The origin''s own id of the payment, from its callback';
COMMENT ON COLUMN orders.hold_expires_at IS 'Until when the units are set aside for the payment';
COMMENT ON COLUMN orders.created_at IS 'When the units were held, by the gateway''s clock';
COMMENT ON COLUMN orders.updated_at IS 'When the order last changed, by the gateway''s clock';
COMMENT ON COLUMN orders.recorded_at IS 'When this version was written here, by the database''s clock';

CREATE TABLE order_events (
  event_id text PRIMARY KEY,
  product_id text NOT NULL REFERENCES products (id),
  round integer NOT NULL CHECK (round >= 1),
  seq integer NOT NULL CHECK (seq >= 0),
  order_id text,
  version integer NOT NULL CHECK (version >= 1),
  type text NOT NULL,
  buyer_id text,
  quantity integer,
  status text,
  payment_id text,
  hold_expires_at timestamptz,
  title text,
  allocated integer,
  withdrawn integer,
  returned integer,
  request_id text NOT NULL,
  traceparent text NOT NULL,
  at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX order_events_seq ON order_events (product_id, seq);
CREATE INDEX order_events_order ON order_events (order_id, version) WHERE order_id IS NOT NULL;
CREATE INDEX order_events_request ON order_events (request_id);

COMMENT ON TABLE order_events IS 'Every event that was applied, once; append-only. What a row says can be proven from here';
COMMENT ON COLUMN order_events.event_id IS 'order id and version, or product, round and version: one effect per id';
COMMENT ON COLUMN order_events.product_id IS 'The product whose ledger changed';
COMMENT ON COLUMN order_events.round IS 'The sale window that the change belongs to';
COMMENT ON COLUMN order_events.seq IS 'Counts up over everything the product ever sent: the order in which its ledger changed';
COMMENT ON COLUMN order_events.order_id IS 'The order that changed; null for a change of stock';
COMMENT ON COLUMN order_events.version IS 'The order''s version, or the product''s';
COMMENT ON COLUMN order_events.type IS 'What happened, as in order.held or stock.closed';
COMMENT ON COLUMN order_events.buyer_id IS 'Order events: whose order';
COMMENT ON COLUMN order_events.quantity IS 'Order events: units';
COMMENT ON COLUMN order_events.status IS 'Order events: the order''s status after the change';
COMMENT ON COLUMN order_events.payment_id IS 'Order events: the origin''s id of the payment';
COMMENT ON COLUMN order_events.hold_expires_at IS 'Order events: until when the units are set aside';
COMMENT ON COLUMN order_events.title IS 'Stock events: the product''s title';
COMMENT ON COLUMN order_events.allocated IS 'Stock events: units given to the round so far';
COMMENT ON COLUMN order_events.withdrawn IS 'Stock events: units taken out of the round so far';
COMMENT ON COLUMN order_events.returned IS 'Stock events: units that this very change gave back to the origin''s own stock';
COMMENT ON COLUMN order_events.request_id IS 'X-Request-Id of the request that caused the change';
COMMENT ON COLUMN order_events.traceparent IS 'W3C Trace Context of that request';
COMMENT ON COLUMN order_events.at IS 'When the ledger changed, by the gateway''s clock';
COMMENT ON COLUMN order_events.recorded_at IS 'When the event was written here, by the database''s clock';

CREATE FUNCTION order_events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'order_events is append-only: % is not allowed', TG_OP USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER order_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON order_events
  FOR EACH STATEMENT EXECUTE FUNCTION order_events_are_append_only();

CREATE TABLE dead_letters (
  event_id text PRIMARY KEY,
  product_id text,
  body jsonb NOT NULL,
  reason text NOT NULL,
  attempts integer NOT NULL CHECK (attempts >= 1),
  first_failed_at timestamptz NOT NULL,
  last_failed_at timestamptz NOT NULL,
  replayed_at timestamptz,
  resolved_at timestamptz
);

CREATE INDEX dead_letters_waiting ON dead_letters (first_failed_at, event_id) WHERE resolved_at IS NULL;

COMMENT ON TABLE dead_letters IS 'Messages that could not be applied, for an operator to look at and replay';
COMMENT ON COLUMN dead_letters.event_id IS 'The event''s id; a digest of the body where it has none';
COMMENT ON COLUMN dead_letters.product_id IS 'The product that the body names; null where it names none';
COMMENT ON COLUMN dead_letters.body IS 'The message as it came; {"unstorable": "<JSON text>"} where jsonb cannot hold it';
COMMENT ON COLUMN dead_letters.reason IS 'Why the last attempt failed';
COMMENT ON COLUMN dead_letters.attempts IS 'How often the message came here';
COMMENT ON COLUMN dead_letters.first_failed_at IS 'When it came here first';
COMMENT ON COLUMN dead_letters.last_failed_at IS 'When it came here last';
COMMENT ON COLUMN dead_letters.replayed_at IS 'When an operator last sent it to the writer again';
COMMENT ON COLUMN dead_letters.resolved_at IS 'When its event was applied after all; null while it waits';
