/**
 * What each stage of token issue and checkout costs: the way is cut after every stage in turn (workers/stages.ts), and the
 * difference between two cuts is the cost of the stage between them. In CPU of the whole server, so that what an object does
 * for a stage is that stage's; behind the last stage of a checkout stand the writer and Postgres, too.
 *
 * Most stages are a few hundredths of what stands before them, and ask nobody: windows say how the cost of these is divided among
 * them. How much that is, and what the two stages cost that ask objects, is said by whole turns: what objects do behind the answers
 * they do for many requests at a time, and a path that is taken for a moment only is dearer than one that is taken all the time.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { readWranglerConfig } from "../../scripts/gateway/check-wrangler.ts";
import type { Vars } from "../../scripts/gateway/dev-vars.ts";
import { ownAddress } from "../../scripts/rush/cast.ts";
import { bundleEntry } from "../bundle-entry.ts";
import type { BenchGateway } from "../gateway/gateway.ts";
import { mintTokens, readTokenKey, signJwts } from "../gateway/passes.ts";
import { type BenchProduct, openProduct } from "../gateway/product.ts";
import type { Bench, BenchPlan, Findings, Ground } from "../ground.ts";
import { estimateInterleaved, planWindows, runInterleaved } from "../interleaved.ts";
import { wireRequest } from "../load/request.ts";
import { factOf } from "../ratios.ts";
import type { Fact, Slice } from "../results.ts";
import { expectStatuses, type RoundsPlan, runRounds, type Subject } from "../rounds.ts";
import { median } from "../statistics.ts";
import { YOUNG_GENERATION, withSmallYoungGeneration } from "../young-generation.ts";
import { HOLD, holdSubject } from "./hold-subject.ts";
import { whileKeptInMind } from "./keep-in-mind.ts";
import { EXACT_LIMITS, HOLDING, type Route, STAGE_LABELS } from "./stage-labels.ts";
import { TOKEN, tokenSubject } from "./token.ts";

const ENTRY = fileURLToPath(new URL("../workers/stages.ts", import.meta.url));
const CUT_HEADER = "Bench-Cut";
const CUT_STATUS = 204;
const CREATED = 201;
/** Buyers that come by turns, where nothing counts them. */
const VARIETY = 2000;

/** Rounds of the whole ways. */
const TURNS = 7;

function turnsOf(plan: BenchPlan): RoundsPlan {
  return plan.quick ? plan : { ...plan, rounds: TURNS, seconds: 2 };
}

export const stages: Bench = {
  name: "stages",
  tells: "what each stage of token issue and checkout costs, in microseconds of CPU",
  estimate: (plan) =>
    30 +
    estimateInterleaved(planWindows(plan), STAGE_LABELS.token.length + STAGE_LABELS.checkout.length + 1) +
    (turnsOf(plan).rounds + 1) * 4 * (turnsOf(plan).seconds + 1),
  run: (ground) => withSmallYoungGeneration(() => measureStages(ground)),
};

async function measureStages(ground: Ground): Promise<Findings> {
  const plan = planWindows(ground.plan);
  const dir = await mkdtemp(join(tmpdir(), "sluice-stages-"));
  ground.keep({ stop: () => rm(dir, { recursive: true, force: true }) });
  const script = join(dir, "stages.js");
  await bundleEntry(ENTRY, script);
  const cut = await ground.gateway({ script, name: "stages-cut", vars: withoutStores() });
  const product = await openProduct(cut, "stages", { stock: 1_000_000 });
  const [token, checkout] = [STAGE_LABELS.token.length, STAGE_LABELS.checkout.length];
  const tokenCuts = cutSubjects("token", token + 1, cut, await tokenRequests(cut, product.id));
  const checkoutCuts = cutSubjects("checkout", checkout, cut, await checkoutRequests(cut, product));
  const askProduct = () => fetch(`${cut.url}/v1/products/${product.id}`);
  const inWindows = await whileKeptInMind([askProduct], () =>
    runInterleaved([...tokenCuts, ...checkoutCuts], plan, ground.generator, ground.tell),
  );
  const turns = turnsOf(ground.plan);
  const whole = await ground.gateway({ script });
  const inTurns = await runRounds(
    [
      ...tokenCuts.slice(token),
      await tokenSubject(whole, { seconds: turns.seconds, sets: turns.rounds + 1 }),
      ...checkoutCuts.slice(checkout - 1),
      holdSubject(whole, { prefix: "stages-hold" }),
    ],
    turns,
    ground.generator,
    ground.tell,
  );
  const rounds = { inWindows: inWindows.rounds, inTurns: inTurns.rounds };
  return {
    conditions: { ...plan, v8Flags: YOUNG_GENERATION },
    rounds: [...inWindows.rounds, ...inTurns.rounds],
    ratios: [],
    facts: [
      ...stageTable("token", { without: cutName("token", token), whole: TOKEN, asking: EXACT_LIMITS }, rounds),
      ...stageTable("checkout", { without: cutName("checkout", checkout - 1), whole: HOLD, asking: HOLDING }, rounds),
    ],
    thrownAway: [...inWindows.thrownAway, ...inTurns.thrownAway],
    notes: [
      "CPU of the whole server for a request; a stage's figure is the median of the rounds' differences between two cuts",
      "Turns of two seconds say what the whole way costs, and the way without the stage that asks objects (a token's exact limits with its accounts, a checkout's hold)",
      "How the latter is divided was measured with all cuts under way at once, in windows of 60 ms: one cut's share is known to a few hundredths",
      '"to the first stage" is what a request costs that no stage looks at: workerd\'s HTTP, hono, an answer of 204',
    ],
  };
}

/** What the tables of [vars] that the cuts do without look like. The Worker checks the rest. */
const tables = v.looseObject({
  LIMITS: v.looseObject({ policies: v.record(v.string(), v.looseObject({ store: v.string() })) }),
  RISK: v.looseObject({ signals: v.record(v.string(), v.looseObject({ weight: v.number() })) }),
});

/**
 * wrangler.toml's limits and risk with nothing that is counted elsewhere: a call's cost changes by more from one window to the next
 * than the stages behind it cost.
 */
function withoutStores(): Vars {
  const { LIMITS, RISK } = v.parse(tables, readWranglerConfig().vars);
  const policies = Object.entries(LIMITS.policies).map(([name, policy]) =>
    policy.store === "exact" ? [name, { ...policy, mode: "off" }] : [name, policy],
  );
  const signals = Object.entries(RISK.signals).map(([name, signal]) =>
    name.startsWith("accounts-per-") ? [name, { ...signal, weight: 0 }] : [name, signal],
  );
  return {
    LIMITS: { ...LIMITS, policies: Object.fromEntries(policies) },
    RISK: { ...RISK, signals: Object.fromEntries(signals) },
  };
}

/** What a cut is called as a subject: the route, and how many stages ran. */
function cutName(route: Route, count: number): string {
  return `${route}, ${count} stages`;
}

/** The first so many cuts. The last of a token's is the whole way; that of a checkout needs new tokens, and is the bench's hold. */
function cutSubjects(
  route: Route,
  cuts: number,
  gateway: BenchGateway,
  requestsOf: (cut: number) => readonly string[],
): readonly Subject[] {
  return Array.from({ length: cuts }, (_, count) => {
    const requests = requestsOf(count);
    const status = route === "token" && count === cuts - 1 ? CREATED : CUT_STATUS;
    return {
      name: cutName(route, count),
      prepare: async (_turn, { seconds, connections }) => ({
        load: { url: gateway.url, requests, connections, seconds },
        pids: gateway.pids,
        audit: async (loaded) => expectStatuses(loaded, status),
      }),
    };
  });
}

async function tokenRequests(gateway: BenchGateway, productId: string): Promise<(cut: number) => readonly string[]> {
  const buyers = Array.from({ length: VARIETY }, (_, index) => `stages-${index}`);
  const jwts = await signJwts(gateway.vars, buyers);
  return (cut) =>
    jwts.map((jwt, index) =>
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
  { id, checkoutPath }: BenchProduct,
): Promise<(cut: number) => readonly string[]> {
  const buyers = Array.from({ length: VARIETY }, (_, index) => `stages-${index}`);
  const tokens = await mintTokens({ ...readTokenKey(gateway.vars), gateway: "sluice" }, id, 1, buyers);
  return (cut) =>
    tokens.map((token, index) =>
      wireRequest({
        method: "POST",
        path: checkoutPath,
        address: ownAddress(index),
        headers: { "Purchase-Token": token, [CUT_HEADER]: String(cut) },
        body: '{"quantity":1}',
      }),
    );
}

/** A way with the stage that asks objects, and without it. */
interface Ways {
  readonly without: string;
  readonly whole: string;
  /** That stage. */
  readonly asking: string;
}

type AllRounds = Readonly<Record<"inWindows" | "inTurns", readonly (readonly Slice[])[]>>;

function stageTable(
  route: Route,
  { without, whole, asking }: Ways,
  { inWindows, inTurns }: AllRounds,
): readonly Fact[] {
  const fact = (name: string, value: number): Fact => factOf(`${route}: ${name}`, value, "µs");
  const inTurn = (subject: string) => medianOf(inTurns, (slices) => microsOf(slices, subject));
  /** The cost up to a cut, as a share of the way without what asks objects. */
  const shareOf = (slices: readonly Slice[], count: number) =>
    microsOf(slices, cutName(route, count)) / microsOf(slices, without);
  const level = inTurn(without);
  const asked = medianOf(inTurns, (slices) => microsOf(slices, whole) - microsOf(slices, without));
  const costOf = (label: string, index: number): number => {
    // Behind the last cut of a checkout only the hold is left.
    const isCut = cutName(route, index) !== without;
    const own = isCut
      ? medianOf(inWindows, (slices) => shareOf(slices, index + 1) - shareOf(slices, index)) * level
      : 0;
    return label === asking ? own + asked : own;
  };
  return [
    fact("to the first stage", medianOf(inWindows, (slices) => shareOf(slices, 0)) * level),
    ...STAGE_LABELS[route].map((label, index) => fact(`${index + 1} ${label}`, costOf(label, index))),
    fact("the whole way", inTurn(whole)),
  ];
}

function medianOf(rounds: readonly (readonly Slice[])[], of: (slices: readonly Slice[]) => number): number {
  return median(rounds.map(of));
}

function microsOf(slices: readonly Slice[], subject: string): number {
  return slices.find((slice) => slice.subject === subject)?.serverMicros ?? Number.NaN;
}
