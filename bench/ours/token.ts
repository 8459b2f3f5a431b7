/** Token issue, with identity and the exact limits on, against a no-op object call. Target 4. */
import { ownAddress } from "../../scripts/rush/cast.ts";
import { baselineSubject, NOOP } from "../baseline/baseline.ts";
import type { BenchGateway } from "../gateway/gateway.ts";
import { signJwts } from "../gateway/passes.ts";
import { openProduct } from "../gateway/product.ts";
import type { Bench, Findings, Ground } from "../ground.ts";
import { wireRequest } from "../load/request.ts";
import { medianSlice, ratioOf, SERVER_CPU } from "../ratios.ts";
import { expectStatuses, runRounds, type Subject } from "../rounds.ts";

export const TOKEN = "token issue";
const TARGET = 0.5;

/** Buyers in one turn, each from an address of its own; faster than the issue can be. */
const BUYERS_PER_SECOND = 8000;
/** Turns until a buyer comes again: nobody reaches the ten tokens a minute. */
const SETS = 4;
const ISSUED = 201;

export const token: Bench = {
  name: "token",
  tells: "a purchase token, through identity, exact limits and risk, against a no-op object call",
  estimate: ({ rounds, seconds }) => 15 + seconds * SETS * 2 + (rounds + 1) * 2 * (seconds + 0.5),
  run: measureToken,
};

async function measureToken(ground: Ground): Promise<Findings> {
  const { plan } = ground;
  const baseline = await ground.baseline();
  const gateway = await ground.gateway();
  const subject = await tokenSubject(gateway, plan.seconds);
  const subjects = [baselineSubject(NOOP, baseline, subject.requests("/noop")), subject];
  const { rounds, thrownAway } = await runRounds(subjects, plan, ground.generator, ground.tell);
  return {
    conditions: { ...plan, buyersPerTurn: BUYERS_PER_SECOND * plan.seconds },
    rounds,
    ratios: [
      ratioOf(rounds, { subject: TOKEN, baseline: NOOP, target: TARGET }),
      ratioOf(rounds, { subject: TOKEN, baseline: NOOP }, SERVER_CPU),
    ],
    costs: {
      tokenIssue: { cpuMicros: medianSlice(rounds, TOKEN).serverMicros },
      objectCall: { cpuMicros: medianSlice(rounds, NOOP).serverMicros },
    },
    thrownAway,
  };
}

/** @param seconds of a turn. */
export async function tokenSubject(
  gateway: BenchGateway,
  seconds: number,
  name: string = TOKEN,
): Promise<Subject & { requests(path: string): readonly string[] }> {
  const product = await openProduct(gateway, "token", { stock: 1_000_000 });
  const count = BUYERS_PER_SECOND * seconds;
  const sets = await Promise.all(
    Array.from({ length: SETS }, (_, set) =>
      signJwts(
        gateway.vars,
        Array.from({ length: count }, (_unused, index) => `token-${set}-${index}`),
      ),
    ),
  );
  const requestsOf = (set: number, path: string): readonly string[] =>
    (sets[set] ?? []).map((jwt, index) =>
      wireRequest({
        method: "POST",
        path,
        address: ownAddress(set * count + index),
        headers: { Authorization: `Bearer ${jwt}` },
        body: "{}",
      }),
    );
  return {
    name,
    requests: (path) => requestsOf(0, path),
    async prepare(turn, { connections }) {
      return {
        load: {
          url: gateway.url,
          requests: requestsOf(turn % SETS, `/v1/products/${product.id}/tokens`),
          connections,
          seconds,
        },
        pids: gateway.pids,
        audit: async (loaded) => {
          const faults = [...expectStatuses(loaded, ISSUED)];
          // One of the kind is used: a token that no checkout takes is no token.
          const [jwt = ""] = await signJwts(gateway.vars, [`token-audit-${turn}`]);
          const address = ownAddress(SETS * count + turn);
          const issued = await product.api.token(address, jwt);
          if (!issued.ok) return [...faults, `a token was refused: ${issued.code}`];
          const order = await product.api.checkout(address, issued.value.checkoutUrl, issued.value.token, 1);
          if (!order.ok) faults.push(`a token was refused at the checkout: ${order.code}`);
          return faults;
        },
      };
    },
  };
}
