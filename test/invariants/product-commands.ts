/** What may happen to a product, as commands of a model-based test: each does it to model and object, and compares. */
import * as fc from "fast-check";
import { expect, vi } from "vitest";
import type {
  CallbackId,
  HoardingRules,
  HoldAnswer,
  HoldCommand,
  OrderAnswer,
  OrderEvent,
  OrderSnapshot,
  RoundAction,
} from "../../durable-objects/product/protocol.ts";
import { TOKEN_HORIZON_MS } from "../../durable-objects/product/retention.ts";
import {
  CAUSE,
  evictProduct,
  inProduct,
  makeCallback,
  makeCancel,
  makeConfigure,
  HOARDING_OFF,
  makeHold,
  makePay,
  makeRules,
  outboxOf,
  type QueueRecord,
  runAlarm,
  type TestedProduct,
} from "../support/worker/products.ts";
import { HOLD_SECONDS, LEAVE_MS, type ModelOrder, type ProductModel, RULES_FROZEN_SECONDS } from "./product-model.ts";

/** The real object, and what the test has to remember of it. */
export interface Real {
  readonly id: string;
  readonly product: TestedProduct;
  readonly queue: QueueRecord;
  /** How many looks at an order found that it had left. */
  left: number;
  /** Callbacks that were answered before: sent again, they must be answered alike. */
  readonly callbacks: {
    readonly orderId: string;
    readonly send: OrderCall;
    readonly refusedStatus: string | null;
  }[];
}

type Command = fc.AsyncCommand<ProductModel, Real>;

/** After every command: the object is as the model, and the promises hold. */
async function compare(model: ProductModel, real: Real): Promise<void> {
  model.tick();
  const seen = await inProduct(real.id, async (instance) => ({
    document: await instance.document(),
    check: await instance.check(),
    view: await instance.view(),
    orders: await Promise.all(model.orders.map(({ orderId }) => instance.order(orderId))),
  }));
  expect(seen.document).toMatchObject(model.document());
  expect(seen.check?.differences).toEqual([]);
  for (const [index, order] of model.orders.entries()) {
    const stored = seen.orders[index];
    if (stored === "archived") {
      expect(model.mayHaveLeft(order)).toBe(true);
      // Postgres, which was told by the events, answers as the object would.
      expect(rowOf(model, real, order)).toMatchObject(model.rowOf(order));
      real.left += 1;
    } else expect(stored).toMatchObject(model.orderView(order));
  }
  expect(seen.view).toMatchObject({ available: model.available(model.round), nextReleaseAt: model.nextReleaseAt() });
  // Promise 1, of every round that ever was.
  for (const round of model.rounds) {
    const taken = model.units("held", round.number) + model.units("paid", round.number);
    expect(taken).toBeLessThanOrEqual(round.allocated - round.withdrawn);
  }
  // Promise 3: the model's orders are all, and no two are of one token.
  expect(new Set(model.orders.map(({ jti }) => jti)).size).toBe(model.orders.length);
}

/** The order's row in Postgres: by the newest event that the writer has acknowledged. */
function rowOf(model: ProductModel, real: Real, { orderId }: ModelOrder): OrderSnapshot {
  const events = real.queue.sentFor(real.id).filter((event): event is OrderEvent => "orderId" in event);
  const written = events.filter((event) => event.orderId === orderId && model.acknowledged.has(event.eventId));
  const newest = written.toSorted((a, b) => b.version - a.version)[0];
  if (newest === undefined) throw new Error(`Postgres does not have ${orderId}, which left its object`);
  const { productId, round, buyerId, status, quantity, version, paymentId, holdExpiresAt, createdAt, at } = newest;
  const order = { orderId, productId, round, buyerId, status, quantity, version, paymentId, holdExpiresAt };
  return { ...order, createdAt, updatedAt: at };
}

type OrderCall = (snapshot: OrderSnapshot | null) => Promise<OrderAnswer>;

/** As the Worker does it: the object first, and again with the row of Postgres if the order has left. */
async function callAbout(model: ProductModel, real: Real, order: ModelOrder, send: OrderCall): Promise<OrderAnswer> {
  const answer = await send(null);
  if (answer.ok || answer.refusal.code !== "archived") return answer;
  return send(rowOf(model, real, order));
}

/** A command: what it does to both, and how a failing run's report names it. */
function command(name: string, run: (model: ProductModel, real: Real) => Promise<void>, needsOrder = false): Command {
  return {
    check: (model) => !needsOrder || model.orders.length > 0,
    run: async (model, real) => {
      model.tick();
      await run(model, real);
      await compare(model, real);
    },
    toString: () => name,
  };
}

function assertEqual(actual: unknown, expected: unknown): void {
  expect(actual).toEqual(expected);
}

function assertMatch(actual: unknown, expected: object): void {
  expect(actual).toMatchObject(expected);
}

function pick(model: ProductModel, index: number): ModelOrder {
  const order = model.orders[index % model.orders.length];
  if (order === undefined) throw new Error("The model has no order");
  return order;
}

const some = fc.nat({ max: 1000 });
const buyer = fc.constantFrom("b-1", "b-2", "b-3", "b-4", "b-5");
const quantity = fc.integer({ min: 1, max: 3 });

/** Most tokens are of the present round. */
const roundOffset = fc.constantFrom(0, 0, 0, 0, 0, 0, -1, 1);

/** They travel with each hold, so each may have others; most have none, or little would be sold. */
const hoarding = fc.constantFrom<HoardingRules>(
  ...Array.from({ length: 4 }, () => HOARDING_OFF),
  { ...HOARDING_OFF, openHoldsPerBuyer: 1 },
  { ...HOARDING_OFF, openHoldsPerBuyer: 2, unpaidUnitSecondsPerBuyer: 25 },
  { ...HOARDING_OFF, unpaidUnitSecondsPerClient: 60 },
  { ...HOARDING_OFF, lapses: 2, cooldownSeconds: 15 },
);
const client = fc.constantFrom(null, "c-1", "c-2");

/** What the model keeps of a hold that was made. */
function orderOf(sent: HoldCommand, orderId: string, now: number): ModelOrder {
  const { jti, round, buyerId, quantity: units, client: from } = sent;
  return {
    orderId,
    jti,
    round,
    buyerId,
    quantity: units,
    client: from,
    createdAt: now,
    holdExpiresAt: now + HOLD_SECONDS * 1000,
    changedAt: now,
    status: "held",
    version: 1,
    paymentId: null,
  };
}

/** A hold's answer is as the model says; an order that was made is the model's from now on. */
function expectHold(model: ProductModel, sent: HoldCommand, answer: HoldAnswer | undefined): void {
  const refusal = model.refusesHold(sent);
  if (refusal !== null) {
    assertMatch(answer, { ok: false, refusal });
    return;
  }
  if (answer?.ok !== true) throw new Error(`Promise 2: a unit was refused with ${answer?.refusal.code ?? "nothing"}`);
  const order = orderOf(sent, answer.value.order.orderId, model.now);
  const { holdExpiresAt } = order;
  assertMatch(answer.value, { replayed: false, order: { status: "held", holdExpiresAt } });
  model.orders.push(order);
}

const hold = fc.tuple(buyer, quantity, roundOffset, client, hoarding).map(([buyerId, units, offset, from, rules]) =>
  command(`hold(${buyerId}, ${units}, ${offset}, ${from}, ${JSON.stringify(rules)})`, async (model, { product }) => {
    const round = model.round.number + offset;
    const sent = makeHold({ round, buyerId, quantity: units, client: from, hoarding: rules });
    expectHold(model, sent, await product.hold(sent));
  }),
);

/** Several at once: they are gathered into few commits, and the last units go to the first. */
const rush = fc
  .tuple(fc.array(fc.tuple(buyer, quantity), { minLength: 2, maxLength: 8 }), hoarding)
  .map(([wishes, rules]) =>
    command(`rush(${wishes.join(" ")}, ${JSON.stringify(rules)})`, async (model, { id }) => {
      const round = model.round.number;
      const commands = wishes.map(([buyerId, units]) =>
        makeHold({ round, buyerId, quantity: units, client: "c-rush", hoarding: rules }),
      );
      const answers = await inProduct(id, (instance) => Promise.all(commands.map((each) => instance.hold(each))));
      for (const [index, sent] of commands.entries()) expectHold(model, sent, answers[index]);
    }),
  );

const replay = fc.tuple(some, fc.constantFrom("same", "quantity", "buyer")).map(([index, changed]) =>
  command(
    `replay(${index}, ${changed})`,
    async (model, { product }) => {
      const order = pick(model, index);
      const { jti, round, buyerId, quantity: units, orderId, status } = order;
      // The order may have left: then its token was refused before, for it has expired by any clock.
      if (model.now - order.createdAt >= TOKEN_HORIZON_MS) return;
      const sent = makeHold({ jti, round, buyerId, quantity: units });
      if (changed === "same") {
        assertMatch(await product.hold(sent), { value: { replayed: true, order: { orderId, status } } });
      } else if (changed === "quantity") {
        const answer = await product.hold({ ...sent, quantity: units + 1 });
        assertEqual(answer, { ok: false, refusal: { code: "token-mismatch" } });
      } else {
        const answer = await product.hold({ ...sent, buyerId: "b-other" });
        assertEqual(answer, { ok: false, refusal: { code: "token-invalid" } });
      }
    },
    true,
  ),
);

function expectOrder(answer: OrderAnswer, order: ModelOrder, refusedStatus: string | null): void {
  if (refusedStatus !== null) {
    assertEqual(answer, { ok: false, refusal: { code: "wrong-state", status: refusedStatus } });
  } else {
    const { orderId, status, paymentId } = order;
    assertMatch(answer, { ok: true, value: { orderId, status, paymentId } });
  }
}

const pay = fc.tuple(some, fc.constantFrom("pay-1", "pay-1", "pay-2")).map(([index, paymentId]) =>
  command(
    `pay(${index}, ${paymentId})`,
    async (model, real) => {
      const order = pick(model, index);
      const payment = makePay(order.orderId, { paymentId });
      const send: OrderCall = (snapshot) => real.product.pay({ ...payment, snapshot });
      const refusedStatus = model.pay(order, paymentId);
      expectOrder(await callAbout(model, real, order, send), order, refusedStatus);
      real.callbacks.push({ orderId: order.orderId, send, refusedStatus });
    },
    true,
  ),
);

const cancel = fc.tuple(some, fc.constantFrom("buyer", "origin", "another")).map(([index, who]) =>
  command(
    `cancel(${index}, ${who})`,
    async (model, real) => {
      const order = pick(model, index);
      if (who === "another") {
        const foreign = makeCancel(order.orderId, { buyerId: "b-other" });
        const answer = await callAbout(model, real, order, (snapshot) => real.product.cancel({ ...foreign, snapshot }));
        assertEqual(answer, { ok: false, refusal: { code: "not-found" } });
        return;
      }
      const refusedStatus = model.cancel(order);
      const callback: CallbackId | null = who === "origin" ? makeCallback() : null;
      const buyerId = who === "buyer" ? order.buyerId : null;
      const cancellation = makeCancel(order.orderId, { buyerId, callback });
      const send: OrderCall = (snapshot) => real.product.cancel({ ...cancellation, snapshot });
      expectOrder(await callAbout(model, real, order, send), order, refusedStatus);
      if (callback !== null) real.callbacks.push({ orderId: order.orderId, send, refusedStatus });
    },
    true,
  ),
);

const repeatCallback = some.map((index) =>
  command(`repeatCallback(${index})`, async (model, real) => {
    const callback = real.callbacks[index % Math.max(1, real.callbacks.length)];
    const order = model.orders.find(({ orderId }) => orderId === callback?.orderId);
    if (callback !== undefined && order !== undefined)
      expectOrder(await callAbout(model, real, order, callback.send), order, callback.refusedStatus);
  }),
);

const moveClock = fc
  .constantFrom("a millisecond", "four seconds", "a hold", "before release", "release", "opening", "closing", "a day")
  .map((far) =>
    command(`moveClock(${far})`, async (model) => {
      const times: Readonly<Record<string, number | null>> = {
        "a millisecond": model.now + 1,
        "four seconds": model.now + 4000,
        "a hold": model.now + HOLD_SECONDS * 1000,
        "before release": (model.nextReleaseAt() ?? 0) - 1,
        release: model.nextReleaseAt(),
        opening: model.round.opensAt,
        // Where it goes there from, all that is left of the round is its end: rarely at once.
        closing: model.now > model.round.closesAt - 25_000 ? model.round.closesAt : null,
        // Between two rounds: it would end any round.
        "a day": model.round.closed ? model.now + 86_390_000 : null,
      };
      const now = Math.max(model.now, times[far] ?? 0);
      vi.setSystemTime(now);
      model.tick(now);
    }),
  );

const changeStock = fc
  .integer({ min: -4, max: 4 })
  .filter((delta) => delta !== 0)
  .map((delta) =>
    command(`changeStock(${delta})`, async (model, { product }) => {
      const allowed = model.changeStock(delta);
      const answer = await product.changeStock(delta, CAUSE);
      if (allowed) assertEqual(answer.ok, true);
      else assertMatch(answer, { ok: false, refusal: { code: "wrong-state" } });
    }),
  );

const act = fc.constantFrom<RoundAction>("pause", "resume", "resume", "resume", "resume", "close").map((action) =>
  command(`act(${action})`, async (model, { product }) => {
    let allowed = true;
    if (action === "close") model.close();
    else allowed = model.pause(action === "pause");
    assertEqual((await product.act(action, CAUSE)).ok, allowed);
  }),
);

const configure = fc
  .record({
    stock: fc.nat({ max: 6 }),
    perBuyerLimit: fc.integer({ min: 1, max: 5 }),
    wait: fc.constantFrom(0, 0, 8000),
    // A round of ten days has orders that leave while it is open.
    lasts: fc.constantFrom(60_000, 60_000, 864_000_000),
  })
  .map(({ stock, perBuyerLimit, wait, lasts }) =>
    command(`configure(${stock}, ${perBuyerLimit}, ${wait}, ${lasts})`, async (model, { id, product }) => {
      const times = { opensAt: model.now + wait, closesAt: model.now + wait + lasts };
      const allowed = model.configure({ ...times, perBuyerLimit }, stock);
      const rules = makeRules({ ...times, perBuyerLimit, holdSeconds: HOLD_SECONDS });
      const answer = await product.configure(
        makeConfigure(id, { rules, stock, rulesFrozenSeconds: RULES_FROZEN_SECONDS }),
      );
      if (allowed) assertEqual(answer.ok, true);
      else assertMatch(answer, { ok: false, refusal: { code: "wrong-state" } });
    }),
  );

const lose = fc.constant(command("lose()", async (_model, { id }) => evictProduct(id)));

const alarm = fc.constant(
  command("alarm()", async (_model, { id }) => {
    await runAlarm(id);
  }),
);

/** The writer has seen everything, days pass, and the alarm comes as often as it wants to. */
const letLeave = fc.constant(
  command("letLeave()", async (model, { id, product, queue }) => {
    // Only where it ends no round: most would not live to see their units sold.
    if (!model.round.closed && model.now + LEAVE_MS >= model.round.closesAt) return;
    queue.fail(false);
    for (const wait of [0, 301_000, LEAVE_MS, 200, 200]) {
      vi.setSystemTime(model.now + wait);
      model.tick(model.now + wait);
      await runAlarm(id);
      const pending = (await outboxOf(id)).map(({ eventId }) => eventId);
      const sent = new Set(queue.sentFor(id).map(({ eventId }) => eventId));
      const written = pending.filter((eventId) => sent.has(eventId));
      for (const eventId of written) model.acknowledged.add(eventId);
      await product.acknowledge(written);
    }
  }),
);

const failQueue = fc
  .boolean()
  .map((failing) => command(`failQueue(${failing})`, async (_model, { queue }) => queue.fail(failing)));

/** The writer: what it was sent, in an order of its own, some of it twice. */
const acknowledge = fc.infiniteStream(fc.nat({ max: 2 })).map((choices) =>
  command("acknowledge()", async (model, { id, product, queue }) => {
    const sent = [...new Set(queue.sentFor(id).map(({ eventId }) => eventId))];
    const chosen = sent.filter(() => choices.next().value === 0).toReversed();
    for (const eventId of chosen) model.acknowledged.add(eventId);
    await product.acknowledge([...chosen, ...chosen.slice(0, 2), "never.1"]);
  }),
);

/** Sends what is left, so that the writer has seen everything. */
export async function drain(model: ProductModel, real: Real): Promise<void> {
  real.queue.fail(false);
  for (let pass = 0; pass < 3; pass++) {
    // Beyond the longest wait before an event is sent again.
    vi.setSystemTime(model.now + 301_000);
    model.tick(model.now + 301_000);
    await runAlarm(real.id);
  }
  const sent = new Set(real.queue.sentFor(real.id).map(({ eventId }) => eventId));
  expect((await outboxOf(real.id)).filter(({ eventId }) => !sent.has(eventId))).toEqual([]);
  await compare(model, real);
}

/** Without these there is nothing to be broken: a closed round is followed by another, and orders get further than held. */
const oftener = [hold, hold, hold, hold, rush, rush, pay, pay, pay, moveClock, configure, configure];

/** Any sequence of commands; holds and payments come oftener than the operator. */
export const productCommands = fc.commands(
  [
    ...oftener,
    replay,
    cancel,
    repeatCallback,
    moveClock,
    changeStock,
    act,
    lose,
    alarm,
    letLeave,
    failQueue,
    acknowledge,
  ],
  { maxCommands: 60, size: "max" },
);
