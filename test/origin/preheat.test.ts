/** Preheat: the origin's own units become a round's, in one place at any time. */
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { openDatabase } from "../../src/origin/database.ts";
import { giveStockBack, NewerRound, takeStock } from "../../src/origin/preheat.ts";
import { orderEvent, stockEvent } from "../unit/origin/event-fixtures.ts";
import { CONFIG, createOriginDatabase, FakeBindings, type OriginDatabase, write } from "./origin-database.ts";

let database: OriginDatabase;
let bindings: FakeBindings;

beforeAll(async () => {
  database = await createOriginDatabase("preheat");
  bindings = new FakeBindings(database.connectionString);
});

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
});

async function readProduct(id: string): Promise<unknown> {
  const [row] = await database.sql`SELECT * FROM products WHERE id = ${id}`;
  return row;
}

describe("takeStock", () => {
  it.each([
    [
      "allocated",
      "INSERT INTO products (id, round, allocated, held, paid, withdrawn, version) VALUES ('form-a', 1, 40, 0, 0, 0, 1)",
      "form-a",
    ],
    ["allocated alone", "INSERT INTO products (id, allocated) VALUES ('form-b', 40)", "form-b"],
    ["stock", "INSERT INTO products (id, stock) VALUES ('form-c', 40)", "form-c"],
    [
      "some of it sold elsewhere",
      "INSERT INTO products (id, allocated, held, paid) VALUES ('form-d', 50, 3, 7)",
      "form-d",
    ],
  ])("takes the origin's units, given as %s", async (_, insert, productId) => {
    await database.sql.unsafe(insert);
    expect(await takeStock(database, { productId, round: 1 })).toBe(40);
    expect(await readProduct(productId)).toMatchObject({
      round: 1,
      claimed_round: 1,
      allocated: 40,
      held: 0,
      paid: 0,
      stock: 0,
    });
  });

  it("answers null where the origin has no row", async () => {
    expect(await takeStock(database, { productId: "unknown", round: 1 })).toBeNull();
  });

  it("answers the same when asked again, with what the origin has added since", async () => {
    await database.sql`INSERT INTO products (id, stock) VALUES ('repeated', 40)`;
    expect(await takeStock(database, { productId: "repeated", round: 1 })).toBe(40);
    expect(await takeStock(database, { productId: "repeated", round: 1 })).toBe(40);
    await database.sql`UPDATE products SET stock = stock + 5 WHERE id = 'repeated'`;
    expect(await takeStock(database, { productId: "repeated", round: 1 })).toBe(45);
    expect(await readProduct("repeated")).toMatchObject({ allocated: 45, stock: 0 });
  });

  it("T1: many at once for different rounds: the units go to one of them", async () => {
    await database.sql`INSERT INTO products (id, stock) VALUES ('contested', 40)`;
    const callers = Array.from({ length: 8 }, () => openDatabase(database.connectionString, CONFIG.timeoutMs));
    const taken = await Promise.all(
      callers.map(async (client, index) => {
        try {
          return (await takeStock(client, { productId: "contested", round: 1 + index })) ?? 0;
        } catch (error) {
          if (error instanceof NewerRound) return 0;
          throw error;
        }
      }),
    );
    expect(taken.filter((units) => units > 0)).toEqual([40]);
  });

  it("T1: many at once for the same round: one claim, one answer", async () => {
    await database.sql`INSERT INTO products (id, stock) VALUES ('shared', 40)`;
    const callers = Array.from({ length: 8 }, () => openDatabase(database.connectionString, CONFIG.timeoutMs));
    const taken = await Promise.all(callers.map((client) => takeStock(client, { productId: "shared", round: 1 })));
    expect(taken).toEqual(Array.from({ length: 8 }, () => 40));
    expect(await readProduct("shared")).toMatchObject({ allocated: 40, stock: 0 });
  });

  it("T1: takes for the next round only what the last one gave back, however late its events come", async () => {
    const productId = "late";
    await database.sql`INSERT INTO products (id, stock) VALUES (${productId}, 40)`;
    await takeStock(database, { productId, round: 1 });
    const sold = orderEvent({ productId, orderId: "late-1", seq: 2, quantity: 10, status: "paid" });
    const closed = stockEvent({
      productId,
      type: "stock.closed",
      version: 2,
      seq: 3,
      allocated: 40,
      withdrawn: 30,
      returned: 30,
    });
    await write(bindings, [stockEvent({ productId, allocated: 40 })]);
    // Postgres has not heard of the ten that are sold, nor of the thirty that are not.
    expect(await takeStock(database, { productId, round: 2 })).toBe(0);
    await write(bindings, [closed, sold]);
    expect(await takeStock(database, { productId, round: 2 })).toBe(30);
    expect(await readProduct(productId)).toMatchObject({ round: 2, allocated: 30, paid: 0, stock: 0 });
  });

  it("takes units back that were withdrawn from the round before it opened", async () => {
    const productId = "withdrawn";
    await database.sql`INSERT INTO products (id, stock) VALUES (${productId}, 40)`;
    await takeStock(database, { productId, round: 1 });
    const withdrawn = stockEvent({
      productId,
      type: "stock.changed",
      version: 2,
      seq: 2,
      allocated: 40,
      withdrawn: 5,
      returned: 5,
    });
    await write(bindings, [stockEvent({ productId, allocated: 40 }), withdrawn]);
    expect(await takeStock(database, { productId, round: 1 })).toBe(40);
    expect(await readProduct(productId)).toMatchObject({ allocated: 40, withdrawn: 0, stock: 0 });
  });

  it("lets orders of the claimed round in before its stock event", async () => {
    await database.sql`INSERT INTO products (id, stock) VALUES ('ahead', 40)`;
    await takeStock(database, { productId: "ahead", round: 1 });
    expect((await write(bindings, [orderEvent({ productId: "ahead", orderId: "ahead-1" })])).acked).toEqual(["0"]);
    await write(bindings, [stockEvent({ productId: "ahead", allocated: 40 })]);
    expect(await readProduct("ahead")).toMatchObject({ allocated: 40, held: 1 });
  });

  it("refuses an older round", async () => {
    await database.sql`INSERT INTO products (id, stock) VALUES ('older', 40)`;
    await takeStock(database, { productId: "older", round: 2 });
    await expect(takeStock(database, { productId: "older", round: 1 })).rejects.toBeInstanceOf(NewerRound);
  });
});

describe("giveStockBack", () => {
  it("gives the units of a round back that did not come about, once", async () => {
    const round = { productId: "given", round: 1 };
    await database.sql`INSERT INTO products (id, stock) VALUES ('given', 40)`;
    await takeStock(database, round);
    expect(await giveStockBack(database, round)).toBe(40);
    expect(await giveStockBack(database, round)).toBe(0);
    expect(await readProduct("given")).toMatchObject({ allocated: 0, stock: 40 });
    expect(await takeStock(database, round)).toBe(40);
  });

  it("T1: gives nothing back once the round has begun", async () => {
    const round = { productId: "begun", round: 1 };
    await database.sql`INSERT INTO products (id, stock) VALUES ('begun', 40)`;
    await takeStock(database, round);
    await write(bindings, [stockEvent({ productId: "begun", allocated: 40 })]);
    expect(await giveStockBack(database, round)).toBe(0);
    expect(await readProduct("begun")).toMatchObject({ allocated: 40, stock: 0 });
  });
});
