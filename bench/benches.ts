/** The benches, in the order in which they run. */
import type { Bench } from "./ground.ts";
import { edge } from "./ours/edge.ts";

export const BENCHES: readonly Bench[] = [edge];
