/** Every peer that counts units, whatever else it leaves out, beside a hold: what practice compares. */
import { createDatabase } from "../gateway/gateway.ts";
import { makeBuyers, mintTokens, readTokenKey } from "../gateway/passes.ts";
import type { Bench, BenchPlan, Findings, Ground } from "../ground.ts";
import { peerSubject } from "../peer-subject.ts";
import { catalog } from "../peers/catalog.ts";
import { UNSAFE } from "../peers/check.ts";
import { ratioOf, SERVER_CPU } from "../ratios.ts";
import { runRounds, type Subject } from "../rounds.ts";
import { checkoutRequest, HOLD, holdSubject } from "./hold-subject.ts";

/** Those of the same work are in the bench `hold`; the unsafe one is measured for its speed, and its books are wrong. */
const MEASURED = catalog.filter(({ kind, sameWork, name }) => kind === "stock" && !sameWork && name !== UNSAFE);
/** More than a script in Redis answers. */
const TOKENS_PER_SECOND = 60_000;

function planOf(plan: BenchPlan): BenchPlan {
  return plan.quick ? plan : { ...plan, rounds: 5 };
}

export const peers: Bench = {
  name: "peers",
  tells: "the other ways to count units, which verify nothing, limit nothing and mostly write no order",
  estimate: (plan) => 30 + (planOf(plan).rounds + 1) * (MEASURED.length + 1) * (plan.seconds + 1),
  run: measurePeers,
};

async function measurePeers(ground: Ground): Promise<Findings> {
  const plan = planOf(ground.plan);
  const gateway = await ground.gateway();
  const tokenKey = readTokenKey(gateway.vars);
  const buyers = makeBuyers("buyer", 2 * TOKENS_PER_SECOND * plan.seconds);
  const tokens = await mintTokens({ ...tokenKey, gateway: "sluice" }, "bench", 1, buyers);
  const requests = tokens.map((token, index) => checkoutRequest("/v1/products/bench/checkout/gate", token, index));
  const subjects: Subject[] = [holdSubject(gateway, { prefix: "peers" })];
  for (const entry of MEASURED) {
    const databaseUrl = await createDatabase(ground.database, `peers_${entry.name.replaceAll("-", "_")}`);
    const peer = ground.keep(await entry.start({ databaseUrl, stock: 0, perBuyer: 1, tokenKey: tokenKey.secret }));
    subjects.push(peerSubject(entry.name, peer, requests, { delivers: false }));
  }
  const { rounds, thrownAway } = await runRounds(subjects, plan, ground.generator, ground.tell);
  return {
    conditions: { ...plan },
    rounds,
    ratios: MEASURED.flatMap(({ name: baseline }) => [
      ratioOf(rounds, { subject: HOLD, baseline }),
      ratioOf(rounds, { subject: HOLD, baseline }, SERVER_CPU),
    ]),
    thrownAway,
    notes: MEASURED.map(({ name, tells }) => `${name}: ${tells}`),
  };
}
