/**
 * Calls to a product object, with the platform's faults told apart (F8).
 *
 * An object that is overloaded is never asked again at once: that would be load on load. What the platform marks as
 * retryable (an object that moved, a deploy) is tried again with a fresh stub, a few times, because a stub may be broken for good
 * (https://developers.cloudflare.com/durable-objects/best-practices/error-handling/). Anything else is a defect and is thrown.
 */
import type { ProductApi } from "../durable-objects/product/protocol.ts";
import type { RefusalOf } from "./refusal.ts";
import { ok, refused, type Result } from "./result.ts";
import { wait } from "./waiting.ts";

/** Attempts in all, and the longest wait before each further one (doubling, drawn at random below it). */
const ATTEMPTS_MAX = 3;
const FIRST_WAIT_MS = 20;
/** What a client is asked to wait when the object could not be asked. */
const RETRY_AFTER_SECONDS = 1;

/** Whether the call may be sent again when it is unknown if it took effect. */
export type Repeatable = "repeatable" | "once";

export async function callProduct<Value>(
  env: Env,
  productId: string,
  repeatable: Repeatable,
  call: (product: ProductApi) => Promise<Value>,
): Promise<Result<Value, RefusalOf<"overloaded">>> {
  for (let attempt = 1; ; attempt++) {
    try {
      // The stub has the object's methods; the generated type wraps their answers beyond what the compiler follows.
      const product = env.PRODUCT.getByName(productId) as unknown as ProductApi;
      return ok(await call(product));
    } catch (fault) {
      const decision = decideAfterFault(fault, repeatable, attempt);
      if (decision === "throw") throw fault;
      if (decision === "refuse") return refused(overloaded(repeatable));
      await wait(Math.random() * FIRST_WAIT_MS * 2 ** (attempt - 1));
    }
  }
}

function overloaded(repeatable: Repeatable): RefusalOf<"overloaded"> {
  const refusal = { code: "overloaded", retryAfterSeconds: RETRY_AFTER_SECONDS } as const;
  if (repeatable === "repeatable") return refusal;
  return { ...refusal, detail: "The call was lost on its way: look whether it took effect before you send it again" };
}

/** What follows a fault of the platform. Its errors carry `overloaded` and `retryable` as properties. */
export function decideAfterFault(
  fault: unknown,
  repeatable: Repeatable,
  attempt: number,
): "again" | "refuse" | "throw" {
  if (typeof fault !== "object" || fault === null) return "throw";
  if ("overloaded" in fault && fault.overloaded === true) return "refuse";
  if (!("retryable" in fault) || fault.retryable !== true) return "throw";
  return repeatable === "repeatable" && attempt < ATTEMPTS_MAX ? "again" : "refuse";
}
