/** The control object, as the Worker reaches it: its one name, and an operator's calls with the platform's faults told apart (F8). */
import type { ControlApi } from "../../durable-objects/control/protocol.ts";
import { decideAfterFault } from "../product-calls.ts";
import type { RefusalOf } from "../refusal.ts";
import { ok, refused, type Result } from "../result.ts";

const NAME = "control";
/** Every operator's call may be sent again: twice the same change is one change. */
const ATTEMPTS = "repeatable";
const OVERLOADED: RefusalOf<"overloaded"> = {
  code: "overloaded",
  retryAfterSeconds: 1,
  detail: "The control object cannot be asked at present; the change may be sent again",
};

export type ControlBinding = Pick<Env, "CONTROL">;

/** A new stub: an old one may be broken for good. */
export function controlOf(env: ControlBinding): ControlApi {
  return env.CONTROL.getByName(NAME);
}

export async function callControl<Value>(
  env: ControlBinding,
  call: (control: ControlApi) => Promise<Value>,
): Promise<Result<Value, RefusalOf<"overloaded">>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return ok(await call(controlOf(env)));
    } catch (fault) {
      const decision = decideAfterFault(fault, ATTEMPTS, attempt);
      if (decision === "throw") throw fault;
      if (decision === "refuse") return refused(OVERLOADED);
    }
  }
}
