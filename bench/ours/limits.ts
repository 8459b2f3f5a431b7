/** Refusing who is over a limit: the edge's memory against nginx and the usual limiters of Node. */
import { ownAddress } from "../../scripts/rush/cast.ts";
import { signJwts } from "../gateway/passes.ts";
import { openProduct } from "../gateway/product.ts";
import type { Bench, BenchPlan, Findings, Ground } from "../ground.ts";
import { wireRequest } from "../load/request.ts";
import { catalog } from "../peers/catalog.ts";
import { ratioOf, SERVER_CPU } from "../ratios.ts";
import { expectStatuses, runRounds, type Subject } from "../rounds.ts";

const OURS = "over the limit, remembered";
const MEASURED = catalog.filter(({ kind }) => kind !== "stock");
const CLIENT = "one-client";
const LIMITED = 429;
/** More than any limit lets through. */
const UNTIL_LIMITED = 400;
const OK = 200;
const CREATED = 201;

function planOf(plan: BenchPlan): BenchPlan {
  return plan.quick ? plan : { ...plan, rounds: 5 };
}

export const limits: Bench = {
  name: "limits",
  tells: "refusing one client that is over its limit, against nginx limit_req and the limiters of Node",
  estimate: (plan) => 15 + (planOf(plan).rounds + 1) * (MEASURED.length + 1) * (plan.seconds + 0.5),
  run: measureLimits,
};

async function measureLimits(ground: Ground): Promise<Findings> {
  const plan = planOf(ground.plan);
  const gateway = await ground.gateway();
  const product = await openProduct(gateway, "limits", { stock: 1000 });
  const [jwt = ""] = await signJwts(gateway.vars, [CLIENT]);
  const ours = wireRequest({
    method: "POST",
    path: `/v1/products/${product.id}/tokens`,
    address: ownAddress(0),
    headers: { Authorization: `Bearer ${jwt}` },
    body: "{}",
  });
  const subjects: Subject[] = [refusing(OURS, gateway, ours, CREATED)];
  for (const entry of MEASURED) {
    const peer = ground.keep(
      await entry.start({ databaseUrl: ground.database.url, stock: 0, perBuyer: 1, tokenKey: "" }),
    );
    const request = wireRequest({
      method: "GET",
      path: "/limited",
      address: ownAddress(0),
      headers: { "X-Client": CLIENT },
    });
    subjects.push(refusing(entry.name, peer, request, OK));
  }
  const { rounds, thrownAway } = await runRounds(subjects, plan, ground.generator, ground.tell);
  return {
    conditions: { ...plan },
    rounds,
    ratios: MEASURED.flatMap(({ name: baseline }) => [
      ratioOf(rounds, { subject: OURS, baseline }),
      ratioOf(rounds, { subject: OURS, baseline }, SERVER_CPU),
    ]),
    thrownAway,
    notes: MEASURED.map(({ name, tells }) => `${name}: ${tells}`),
  };
}

/** @param allowed the status of what the limit still lets through: its window goes on, and some units come back. */
function refusing(
  name: string,
  { url, pids }: { readonly url: string; readonly pids: readonly number[] },
  request: string,
  allowed: number,
): Subject {
  return {
    name,
    prepare: async (_turn, { seconds, connections }) => ({
      load: { url, requests: [request], connections, seconds },
      pids,
      audit: async (loaded) => {
        const faults = [...expectStatuses(loaded, LIMITED, allowed)];
        const through = loaded.statuses[allowed] ?? 0;
        if (through > UNTIL_LIMITED) faults.push(`${through} requests of one client were let through`);
        return faults;
      },
    }),
  };
}
