/** The judge of `npm run rush` must be able to say no: each promise is broken once, in evidence that is otherwise sound. */
import { describe, expect, it } from "vitest";
import type { PostgresOrder, PostgresView } from "../../scripts/rush/postgres.ts";
import { type Evidence, judge } from "../../scripts/rush/promises.ts";
import { newRecord, type SeenOrder } from "../../scripts/rush/record.ts";
import type { LedgerDocument } from "../../scripts/rush/sale-api.ts";

const STOCK = 3;

/** Three units: one paid, one paid after it came back from a hold that expired, one paid; one order due for refund. */
const STORY: readonly (readonly [id: string, status: string, version: number])[] = [
  ["a", "paid", 2],
  ["b", "expired", 2],
  ["c", "paid", 2],
  ["d", "cancelled", 2],
  ["e", "refund_due", 3],
  ["f", "paid", 2],
];

interface Changes {
  readonly ledger?: Partial<LedgerDocument>;
  readonly orders?: Readonly<Record<string, Partial<SeenOrder>>>;
  readonly rows?: Readonly<Record<string, Partial<PostgresOrder> | null>>;
  readonly extraRow?: Partial<PostgresOrder>;
  readonly product?: Partial<NonNullable<PostgresView["product"]>> | null;
  readonly deadLetters?: number;
  readonly record?: (record: Evidence["record"]) => void;
}

function row(id: string, status: string, version: number): PostgresOrder {
  return { id, buyerId: `buyer-${id}`, quantity: 1, status, version, events: version, versions: version };
}

function evidence(changes: Changes = {}): Evidence {
  const record = { ...newRecord() };
  for (const [orderId, status] of STORY) {
    const buyerId = `buyer-${orderId}`;
    const told = status === "expired" ? "held" : status;
    const sound = { orderId, buyerId, quantity: 1, tokenId: buyerId, accepted: 1, replayed: 0, status: told };
    record.orders.set(orderId, { ...sound, ...changes.orders?.[orderId] });
  }
  changes.record?.(record);
  const rows = STORY.flatMap(([id, status, version]) => {
    const change = changes.rows?.[id];
    return change === null ? [] : [{ ...row(id, status, version), ...change }];
  });
  if (changes.extraRow !== undefined) rows.push({ ...row("x", "expired", 2), ...changes.extraRow });
  const ledger: LedgerDocument = {
    state: "sold-out",
    allocated: STOCK,
    available: 0,
    held: 0,
    paid: 3,
    withdrawn: 0,
    orders: { held: 0, paid: 3, cancelled: 1, expired: 1, refundDue: 1 },
    outbox: { pending: 0 },
    ...changes.ledger,
  };
  const product =
    changes.product === null ? null : { allocated: STOCK, held: 0, paid: 3, withdrawn: 0, ...changes.product };
  const postgres = { product, orders: rows, deadLetters: changes.deadLetters ?? 0 };
  return { record, stock: STOCK, perBuyerLimit: 2, ledger, postgres };
}

function broken(changed: Evidence): readonly string[] {
  return judge(changed)
    .filter(({ kept }) => !kept)
    .map(({ promise }) => promise);
}

describe("judge", () => {
  it("finds every promise kept in sound evidence", () => {
    expect(broken(evidence())).toEqual([]);
    expect(judge(evidence())).toHaveLength(14);
  });

  it("judges without Postgres what can be judged without it", () => {
    expect(judge({ ...evidence(), postgres: null })).toHaveLength(9);
  });

  it.each<readonly [what: string, promise: RegExp, changes: Changes]>([
    ["a fourth unit that a buyer was told is paid", /too many/, { orders: { b: { status: "paid" } } }],
    ["a fourth paid unit in Postgres", /too many/, { rows: { b: { status: "paid" } } }],
    ["a fourth held unit in Postgres", /too many/, { rows: { b: { status: "held" } } }],
    ["more allocated than there is stock", /too many/, { ledger: { allocated: 4, available: 1 } }],
    ["a unit that stays held for ever", /too few/, { ledger: { held: 1, paid: 2 } }],
    [
      "a unit left although somebody wanted one",
      /too few/,
      { ledger: { available: 1, paid: 2 }, record: (r) => r.wentWithout.push(1) },
    ],
    ["a token with two orders", /One token/, { orders: { b: { tokenId: "buyer-a" } } }],
    ["a token that was accepted twice", /One token/, { orders: { a: { accepted: 2 } } }],
    ["a buyer with three units", /more than the limit/, { rows: { a: { buyerId: "buyer-c", quantity: 2 } } }],
    ["a token before the opening", /before the opening/, { record: (r) => r.tooSoon.push("purchase token") }],
    ["a respelt token that was taken", /respelt/, { record: (r) => (r.respeltAccepted = 1) }],
    [
      "61 tokens for one address",
      /One address/,
      { record: (r) => r.sharedTokensAt.push(...Array<number>(61).fill(1000)) },
    ],
    ["an internal error", /contract/, { record: (r) => r.unexpected.set("internal (500)", 1) }],
    ["a ledger that does not add up", /balances/, { ledger: { available: 1 } }],
    ["an event that is still pending", /reached Postgres/, { ledger: { outbox: { pending: 1 } } }],
    ["a dead letter", /reached Postgres/, { deadLetters: 1 }],
    ["an accepted order without a row", /one row in Postgres/, { rows: { b: null } }],
    ["a row that nobody was told of", /one row in Postgres/, { extraRow: {} }],
    ["a row of another buyer", /one row in Postgres/, { rows: { a: { buyerId: "buyer-z" } } }],
    ["a row with another quantity", /one row in Postgres/, { rows: { b: { quantity: 2 } } }],
    ["a payment that Postgres does not know", /paid, cancelled or due/, { rows: { a: { status: "expired" } } }],
    ["a products row that is missing", /agree/, { product: null }],
    ["a products row with another number of paid units", /agree/, { product: { paid: 2 } }],
    ["a products row with another number of held units", /agree/, { product: { held: 1 } }],
    [
      "orders that do not add up to the ledger",
      /agree/,
      { ledger: { orders: { held: 0, paid: 2, cancelled: 1, expired: 1, refundDue: 1 } } },
    ],
    ["an event that was applied twice", /Exactly one event/, { rows: { a: { events: 3 } } }],
    ["an event that is missing", /Exactly one event/, { rows: { e: { events: 2, versions: 2 } } }],
  ])("finds %s", (_what, promise, changes) => {
    expect(broken(evidence(changes))).toEqual(expect.arrayContaining([expect.stringMatching(promise)]));
  });

  it("does not take tokens of the next minute for too many", () => {
    const minutes = [0, 60_100].flatMap((start) => Array.from({ length: 60 }, (_, index) => start + index));
    const changed = evidence({ record: (r) => r.sharedTokensAt.push(...minutes) });
    expect(broken(changed)).toEqual([]);
  });
});
