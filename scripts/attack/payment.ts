/** Payments as the origin reports them, for either side. */
import { setTimeout as sleep } from "node:timers/promises";
import { WORTH_WAITING } from "../rush/patience.ts";
import type { Scene } from "./scene.ts";

const ATTEMPTS = 5;

/** The order's status after the payment, or the code of the last refusal. A lost answer is asked for again. */
export async function pay(scene: Scene, orderId: string): Promise<string> {
  let code = "";
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const outcome = await scene.other.pay(orderId, `pay-${orderId}`);
    if (outcome.ok) return outcome.value.status;
    ({ code } = outcome);
    if (!WORTH_WAITING.has(code)) return code;
    await sleep(outcome.retryAfterMs);
  }
  return code;
}
