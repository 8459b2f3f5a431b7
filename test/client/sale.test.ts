import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Clock, startClock } from "../../client/clock.ts";
import { createGateway } from "../../client/gateway.ts";
import { parseSavedSale, type SaleMemory, type SavedSale } from "../../client/memory.ts";
import { type Sale, startSale } from "../../client/sale.ts";
import { CANCEL, CHECKOUT, LOOK, ORDER, PRODUCT, STATUS, TOKEN, TOKENS } from "./documents.ts";
import { FakeSurroundings, GATEWAY_START, json, problem, settle } from "./fake-surroundings.ts";

let surroundings: FakeSurroundings;
let clock: Clock;
let sale: Sale;
let saved: SavedSale;

const memory: SaleMemory = {
  // As through storage: text in, parsed text out.
  read: () => parseSavedSale(JSON.parse(JSON.stringify(saved))),
  write: (next) => {
    saved = next;
  },
};

function product(change: object = {}): Response {
  return json(200, { ...PRODUCT, ...change }, { "Cache-Control": "public, max-age=1" });
}

async function start(): Promise<void> {
  clock = startClock(surroundings);
  const gateway = createGateway({ platform: surroundings, identity: () => Promise.resolve("jwt") });
  sale = startSale({ productId: "demo", gateway, clock, platform: surroundings, memory });
  await settle();
}

beforeEach(() => {
  surroundings = new FakeSurroundings();
  saved = {};
  surroundings.on(LOOK, () => product());
  surroundings.on(TOKENS, () => json(201, TOKEN));
  surroundings.on(CHECKOUT, () => json(202, ORDER));
  surroundings.on(STATUS, () => json(200, ORDER));
});

afterEach(() => {
  sale.stop();
  clock.stop();
});

describe("startSale before the opening", () => {
  const opensAt = GATEWAY_START + 60_000;

  beforeEach(() => {
    surroundings.on(LOOK, () => product({ state: surroundings.gatewayNow() < opensAt ? "upcoming" : "open", opensAt }));
  });

  test("T10: a click sends nothing", async () => {
    await start();
    await surroundings.advance(59_999);
    await sale.buy();
    expect(sale.phase()).toBe("upcoming");
    expect(surroundings.count(TOKENS)).toBe(0);
  });

  test("F10: opens at opensAt by the gateway's clock, to the millisecond, and tells its listeners so", async () => {
    await start();
    const phases: [number, string][] = [];
    sale.subscribe(() => phases.push([surroundings.gatewayNow() - opensAt, sale.phase()]));
    await surroundings.advance(61_000);
    expect(phases.find(([, phase]) => phase === "open")?.[0]).toBe(0);
    expect(phases.filter(([at]) => at < 0).every(([, phase]) => phase === "upcoming")).toBe(true);
  });

  test("looks again right after the opening", async () => {
    surroundings.chance = 0.5;
    await start();
    await surroundings.advance(59_999);
    const before = surroundings.count(LOOK);
    await surroundings.advance(500);
    expect(surroundings.count(LOOK)).toBe(before + 1);
  });

  test("sets the clock once more shortly before it", async () => {
    await start();
    await surroundings.advance(10_000);
    const before = surroundings.count("GET /v1/time");
    await surroundings.advance(49_000);
    expect(surroundings.count("GET /v1/time")).toBe(before + 4);
  });

  test("a click that was early by a hair buys all the same", async () => {
    await start();
    await surroundings.advance(60_000);
    const replies = [problem(425, "too-early", { opensAt: opensAt + 30 }, 1), json(201, TOKEN)];
    surroundings.on(TOKENS, () => replies.shift() ?? "lost");
    const click = sale.buy();
    await surroundings.advance(1_000);
    await click;
    expect(sale.phase()).toBe("held");
  });
});

describe("startSale in an open round", () => {
  test("one click sends one token request and one checkout, however often it is repeated", async () => {
    await start();
    const clicks = [sale.buy(), sale.buy(), sale.buy()];
    expect(sale.phase()).toBe("buying");
    await Promise.all(clicks);
    expect(surroundings.count(TOKENS)).toBe(1);
    expect(surroundings.count(CHECKOUT)).toBe(1);
    expect(sale.phase()).toBe("held");
    await sale.buy();
    expect(surroundings.count(TOKENS)).toBe(1);
  });

  test("Retry-After: the button lights again at its end, and no click before it is sent", async () => {
    surroundings.on(TOKENS, () => problem(429, "rate-limited", {}, 20));
    await start();
    await sale.buy();
    const refusedAt = surroundings.gatewayNow();
    expect(sale.state().notice?.retryAt).toBe(refusedAt + 20_000);
    await surroundings.advance(19_999);
    await sale.buy();
    expect(surroundings.count(TOKENS)).toBe(1);
    await surroundings.advance(1);
    await sale.buy();
    expect(surroundings.count(TOKENS)).toBe(2);
  });

  test("follows the order until it is paid and the shop has it, then stops asking", async () => {
    await start();
    await sale.buy();
    surroundings.on(STATUS, () => json(200, { ...ORDER, status: "paid" }));
    await surroundings.advance(4_000);
    expect(sale.phase()).toBe("paid");
    surroundings.on(STATUS, () => json(200, { ...ORDER, status: "paid", delivered: true }));
    await surroundings.advance(4_000);
    expect(sale.state().order?.delivered).toBe(true);
    const before = surroundings.count(STATUS);
    await surroundings.advance(600_000);
    expect(surroundings.count(STATUS)).toBe(before);
    expect(surroundings.count(LOOK)).toBeLessThan(3);
  });

  test("notices the end of the hold right after it, and lets the buyer try again", async () => {
    surroundings.on(STATUS, () => {
      const isOver = surroundings.gatewayNow() >= ORDER.holdExpiresAt;
      return json(200, { ...ORDER, status: isOver ? "expired" : "held", delivered: true });
    });
    await start();
    await sale.buy();
    await surroundings.advance(ORDER.holdExpiresAt - surroundings.gatewayNow() + 500);
    expect(sale.phase()).toBe("expired");
    surroundings.on(CHECKOUT, () => json(202, { ...ORDER, orderId: "ord_2" }));
    await sale.buy();
    expect(sale.state().order?.orderId).toBe("ord_2");
  });

  test("cancels once, and repeats only what was lost", async () => {
    const replies = ["lost" as const, json(200, { ...ORDER, status: "cancelled", delivered: true })];
    surroundings.on(CANCEL, () => replies.shift() ?? "lost");
    await start();
    await sale.buy();
    const clicks = [sale.cancel(), sale.cancel()];
    await surroundings.advance(2_000);
    await Promise.all(clicks);
    expect(surroundings.count(CANCEL)).toBe(2);
    expect(sale.phase()).toBe("cancelled");
    expect(sale.state().notice).toBeUndefined();
  });

  test("a hidden page asks nothing, and asks at once when it is seen again", async () => {
    await start();
    await surroundings.advance(2_000);
    await surroundings.show(false);
    const before = surroundings.count(LOOK);
    await surroundings.advance(120_000);
    expect(surroundings.count(LOOK)).toBe(before);
    await surroundings.show(true);
    expect(surroundings.count(LOOK)).toBe(before + 1);
  });

  test("an operator closes while the buyer holds: the sale's end is known when the order's is told", async () => {
    await start();
    await sale.buy();
    surroundings.on(LOOK, () => product({ state: "closed" }));
    surroundings.on(STATUS, () => json(200, { ...ORDER, status: "cancelled", delivered: true }));
    const stateAtCancel: (string | undefined)[] = [];
    sale.subscribe(() => {
      if (sale.phase() === "cancelled") stateAtCancel.push(sale.state().product?.state);
    });
    await surroundings.advance(4_000);
    expect(new Set(stateAtCancel)).toEqual(new Set(["closed"]));
  });

  test("a closed page finds the next round by itself, and asks nothing while it is hidden", async () => {
    surroundings.on(LOOK, () => product({ state: "closed" }));
    await start();
    await surroundings.show(false);
    const before = surroundings.count(LOOK);
    await surroundings.advance(120_000);
    expect(surroundings.count(LOOK)).toBe(before);
    await surroundings.show(true);
    surroundings.on(LOOK, () => product({ round: 2 }));
    await surroundings.advance(40_000);
    expect(sale.phase()).toBe("open");
  });

  test("asks nothing after stop", async () => {
    await start();
    sale.stop();
    const before = surroundings.count(LOOK);
    await surroundings.advance(120_000);
    expect(surroundings.count(LOOK)).toBe(before);
  });
});

describe("startSale after a reload", () => {
  test("shows the order again", async () => {
    await start();
    await sale.buy();
    sale.stop();
    clock.stop();
    await start();
    expect(sale.phase()).toBe("held");
    expect(surroundings.count(STATUS)).toBe(1);
    expect(surroundings.count(TOKENS)).toBe(1);
  });

  test("F2: a purchase that was cut off is taken up with the same token", async () => {
    surroundings.on(CHECKOUT, () => new Promise(() => {}));
    await start();
    void sale.buy(2);
    await settle();
    sale.stop();
    clock.stop();

    surroundings.on(CHECKOUT, () => json(200, { ...ORDER, quantity: 2 }));
    await start();
    expect(sale.phase()).toBe("held");
    expect(surroundings.count(TOKENS)).toBe(1);
    expect(surroundings.sent.at(-1)?.headers.get("Purchase-Token")).toBe(TOKEN.token);
    expect(surroundings.sent.at(-1)?.body).toBe('{"quantity":2}');
    expect(saved.attempt).toBeUndefined();
  });

  test("forgets an order that the gateway does not know", async () => {
    saved = { order: ORDER, orderRound: 1 };
    surroundings.on(STATUS, () => problem(404, "not-found"));
    await start();
    expect(sale.phase()).toBe("open");
    expect(saved.order).toBeUndefined();
  });

  test("memory that somebody else wrote to is no memory", () => {
    expect(parseSavedSale("x")).toEqual({});
    expect(parseSavedSale({ order: { orderId: 1 }, attempt: { token: "t" }, orderRound: "1" })).toEqual({});
    expect(parseSavedSale({ order: { ...ORDER, statusUrl: "https://evil.example/" } })).toEqual({});
  });
});

test("a sale that does not exist is told, and not asked for again", async () => {
  surroundings.on(LOOK, () => problem(404, "not-found"));
  await start();
  await surroundings.advance(600_000);
  expect(sale.phase()).toBe("missing");
  expect(surroundings.count(LOOK)).toBe(1);
});

describe("startSale where the buyer has an open order elsewhere", () => {
  beforeEach(() => {
    surroundings.on(CHECKOUT, () => problem(409, "hold-open", { orderId: "ord_1", statusUrl: ORDER.statusUrl }, 90));
  });

  test("T22: a second click is shown the first one's order", async () => {
    await start();
    await sale.buy();
    expect(sale.phase()).toBe("held");
    expect(sale.state().order).toMatchObject({ orderId: "ord_1" });
    expect(saved.order).toMatchObject({ orderId: "ord_1" });
  });

  test("T22: is told to wait where that order cannot be seen", async () => {
    surroundings.on(STATUS, () => problem(404, "not-found"));
    await start();
    await sale.buy();
    expect(sale.state().notice).toMatchObject({ refusal: { code: "hold-open" } });
    expect(sale.phase()).toBe("open");
  });
});
