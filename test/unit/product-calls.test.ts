import { describe, expect, it } from "vitest";
import { callProduct, decideAfterFault } from "../../src/product-calls.ts";

const overloaded = Object.assign(new Error("overloaded"), { overloaded: true, retryable: true });
const retryable = Object.assign(new Error("moved"), { retryable: true });
const defect = new Error("defect");

function productThat(...outcomes: readonly (Error | string)[]) {
  let calls = 0;
  const env = {
    PRODUCT: {
      getByName: () => ({
        view: async () => {
          const outcome = outcomes[calls++] ?? "late";
          if (outcome instanceof Error) throw outcome;
          return outcome;
        },
      }),
    },
  } as unknown as Env;
  return { env, calls: () => calls };
}

describe("F8 callProduct", () => {
  it("never asks an overloaded object again", async () => {
    const product = productThat(overloaded);
    const answer = await callProduct(product.env, "p", "repeatable", (stub) => stub.view());
    expect(answer).toEqual({ ok: false, refusal: { code: "overloaded", retryAfterSeconds: 1 } });
    expect(product.calls()).toBe(1);
  });

  it("asks again what may be asked again, and no more than three times", async () => {
    const passing = productThat(retryable, "view");
    expect(await callProduct(passing.env, "p", "repeatable", (stub) => stub.view())).toEqual({
      ok: true,
      value: "view",
    });
    const lasting = productThat(retryable, retryable, retryable, "view");
    expect(await callProduct(lasting.env, "p", "repeatable", (stub) => stub.view())).toMatchObject({ ok: false });
    expect(lasting.calls()).toBe(3);
  });

  it("asks once for what would have its effect twice", async () => {
    const product = productThat(retryable, "view");
    expect(await callProduct(product.env, "p", "once", (stub) => stub.view())).toMatchObject({
      ok: false,
      refusal: { detail: expect.stringContaining("look whether it took effect") },
    });
    expect(product.calls()).toBe(1);
  });

  it("throws what is a defect", async () => {
    await expect(callProduct(productThat(defect).env, "p", "repeatable", (stub) => stub.view())).rejects.toBe(defect);
  });

  it.each([null, undefined, "text", { retryable: "yes" }, { overloaded: 1 }])(
    "takes %j for no fault of the platform",
    (fault) => {
      expect(decideAfterFault(fault, "repeatable", 1)).toBe("throw");
    },
  );
});
