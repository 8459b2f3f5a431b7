/** The benches, in the order in which they run. */
import type { Bench } from "./ground.ts";
import { edge } from "./ours/edge.ts";
import { hold } from "./ours/hold.ts";
import { latency } from "./ours/latency.ts";
import { limits } from "./ours/limits.ts";
import { peers } from "./ours/peers.ts";
import { token } from "./ours/token.ts";

export const BENCHES: readonly Bench[] = [edge, token, hold, latency, peers, limits];
