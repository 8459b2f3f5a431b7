/** The benches, in the order in which they run. */
import type { Bench } from "./ground.ts";
import { delivery } from "./ours/delivery.ts";
import { edge } from "./ours/edge.ts";
import { hold } from "./ours/hold.ts";
import { latency } from "./ours/latency.ts";
import { ledger } from "./ours/ledger.ts";
import { limits } from "./ours/limits.ts";
import { neighbour } from "./ours/neighbour.ts";
import { peers } from "./ours/peers.ts";
import { profiles } from "./ours/profiles.ts";
import { spread } from "./ours/spread.ts";
import { stages } from "./ours/stages.ts";
import { token } from "./ours/token.ts";

export const BENCHES: readonly Bench[] = [
  edge,
  token,
  hold,
  latency,
  stages,
  delivery,
  ledger,
  spread,
  neighbour,
  profiles,
  peers,
  limits,
];
