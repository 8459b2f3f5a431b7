/** Token issue, with identity and the exact limits on, against a no-op object call, and what any token costs here. Target 4. */
import { ownAddress } from "../../scripts/rush/cast.ts";
import { baselineSubject, NOOP } from "../baseline/baseline.ts";
import { TOKEN_FLOORS } from "../floors/floor-names.ts";
import { floorRatios, tokenFloor, tokenFloorPath } from "../floors/floors.ts";
import type { BenchGateway } from "../gateway/gateway.ts";
import { signJwts } from "../gateway/passes.ts";
import { openProduct } from "../gateway/product.ts";
import type { Bench, Findings, Ground } from "../ground.ts";
import { wireRequest } from "../load/request.ts";
import { medianSlice, ratioOf, SERVER_CPU, THROUGHPUT } from "../ratios.ts";
import { expectStatuses, runRounds, type Subject } from "../rounds.ts";

export const TOKEN = "token issue";
const TARGET = 0.5;
const WANTED = { subject: TOKEN, baseline: NOOP };

/** Buyers in one turn, each from an address of its own; faster than the issue can be. */
const BUYERS_PER_SECOND = 8000;
/** The full bench's rounds and their warm-up: until then no buyer comes again, whose account the isolate would know. */
const SETS = 6;
const ISSUED = 201;

export const token: Bench = {
  name: "token",
  tells: "a purchase token, through identity, exact limits and risk, against a no-op object call",
  estimate: ({ rounds, seconds }) => 15 + seconds * SETS * 2 + (rounds + 1) * 4 * (seconds + 0.5),
  run: measureToken,
};

async function measureToken(ground: Ground): Promise<Findings> {
  const { plan } = ground;
  const baseline = await ground.baseline();
  const gateway = await ground.gateway();
  const floors = await ground.floors(gateway);
  const subject = await tokenSubject(gateway, { seconds: plan.seconds });
  const subjects = [
    baselineSubject(NOOP, baseline, subject.requests(0, "/noop")),
    subject,
    ...(["two", "one"] as const).map((kind) =>
      tokenFloor(floors, kind, (turn) => subject.requests(turn, tokenFloorPath(kind))),
    ),
  ];
  const { rounds, thrownAway } = await runRounds(subjects, plan, ground.generator, ground.tell);
  return {
    conditions: { ...plan, buyersPerTurn: BUYERS_PER_SECOND * plan.seconds },
    rounds,
    ratios: [
      ratioOf(rounds, { ...WANTED, target: TARGET, floor: TOKEN_FLOORS.two }),
      ratioOf(rounds, WANTED, SERVER_CPU),
      ...floorRatios(rounds, TOKEN_FLOORS.two, WANTED, THROUGHPUT, SERVER_CPU),
      ...floorRatios(rounds, TOKEN_FLOORS.one, WANTED, THROUGHPUT),
    ],
    costs: {
      tokenIssue: { cpuMicros: medianSlice(rounds, TOKEN).serverMicros },
      objectCall: { cpuMicros: medianSlice(rounds, NOOP).serverMicros },
    },
    thrownAway,
    notes: [
      "A floor verifies an ES256 signature, counts in memory by one call of an object or by two at the same time, and signs: nothing else",
      "An address and a buyer are two places to count, so two calls are what the gateway's limits ask for",
    ],
  };
}

export interface TokenOptions {
  /** Of a turn. */
  readonly seconds: number;
  /** Turns until buyers come again. @default 6 */
  readonly sets?: number;
}

export async function tokenSubject(
  gateway: BenchGateway,
  { seconds, sets: setCount = SETS }: TokenOptions,
): Promise<Subject & { requests(turn: number, path: string): readonly string[] }> {
  const product = await openProduct(gateway, "token", { stock: 1_000_000 });
  const count = BUYERS_PER_SECOND * seconds;
  const sets = await Promise.all(
    Array.from({ length: setCount }, (_, set) =>
      signJwts(
        gateway.vars,
        Array.from({ length: count }, (_unused, index) => `token-${set}-${index}`),
      ),
    ),
  );
  const requestsOf = (turn: number, path: string): readonly string[] => {
    const set = turn % setCount;
    return (sets[set] ?? []).map((jwt, index) =>
      wireRequest({
        method: "POST",
        path,
        address: ownAddress(set * count + index),
        headers: { Authorization: `Bearer ${jwt}` },
        body: "{}",
      }),
    );
  };
  return {
    name: TOKEN,
    requests: requestsOf,
    async prepare(turn, { connections }) {
      return {
        load: {
          url: gateway.url,
          requests: requestsOf(turn, `/v1/products/${product.id}/tokens`),
          connections,
          seconds,
        },
        pids: gateway.pids,
        audit: async (loaded) => {
          const faults = [...expectStatuses(loaded, ISSUED)];
          // One of the kind is used: a token that no checkout takes is no token.
          const [jwt = ""] = await signJwts(gateway.vars, [`token-audit-${turn}`]);
          const address = ownAddress(setCount * count + turn);
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
