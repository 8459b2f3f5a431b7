/** The benches, in the order in which they run. */
import type { Bench } from "./ground.ts";
import { edge } from "./ours/edge.ts";
import { hold } from "./ours/hold.ts";
import { token } from "./ours/token.ts";

export const BENCHES: readonly Bench[] = [edge, hold, token];
