/** No statement of the product object reads more rows than it needs, however many orders there are. */
import { expect, it, vi } from "vitest";
import type { HoldCommand } from "../../../durable-objects/product/protocol.ts";
import { acknowledgeAll } from "../../support/worker/archive.ts";
import {
  breakStatement,
  CAUSE,
  holdOne,
  inProduct,
  makeCallback,
  makeCancel,
  makeHold,
  makePay,
  makeProduct,
  recordQueue,
  RETENTION_MS,
  runAlarm,
  useMovableClock,
} from "../../support/worker/products.ts";

recordQueue();
useMovableClock();

/** Tables of one row, lists of tables and columns, and a count that is told to operators only. */
const MAY_SCAN = [
  /^SCAN product$/,
  /^SCAN sqlite_master$/,
  /^SCAN pragma_table_info/,
  /^SCAN CONSTANT ROW$/,
  // A thousand rounds at the most, and four rows of each: once in an object's life.
  /^SCAN (?:rounds|archived)$/,
  // A list that the caller gives.
  /^SCAN json_each VIRTUAL TABLE/,
  /^SCAN outbox USING COVERING INDEX/,
];
/** By the way of an index to its first rows: SQLite says SCAN, and stops there. */
const FIRST_OF = /ORDER BY \S+(?: DESC)? LIMIT (?:1|\?)/;
/** Reads what it has to change: a round that an operator closes gives up every hold. And what this test itself asks. */
const READS_ALL = ["SELECT * FROM orders WHERE status = 'held' AND round = ?", "SELECT body FROM outbox ORDER BY seq"];

const HOARDING = {
  openHoldsPerBuyer: 2,
  unpaidUnitSecondsPerBuyer: 7200,
  unpaidUnitSecondsPerClient: 86_400,
  lapses: 2,
  cooldownSeconds: 5,
};

it("searches by an index, in every step of a sale and of what follows", async () => {
  const { id, product } = await makeProduct(4, { perBuyerLimit: 3 });
  const plans = await inProduct(id, async (instance, { storage }) => {
    const { sql } = storage;
    const execute = sql.exec.bind(sql);
    const asked = new Map<string, number>();
    sql.exec = ((query: string, ...bindings: unknown[]) => {
      asked.set(query, bindings.length);
      return execute(query, ...bindings);
    }) as SqlStorage["exec"];
    const sale = { hoarding: HOARDING, client: "c-1" };
    const first = await holdOne(instance, { ...sale, buyerId: "b-1" });
    const lapsing = await holdOne(instance, { ...sale, buyerId: "b-1" });
    const others = [await holdOne(instance, sale), await holdOne(instance, sale)];
    expect(await instance.hold(makeHold(sale))).toMatchObject({ refusal: { code: "held-out" } });
    await instance.view();
    await instance.pay(makePay(first.orderId));
    await instance.cancel(makeCancel(others[0]?.orderId ?? "", { callback: makeCallback() }));
    vi.setSystemTime(lapsing.holdExpiresAt);
    await instance.order(lapsing.orderId);
    await instance.hold(makeHold({ ...sale, buyerId: "b-1" }));
    await instance.pay(makePay(lapsing.orderId));
    await instance.changeStock(1, CAUSE);
    await instance.park([`${first.orderId}.1`]);
    await instance.alarm();
    return { asked, end: () => delete (sql as { exec?: unknown }).exec };
  });
  await acknowledgeAll(id, product);
  await product.act("close", CAUSE);
  await acknowledgeAll(id, product);
  vi.setSystemTime(Date.now() + 8 * RETENTION_MS);
  await runAlarm(id);
  const asked = await inProduct(id, (_instance, { storage }) => {
    plans.end();
    return [...plans.asked].map(([query, bindings]) => {
      const nulls: null[] = Array.from({ length: bindings }, () => null);
      return { query, plan: storage.sql.exec<{ detail: string }>(`EXPLAIN QUERY PLAN ${query}`, ...nulls).toArray() };
    });
  });
  const scans = asked.flatMap(({ query, plan }) =>
    plan
      .filter(({ detail }) => detail.startsWith("SCAN") && !READS_ALL.includes(query))
      .filter(({ detail }) => !MAY_SCAN.some((allowed) => allowed.test(detail)) && !FIRST_OF.test(query))
      .map(({ detail }) => `${detail}: ${query}`),
  );
  expect(scans).toEqual([]);
  // Of a buyer's orders never by when a hold is over, or when something was paid: those are everybody's.
  const byOthers = asked
    .filter(({ query }) => query.includes("buyer_id = ?"))
    .flatMap(({ query, plan }) => plan.map(({ detail }) => ({ detail, query })))
    .filter(({ detail }) => /USING (?:COVERING )?INDEX orders_(?:held|ended_\w+) /.test(detail));
  expect(byOthers).toEqual([]);
  // Without these nothing of a sale was seen.
  const kinds = ["INSERT INTO orders", "DELETE FROM orders", "FROM orders WHERE client = ?", "INSERT INTO callbacks"];
  for (const kind of kinds) expect([...plans.asked.keys()].some((query) => query.includes(kind))).toBe(true);
});

it("asks two statements for the hold of a newcomer, three for another, and two for the commit that it is in", async () => {
  const { id, product } = await makeProduct(100, { perBuyerLimit: 5 });
  // The first one after the product was made: it sets the alarm, and finds nothing in memory.
  await holdOne(product, { buyerId: "b-1", client: "c-1" });
  const countFor = (holds: number, changes: Partial<HoldCommand> = {}): Promise<number> =>
    inProduct(id, async (instance, { storage }) => {
      const count = breakStatement(storage.sql, () => false);
      await Promise.all(Array.from({ length: holds }, () => instance.hold(makeHold(changes))));
      return count();
    });
  expect(await countFor(1)).toBe(2 + 2);
  expect(await countFor(1, { client: "c-2" })).toBe(2 + 2);
  expect(await countFor(1, { buyerId: "b-1" })).toBe(3 + 2);
  expect(await countFor(1, { client: "c-1" })).toBe(3 + 2);
  // The first of them is committed at once, the others together.
  expect(await countFor(11)).toBe(2 + 2 + 10 * 2 + 2);
});
