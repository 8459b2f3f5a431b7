/**
 * What a product object costs by the number of orders in it: CPU per hold, time to wake up, bytes on disk, memory. Target 6.
 *
 * Only the object is asked (no tokens, no limits, no Postgres), by one call for many holds. Objects of all sizes are filled
 * beforehand and stand in one process, those that they are compared with in another, so that the compiler, the collector and
 * whoever else uses the machine are the same for all; they take turns of a thousand holds.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench, BenchPlan, Findings, Ground } from "../ground.ts";
import {
  auditShelf,
  fillShelf,
  HOLDS,
  type Filling,
  type Kind,
  type Shelf,
  startObjects,
  takeTurn,
  wake,
  type Waking,
  WAKINGS,
} from "../ledger/shelf.ts";
import { factOf, ratioFrom } from "../ratios.ts";
import type { Fact, Ratio } from "../results.ts";
import type { RunningServer } from "../server.ts";
import { median } from "../statistics.ts";

/** Turns of a size in a round, of which the median counts: one that meets a collection of garbage takes twice as long as another. */
const TURNS = 10;
/** How much dearer a hold may be than in the smallest. */
const DEARER_MOST = 1.1;

const SIZES = [1000, 10_000, 100_000, 1_000_000];
const QUICK_SIZES = [1000, 10_000, 100_000];
/** For what the growth comes from, two sizes are enough. */
const COMPARED_SIZES = [1000, 100_000];

function kindOf(orders: number, filling: Filling): Kind {
  const suffix = { asSold: "", randomTokens: ", tokens without a time", stillHeld: ", all of them held" }[filling];
  return { name: `${orders} orders${suffix}`, orders, filling };
}

function sizesOf({ quick }: BenchPlan): readonly number[] {
  return quick ? QUICK_SIZES : SIZES;
}

export const ledger: Bench = {
  name: "ledger",
  tells: "a hold in an object of a thousand orders and of a million: CPU, waking up, bytes, memory",
  estimate: (plan) => (plan.quick ? 130 : 290),
  run: measureLedger,
};

async function measureLedger(ground: Ground): Promise<Findings> {
  const { plan } = ground;
  const sizes = sizesOf(plan);
  const stateDir = await mkdtemp(join(tmpdir(), "sluice-bench-ledger-"));
  ground.keep({ stop: () => rm(stateDir, { recursive: true, force: true }) });
  const sold = sizes.map((orders) => kindOf(orders, "asSold"));
  const compared = COMPARED_SIZES.flatMap((orders) => [kindOf(orders, "stillHeld"), kindOf(orders, "randomTokens")]);
  const kinds = [...sold, ...compared];
  const { shelves, rounds } = await measureTogether(ground, stateDir, sold);
  const others = await measureTogether(ground, stateDir, compared);
  const together = rounds.map((micros, round) => new Map([...micros, ...(others.rounds[round] ?? [])]));
  const wakings: (readonly Waking[])[] = [];
  for (let waking = 0; waking < WAKINGS; waking++) {
    ground.tell(`waking up ${waking + 1} of ${WAKINGS}`);
    const looks: Waking[] = [];
    for (const shelf of shelves) looks.push(await wake(stateDir, shelf));
    wakings.push(looks);
  }
  return {
    conditions: { ...plan, holdsOfATurn: HOLDS, turnsOfARound: TURNS },
    rounds: [],
    ratios: ratiosOf(sizes, together),
    facts: [
      ...kinds.map(({ name }) => factOf(`CPU per hold, ${name}`, median(microsOf(together, name)), "µs")),
      ...sizes.flatMap((orders, index) =>
        sizeFacts(
          orders,
          shelves[index],
          wakings.map((looks) => looks[index]),
        ),
      ),
    ],
    notes: [
      "CPU of workerd, with the commit and the acknowledgement of what was held; every order in the object is over and delivered, nine of ten paid; what a turn held is paid before the next",
      "Waking up counts what an object's first answer takes longer than that of one with nothing in it, in a process that has just begun",
      "Buyers come in no order. Beside it, the same with as many orders that are all held: then each hold writes a page of its own in the index of holds by buyer",
    ],
  };
}

/** Objects of some kinds in a process of their own: of all kinds they would be some 200, which crowd each other's memory. */
async function measureTogether(ground: Ground, stateDir: string, kinds: readonly Kind[]) {
  const { plan } = ground;
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
  return { shelves, rounds };
}

/** All kinds after one another, some times. @returns CPU per hold in microseconds, by the kind's name, the median of its turns. */
async function holdInTurn(server: RunningServer, shelves: readonly Shelf[]): Promise<ReadonlyMap<string, number>> {
  const turns = new Map<string, number[]>(shelves.map(({ kind }) => [kind.name, []]));
  for (let turn = 0; turn < TURNS; turn++) {
    for (const shelf of shelves) turns.get(shelf.kind.name)?.push(await takeTurn(server, shelf));
  }
  return new Map([...turns].map(([name, micros]) => [name, median(micros)]));
}

function microsOf(rounds: readonly ReadonlyMap<string, number>[], name: string): readonly number[] {
  return rounds.map((micros) => micros.get(name) ?? Number.NaN);
}

/** Each size beside the smallest one of its kind, of the same round. */
function ratiosOf(sizes: readonly number[], rounds: readonly ReadonlyMap<string, number>[]): readonly Ratio[] {
  const compare = (orders: number, filling: Filling, target?: number): Ratio => {
    const [subject, baseline] = [kindOf(orders, filling).name, kindOf(sizes[0] ?? 0, filling).name];
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
    ...COMPARED_SIZES.slice(1).flatMap((orders) => [compare(orders, "stillHeld"), compare(orders, "randomTokens")]),
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
