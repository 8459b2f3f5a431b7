import { describe, expect, it } from "vitest";
import { makeHold, makeProduct, productStub } from "../../support/worker/products.ts";

describe("hold", () => {
  it("T1 sells exactly the stock to many at once", async () => {
    const { product } = await makeProduct(100);
    const answers = await Promise.all(Array.from({ length: 2000 }, () => product.hold(makeHold())));
    expect(answers.filter((answer) => answer.ok)).toHaveLength(100);
    const codes = new Set(answers.flatMap((answer) => (answer.ok ? [] : [answer.refusal.code])));
    expect([...codes]).toEqual(["held-out"]);
    expect(await product.document()).toMatchObject({ allocated: 100, available: 0, held: 100, paid: 0, withdrawn: 0 });
    expect(await product.check()).toMatchObject({ differences: [] });
  });

  it("T2 makes one order of one token, however often it comes", async () => {
    const { product } = await makeProduct(10);
    const command = makeHold();
    const answers = await Promise.all(Array.from({ length: 500 }, () => product.hold(command)));
    const orders = answers.map((answer) => (answer.ok ? answer.value : null));
    expect(new Set(orders.map((held) => held?.order.orderId)).size).toBe(1);
    expect(orders.filter((held) => held?.replayed === false)).toHaveLength(1);
    expect(await product.document()).toMatchObject({ held: 1, orders: { held: 1 } });
  });

  it("is not found where no product was ever set", async () => {
    expect(await productStub("nothing-here").hold(makeHold())).toEqual({ ok: false, refusal: { code: "not-found" } });
  });
});
