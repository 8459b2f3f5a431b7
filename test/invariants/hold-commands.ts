/** What buyers do with their tokens: holds alone and in a rush, and tokens that come again. */
import * as fc from "fast-check";
import type { HoardingRules, HoldAnswer, HoldCommand } from "../../durable-objects/product/protocol.ts";
import { TOKEN_HORIZON_MS } from "../../durable-objects/product/retention.ts";
import { HOARDING_OFF, inProduct, makeHold } from "../support/worker/products.ts";
import { assertEqual, assertMatch, command, pick } from "./command.ts";
import { HOLD_SECONDS, type ModelOrder, type ProductModel } from "./product-model.ts";

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

export const hold = fc
  .tuple(buyer, quantity, roundOffset, client, hoarding)
  .map(([buyerId, units, offset, from, rules]) =>
    command(`hold(${buyerId}, ${units}, ${offset}, ${from}, ${JSON.stringify(rules)})`, async (model, { product }) => {
      const round = model.round.number + offset;
      const sent = makeHold({ round, buyerId, quantity: units, client: from, hoarding: rules });
      expectHold(model, sent, await product.hold(sent));
    }),
  );

/** Several at once: they are gathered into few commits, and the last units go to the first. */
export const rush = fc
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

export const replay = fc.tuple(some, fc.constantFrom("same", "quantity", "buyer")).map(([index, changed]) =>
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
