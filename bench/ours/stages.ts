/**
 * What each stage of token issue and checkout costs: the way is cut after every handler in turn (workers/stages.ts), and the
 * difference between two cuts is the cost of the handler between them. In CPU of the whole server, so that what an object does
 * for a stage is that stage's; behind the last handler of a checkout stand the writer and Postgres, too.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ownAddress } from "../../scripts/rush/cast.ts";
import { bundleEntry } from "../bundle-entry.ts";
import type { BenchGateway } from "../gateway/gateway.ts";
import { mintTokens, readTokenKey, signJwts } from "../gateway/passes.ts";
import { openProduct } from "../gateway/product.ts";
import type { Bench, BenchPlan, Findings, Ground } from "../ground.ts";
import { wireRequest } from "../load/request.ts";
import { factOf, medianSlice } from "../ratios.ts";
import type { Fact, Slice } from "../results.ts";
import { expectStatuses, runRounds, type Subject } from "../rounds.ts";
import { HOLD, holdSubject } from "./hold-subject.ts";
import { type Route, STAGE_LABELS } from "./stage-labels.ts";

const ENTRY = fileURLToPath(new URL("../workers/stages.ts", import.meta.url));
const CUT_HEADER = "Bench-Cut";
const CUT_STATUS = 204;
const CREATED = 201;
/** Buyers that come by turns; nobody reaches a limit. */
const VARIETY = 8000;
/** More than a slice of token issue comes to. */
const BUYERS_APART = 2000;

/** About two slices for each of the handlers of both ways. */
const ABOUT_CUTS = 24;

function planOf(plan: BenchPlan): BenchPlan {
  return plan.quick ? plan : { ...plan, rounds: 5 };
}

export const stages: Bench = {
  name: "stages",
  tells: "what each stage of token issue and checkout costs, in microseconds of CPU",
  estimate: (plan) => 25 + (planOf(plan).rounds + 1) * ABOUT_CUTS * (plan.seconds + 0.5),
  run: measureStages,
};

async function measureStages(ground: Ground): Promise<Findings> {
  const plan = planOf(ground.plan);
  const dir = await mkdtemp(join(tmpdir(), "sluice-stages-"));
  ground.keep({ stop: () => rm(dir, { recursive: true, force: true }) });
  const script = join(dir, "stages.js");
  await bundleEntry(ENTRY, script);
  const gateway = await ground.gateway({ script });
  const { token, checkout } = STAGE_LABELS;
  const product = await openProduct(gateway, "stages", { stock: 1_000_000 });
  const subjects: readonly Subject[] = [
    ...cutSubjects("token", token.length + 1, gateway, await tokenRequests(gateway, product.id)),
    ...cutSubjects(
      "checkout",
      checkout.length,
      gateway,
      await checkoutRequests(gateway, product.id, product.checkoutPath),
    ),
    holdSubject(gateway, { prefix: "stages-hold" }),
  ];
  const { rounds, thrownAway } = await runRounds(subjects, plan, ground.generator, ground.tell);
  return {
    conditions: { ...plan },
    rounds,
    ratios: [],
    facts: [...stageTable("token", cutName("token", token.length), rounds), ...stageTable("checkout", HOLD, rounds)],
    thrownAway,
    notes: [
      "CPU of the whole server per request; a stage's figure is the difference between two medians, so a few microseconds are noise",
      '"to the first stage" is what a request costs that no handler looks at: workerd\'s HTTP, hono, an answer of 204',
    ],
  };
}

/** What a cut is called as a subject: the route, and how many handlers ran. */
function cutName(route: Route, count: number): string {
  return `${route}, ${count} handlers`;
}

/** The first so many cuts. The last of a token's is the whole way; that of a checkout needs new tokens, and is the bench's hold. */
function cutSubjects(
  route: Route,
  cuts: number,
  { url, pids }: BenchGateway,
  requestsOf: (cut: number) => readonly string[],
): readonly Subject[] {
  return Array.from({ length: cuts }, (_, count) => {
    const requests = requestsOf(count);
    return {
      name: cutName(route, count),
      prepare: async (_turn, { seconds, connections }) => ({
        load: { url, requests, connections, seconds },
        pids,
        audit: async (loaded) => expectStatuses(loaded, route === "token" && count === cuts - 1 ? CREATED : CUT_STATUS),
      }),
    };
  });
}

/** The same list from `first` on, and what was before it behind; with each one's own index. */
function rotated<Value>(list: readonly Value[], first: number): readonly (readonly [number, Value])[] {
  const indexed = list.map((value, index) => [index, value] as const);
  const at = first % list.length;
  return [...indexed.slice(at), ...indexed.slice(0, at)];
}

async function tokenRequests(gateway: BenchGateway, productId: string): Promise<(cut: number) => readonly string[]> {
  const jwts = await signJwts(
    gateway.vars,
    Array.from({ length: VARIETY }, (_, index) => `stages-${index}`),
  );
  // Each cut begins with other buyers: several count them, and none may reach a limit by what another cut did.
  return (cut) =>
    rotated(jwts, cut * BUYERS_APART).map(([index, jwt]) =>
      wireRequest({
        method: "POST",
        path: `/v1/products/${productId}/tokens`,
        address: ownAddress(index),
        headers: { Authorization: `Bearer ${jwt}`, [CUT_HEADER]: String(cut) },
        body: "{}",
      }),
    );
}

async function checkoutRequests(
  gateway: BenchGateway,
  productId: string,
  path: string,
): Promise<(cut: number) => readonly string[]> {
  const buyers = Array.from({ length: VARIETY }, (_, index) => `stages-${index}`);
  const tokens = await mintTokens({ ...readTokenKey(gateway.vars), gateway: "sluice" }, productId, 1, buyers);
  return (cut) =>
    tokens.map((token, index) =>
      wireRequest({
        method: "POST",
        path,
        address: ownAddress(index),
        headers: { "Purchase-Token": token, [CUT_HEADER]: String(cut) },
        body: '{"quantity":1}',
      }),
    );
}

function stageTable(route: Route, whole: string, rounds: readonly (readonly Slice[])[]): readonly Fact[] {
  const labels = STAGE_LABELS[route];
  const micros = labels.map((_, count) => medianSlice(rounds, cutName(route, count)).serverMicros);
  const all = [...micros, medianSlice(rounds, whole).serverMicros];
  const fact = (name: string, value: number): Fact => factOf(`${route}: ${name}`, value, "µs");
  return [
    fact("to the first stage", all[0] ?? Number.NaN),
    ...labels.map((label, index) =>
      fact(`${index + 1} ${label}`, (all[index + 1] ?? Number.NaN) - (all[index] ?? Number.NaN)),
    ),
    fact("the whole way", all.at(-1) ?? Number.NaN),
  ];
}
