/** What the operator does: stock, pauses, closings, and the next round. */
import * as fc from "fast-check";
import type { RoundAction } from "../../durable-objects/product/protocol.ts";
import { CAUSE, makeConfigure, makeRules } from "../support/worker/products.ts";
import { assertEqual, assertMatch, command } from "./command.ts";
import { HOLD_SECONDS, RULES_FROZEN_SECONDS } from "./product-model.ts";

export const changeStock = fc
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

export const act = fc
  .constantFrom<RoundAction>("pause", "resume", "resume", "resume", "resume", "close")
  .map((action) =>
    command(`act(${action})`, async (model, { product }) => {
      let allowed = true;
      if (action === "close") model.close();
      else allowed = model.pause(action === "pause");
      assertEqual((await product.act(action, CAUSE)).ok, allowed);
    }),
  );

export const configure = fc
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
