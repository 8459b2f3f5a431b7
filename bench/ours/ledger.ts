/**
 * What a product object costs by the number of orders in it: CPU per hold, time to wake up, bytes on disk, memory. Target 6.
 *
 * Only the object is asked (no tokens, no limits, no Postgres), by one call for many holds. Objects of all sizes are filled
 * beforehand and stand in one process, so that the compiler, the collector and whoever else uses the machine are the same
 * for all; they take turns of a quarter of a second.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { StartError } from "../../scripts/gateway/start-error.ts";
import type { Bench, BenchPlan, Findings, Ground } from "../ground.ts";
import { findDescendants, readMemory, readTrees } from "../machine/cpu.ts";
import { factOf, ratioFrom } from "../ratios.ts";
import type { Fact, Ratio } from "../results.ts";
import type { RunningServer } from "../server.ts";
import { startWorkerProgram } from "../serve-worker.ts";
import { median } from "../statistics.ts";

/** Of one turn: some commits of full batches, and before them what a new object reads for the first time. */
const HOLDS = 1000;
const WARM_UP_HOLDS = 300;
const GROWTH = HOLDS + WARM_UP_HOLDS;
/** As many as a gateway's connections hold at once. */
const AT_ONCE = 64;
/** Turns of a size in a round: CPU is counted in ticks of 10 ms. */
const TURNS = 4;
/** An object is used until it has grown by this share of its size; then another one of the size is. */
const GROWTH_MOST = 0.5;
/** How much dearer a hold may be than in the smallest. */
const DEARER_MOST = 1.1;
/** Wakings of each size. */
const WAKINGS = 3;
/** Calls to objects with nothing in them, whose median is what a call itself takes. */
const EMPTY_CALLS = 5;
const MIB = 1024 * 1024;

/** How rows are found: see workers/ledger.ts. */
type Ids = "asSold" | "randomTokens" | "orderedBuyers";

interface Kind {
  readonly name: string;
  readonly orders: number;
  readonly ids: Ids;
}

const SIZES = [1000, 10_000, 100_000, 1_000_000];
const QUICK_SIZES = [1000, 10_000, 100_000];
/** For what the growth comes from, two sizes are enough. */
const COMPARED_SIZES = [1000, 100_000];

function kindOf(orders: number, ids: Ids): Kind {
  const suffix = { asSold: "", randomTokens: ", tokens without a time", orderedBuyers: ", buyers in order" }[ids];
  return { name: `${orders} orders${suffix}`, orders, ids };
}

function sizesOf({ quick }: BenchPlan): readonly number[] {
  return quick ? QUICK_SIZES : SIZES;
}

export const ledger: Bench = {
  name: "ledger",
  tells: "a hold in an object of a thousand orders and of a million: CPU, waking up, bytes, memory",
  estimate: (plan) => (plan.quick ? 50 : 190),
  run: measureLedger,
};

async function measureLedger(ground: Ground): Promise<Findings> {
  const { plan } = ground;
  const sizes = sizesOf(plan);
  const stateDir = await mkdtemp(join(tmpdir(), "sluice-bench-ledger-"));
  ground.keep({ stop: () => rm(stateDir, { recursive: true, force: true }) });
  const kinds = [
    ...sizes.map((orders) => kindOf(orders, "asSold")),
    ...COMPARED_SIZES.flatMap((orders) => [kindOf(orders, "orderedBuyers"), kindOf(orders, "randomTokens")]),
  ];
  const server = ground.keep(await startObjects(stateDir));
  const shelves: Shelf[] = [];
  for (const kind of kinds) {
    ground.tell(`filling ${kind.name}`);
    shelves.push(await fillShelf(server, kind, (plan.rounds + 1) * TURNS));
  }
  const rounds: ReadonlyMap<string, number>[] = [];
  // The first is the warm-up: what is not measured.
  for (let round = -1; round < plan.rounds; round++) {
    ground.tell(`round ${round + 1} of ${plan.rounds}`);
    const micros = await holdInTurn(server, round % 2 === 0 ? shelves : shelves.toReversed());
    if (round >= 0) rounds.push(micros);
  }
  for (const shelf of shelves) await auditShelf(server, shelf);
  await server.stop();
  const wakings: (readonly Waking[])[] = [];
  for (let waking = 0; waking < WAKINGS; waking++) {
    ground.tell(`waking up ${waking + 1} of ${WAKINGS}`);
    const looks: Waking[] = [];
    for (const shelf of shelves.slice(0, sizes.length)) looks.push(await wake(stateDir, shelf));
    wakings.push(looks);
  }
  return {
    conditions: { ...plan, holdsOfATurn: HOLDS, turnsOfARound: TURNS, atOnce: AT_ONCE },
    rounds: [],
    ratios: ratiosOf(sizes, rounds),
    facts: [
      ...kinds.map(({ name }) => factOf(`CPU per hold, ${name}`, median(microsOf(rounds, name)), "µs")),
      ...sizes.flatMap((orders, index) =>
        sizeFacts(
          orders,
          shelves[index],
          wakings.map((looks) => looks[index]),
        ),
      ),
    ],
    notes: [
      "CPU of workerd, with the commit and the acknowledgement of what was held; every order in the object is over and delivered, nine of ten paid",
      "Waking up counts what an object's first answer takes longer than that of one with nothing in it, in a process that has just begun",
      "Buyers come in no order: each hold reads and writes a page of its own in the index by buyer, once that has more pages than a commit has holds. Beside it, the same with buyers in order",
    ],
  };
}

/** Objects of one kind, and how often each is used. */
interface Shelf {
  readonly kind: Kind;
  readonly objects: readonly string[];
  readonly usesOfEach: number;
  /** Of the first one when it was filled. */
  readonly bytes: number;
  readonly filled: number;
  turns: number;
}

function startObjects(stateDir: string): Promise<RunningServer> {
  return startWorkerProgram(new URL("../ledger/serve.ts", import.meta.url), "ledger", [stateDir]);
}

/** Enough objects for so many turns, each as many orders below the size as it will be above it at its end. */
async function fillShelf(server: RunningServer, kind: Kind, turns: number): Promise<Shelf> {
  const usesOfEach = Math.min(turns, Math.max(1, Math.floor((kind.orders * GROWTH_MOST) / GROWTH)));
  const filled = Math.round(kind.orders - (usesOfEach * GROWTH) / 2);
  const objects = Array.from({ length: Math.ceil(turns / usesOfEach) }, (_, index) => `${kind.name}, ${index}`);
  // What is held for a look at its waking is sold, too.
  const spare = (usesOfEach + WAKINGS) * GROWTH;
  for (const object of objects) await ask(server, "/fill", { object, ids: kind.ids, count: filled, spare });
  const bytes = v.parse(v.number(), await ask(server, "/bytes", { object: objects[0] ?? "" }));
  return { kind, objects, usesOfEach, bytes, filled, turns: 0 };
}

/** All sizes after one another, some times. @returns CPU per hold in microseconds, by the kind's name. */
async function holdInTurn(server: RunningServer, shelves: readonly Shelf[]): Promise<ReadonlyMap<string, number>> {
  const micros = new Map<string, number>();
  for (let turn = 0; turn < TURNS; turn++) {
    for (const shelf of shelves) {
      const { kind, objects, usesOfEach } = shelf;
      const object = objects[Math.floor(shelf.turns++ / usesOfEach)] ?? "";
      await ask(server, "/hold", { object, ids: kind.ids, count: WARM_UP_HOLDS, atOnce: AT_ONCE });
      const before = readTrees(server.pids);
      await ask(server, "/hold", { object, ids: kind.ids, count: HOLDS, atOnce: AT_ONCE });
      const used = (readTrees(server.pids) - before) / (HOLDS * TURNS);
      micros.set(kind.name, (micros.get(kind.name) ?? 0) + used);
    }
  }
  return micros;
}

const document = v.object({
  allocated: v.number(),
  available: v.number(),
  held: v.number(),
  paid: v.number(),
  orders: v.object({ held: v.number() }),
});

/** Every hold that was answered is in its object, and its books are right. */
async function auditShelf(server: RunningServer, { kind, objects, usesOfEach, turns }: Shelf): Promise<void> {
  let held = 0;
  for (const object of objects.slice(0, Math.ceil(turns / usesOfEach))) {
    const books = v.parse(document, await ask(server, "/document", { object }));
    if (books.allocated !== books.available + books.held + books.paid || books.held !== books.orders.held) {
      throw new StartError(`The books of ${object} do not add up: ${JSON.stringify(books)}`);
    }
    held += books.orders.held;
  }
  if (held !== turns * GROWTH) throw new StartError(`${kind.name}: ${held} of ${turns * GROWTH} holds are there`);
}

interface Waking {
  readonly wakeUpMs: number;
  readonly firstHoldMs: number;
  readonly residentMib: number;
}

/** In a process of its own: what the first calls cost beside those to objects with nothing in them. */
async function wake(stateDir: string, { kind, objects }: Shelf): Promise<Waking> {
  const server = await startObjects(stateDir);
  try {
    const object = objects.at(-1) ?? "";
    // The isolate is there, and another object of the class.
    await ask(server, "/view", { object: "empty" });
    const calls: number[] = [];
    for (let index = 0; index < EMPTY_CALLS; index++) {
      calls.push(await timed(() => ask(server, "/order", { object: `empty ${index}` })));
    }
    const wakeUpMs = (await timed(() => ask(server, "/order", { object }))) - median(calls);
    const hold = (count: number) => ask(server, "/hold", { object, ids: kind.ids, count, atOnce: AT_ONCE });
    const firstHoldMs = await timed(() => hold(1));
    await hold(HOLDS);
    return { wakeUpMs, firstHoldMs, residentMib: readMemory(findDescendants(server.pids, "workerd")) / MIB };
  } finally {
    await server.stop();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

async function ask(
  { url }: RunningServer,
  path: string,
  query: Readonly<Record<string, string | number>>,
): Promise<unknown> {
  const asked = new URL(path, url);
  for (const [key, value] of Object.entries(query)) asked.searchParams.set(key, String(value));
  const answer = await fetch(asked);
  const text = await answer.text();
  if (!answer.ok) throw new StartError(`${path} was answered with ${answer.status}: ${text}`);
  return text === "" ? null : JSON.parse(text);
}

function microsOf(rounds: readonly ReadonlyMap<string, number>[], name: string): readonly number[] {
  return rounds.map((micros) => micros.get(name) ?? Number.NaN);
}

/** Each size beside the smallest one of its kind, of the same round. */
function ratiosOf(sizes: readonly number[], rounds: readonly ReadonlyMap<string, number>[]): readonly Ratio[] {
  const compare = (orders: number, ids: Ids, target?: number): Ratio => {
    const [subject, baseline] = [kindOf(orders, ids).name, kindOf(sizes[0] ?? 0, ids).name];
    const below = microsOf(rounds, baseline);
    const ratios = microsOf(rounds, subject).map((micros, round) => micros / (below[round] ?? Number.NaN));
    return ratioFrom(
      { subject, baseline, ...(target === undefined ? {} : { target, atMost: true }) },
      "CPU per hold",
      ratios,
    );
  };
  return [
    ...sizes.slice(1).map((orders) => compare(orders, "asSold", DEARER_MOST)),
    ...COMPARED_SIZES.slice(1).flatMap((orders) => [compare(orders, "orderedBuyers"), compare(orders, "randomTokens")]),
  ];
}

function sizeFacts(orders: number, shelf: Shelf | undefined, looks: readonly (Waking | undefined)[]): readonly Fact[] {
  const of = (figure: (waking: Waking) => number): number =>
    median(looks.filter((look) => look !== undefined).map((look) => figure(look)));
  const name = kindOf(orders, "asSold").name;
  return [
    factOf(
      `waking up, ${name}`,
      of(({ wakeUpMs }) => wakeUpMs),
      "ms",
    ),
    factOf(
      `the first hold behind it, ${name}`,
      of(({ firstHoldMs }) => firstHoldMs),
      "ms",
    ),
    factOf(`bytes an order, ${name}`, (shelf?.bytes ?? Number.NaN) / (shelf?.filled ?? Number.NaN), ""),
    factOf(
      `resident, all of workerd, ${name}`,
      of(({ residentMib }) => residentMib),
      "MiB",
    ),
  ];
}
