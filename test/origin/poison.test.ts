/** F7 and T1: what can never be applied is set aside, what would oversell is stopped, and the others pass. */
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { orderEvent, stockEvent } from "../unit/origin/event-fixtures.ts";
import {
  createOriginDatabase,
  FakeBindings,
  type OriginDatabase,
  write,
  fillStock,
  MAX_INTEGER,
} from "./origin-database.ts";

let database: OriginDatabase;
let bindings: FakeBindings;

beforeAll(async () => {
  database = await createOriginDatabase("poison");
});

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  bindings = new FakeBindings(database.connectionString);
});

async function readProduct(id: string): Promise<unknown> {
  const [row] = await database.sql`SELECT * FROM products WHERE id = ${id}`;
  return row;
}

describe("writeBatch", () => {
  it("F7: garbage between events: the events pass, the garbage is tried until the queue gives it up", async () => {
    const garbage = [
      null,
      "text",
      { eventId: "x" },
      { ...orderEvent(), colour: "red" },
      orderEvent({ buyerId: "\u0000" }),
    ];
    const settled = await write(bindings, [...garbage, stockEvent({ productId: "among-garbage" })]);
    expect(settled.acked).toEqual(["5"]);
    expect(settled.retried.map(({ msgId }) => msgId)).toEqual(["0", "1", "2", "3", "4"]);
    expect(bindings.acknowledged).toEqual(["among-garbage.1.1"]);
  });

  it("F7: only garbage: Postgres is not asked at all", async () => {
    const unreachable = new FakeBindings("postgres://nobody:nothing@127.0.0.1:1/none");
    expect((await write(unreachable, [{}, null])).retried).toHaveLength(2);
  });

  it("F7: a valid event that Postgres cannot hold: alone set aside, in a batch of fifty", async () => {
    const events = Array.from({ length: 50 }, (_, index) => stockEvent({ productId: `full-${index}` }));
    const full = "full-31";
    await fillStock(database, full);
    const overflow = stockEvent({ productId: full, version: 2, seq: 2, returned: 1 });
    const settled = await write(bindings, [...events, overflow]);
    expect(settled.retried.map(({ msgId }) => msgId)).toEqual(["50"]);
    expect(settled.acked).toHaveLength(50);
    expect(bindings.acknowledged).toHaveLength(50);
    expect(await readProduct(full)).toMatchObject({ claimed_round: 1, stock_version: 1, stock: MAX_INTEGER });
  });

  it("F7: an event that gives an order to another buyer: set aside, the order stays", async () => {
    await write(bindings, [stockEvent({ productId: "moved" }), orderEvent({ productId: "moved", orderId: "moved-1" })]);
    const moved = orderEvent({
      productId: "moved",
      orderId: "moved-1",
      version: 2,
      seq: 3,
      status: "paid",
      buyerId: "buyer-2",
    });
    const other = orderEvent({ productId: "moved", orderId: "moved-2", seq: 4 });
    expect(await write(bindings, [moved, other])).toMatchObject({ acked: ["1"], retried: [{ msgId: "0" }] });
    expect(await readProduct("moved")).toMatchObject({ held: 2, paid: 0 });
  });

  it("T1: more orders than stock: only as many as there is stock for, in the order of the ledger", async () => {
    const orders = [1, 2, 3].map((number) =>
      orderEvent({ productId: "scarce", orderId: `scarce-${number}`, seq: 1 + number }),
    );
    const settled = await write(bindings, [...orders.toReversed(), stockEvent({ productId: "scarce", allocated: 2 })]);
    expect(settled.retried.map(({ msgId }) => msgId)).toEqual(["0"]);
    expect(await readProduct("scarce")).toMatchObject({ allocated: 2, held: 2 });
  });

  it("T1: an order whose room another event makes: waits for it", async () => {
    const first = orderEvent({ productId: "room", orderId: "room-1" });
    await write(bindings, [stockEvent({ productId: "room", allocated: 1 }), first]);
    const ended = orderEvent({
      ...first,
      version: 2,
      seq: 3,
      status: "expired",
      type: "order.expired",
      eventId: "room-1.2",
    });
    const second = orderEvent({ productId: "room", orderId: "room-2", seq: 4 });
    expect(await write(bindings, [second])).toMatchObject({ acked: [], retried: [{ msgId: "0" }] });
    expect((await write(bindings, [ended])).acked).toEqual(["0"]);
    expect((await write(bindings, [second])).acked).toEqual(["0"]);
    expect(await readProduct("room")).toMatchObject({ allocated: 1, held: 1 });
  });
});

describe("the schema", () => {
  it.each([
    [
      "held + paid above allocated",
      "UPDATE products SET held = allocated, paid = 1 WHERE id = 'schema'",
      "products_never_oversold",
    ],
    ["less than nothing held", "UPDATE products SET held = -1 WHERE id = 'schema'", "products_held_check"],
    ["less than nothing in stock", "UPDATE products SET stock = -1 WHERE id = 'schema'", "products_stock_check"],
    [
      "a status that does not exist",
      "UPDATE orders SET status = 'shipped' WHERE id = 'schema-1'",
      "orders_status_check",
    ],
  ])("T1: refuses %s, whoever writes it", async (_, statement, constraint) => {
    await write(bindings, [
      stockEvent({ productId: "schema" }),
      orderEvent({ productId: "schema", orderId: "schema-1" }),
    ]);
    await expect(database.sql.unsafe(statement)).rejects.toMatchObject({ code: "23514", constraint_name: constraint });
  });

  it.each(["UPDATE order_events SET seq = 0", "DELETE FROM order_events", "TRUNCATE order_events"])(
    "F5: order_events is append-only: %s",
    async (statement) => {
      await expect(database.sql.unsafe(statement)).rejects.toMatchObject({ code: "23001" });
    },
  );
});
