/**
 * Rounds of short windows: every subject's load is under way all the time, and all but one are stopped (SIGSTOP) at any moment.
 *
 * For subjects that differ by a few hundredths. A turn of its own for each, as in `rounds.ts`, is too coarse for that: whatever
 * uses the machine for a second beside it, and where memory happened to lie, makes ten times as much. Here each subject has its
 * share of every second or so, and connections of its own in every round. What it gives up: latency, since whoever is stopped
 * waits, and what answers set off behind them: a turn's `settle` is not asked.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { BenchPlan } from "./ground.ts";
import type { RunningLoad, StoppableGenerator } from "./load/generator.ts";
import { ForeignLoad, readEndedChildren, readThreads } from "./machine/cpu.ts";
import type { Slice } from "./results.ts";
import { assertRight, type Rounds, type RoundsPlan, type Subject, type Turn, untilUndisturbed } from "./rounds.ts";
import { rounded } from "./statistics.ts";

export interface InterleavedPlan extends RoundsPlan {
  /** How often each subject has its window in a round. */
  readonly windows: number;
  /** In milliseconds. */
  readonly windowMs: number;
}

const FULL = { rounds: 11, windows: 12 };
const WINDOW_MS = 60;

/** What is told by windows is a few hundredths: more rounds than elsewhere. */
export function planWindows(plan: BenchPlan): InterleavedPlan {
  return { ...plan, ...(plan.quick ? { windows: 1 } : FULL), windowMs: WINDOW_MS };
}

/** A stopped generator's last requests are answered within this; it counts as part of the window. In milliseconds. */
const DRAIN_MS = 10;
/** From a generator's start until it has all its connections, in milliseconds. */
const CONNECT_MS = 60;

/** One subject within one round. */
interface Lane {
  readonly subject: Subject;
  readonly turn: Turn;
  readonly load: RunningLoad;
  /** CPU of the server while it was this one's window, in microseconds. */
  micros: number;
  activeMs: number;
}

/** About how long it takes, in seconds. */
export function estimateInterleaved(plan: InterleavedPlan, subjects: number): number {
  return subjects * (plan.seconds + 0.5) + plan.rounds * (roundSeconds(plan, subjects) + 1);
}

/** Each round in one order and back. */
export async function runInterleaved(
  subjects: readonly Subject[],
  plan: InterleavedPlan,
  generator: StoppableGenerator,
  tell: (slice: string) => void,
): Promise<Rounds> {
  for (const subject of subjects) {
    tell(`warming up ${subject.name}`);
    const turn = await subject.prepare(0, plan);
    await assertRight(subject, turn, await generator.run(turn.load));
  }
  const rounds: (readonly Slice[])[] = [];
  const thrownAway: string[] = [];
  let turns = 0;
  for (let round = 1; round <= plan.rounds; round++) {
    tell(`round ${round} of ${plan.rounds}`);
    const measure = () => runRound(subjects, plan, generator, ++turns);
    const { slices } = await untilUndisturbed(`round ${round}`, plan, thrownAway, measure);
    rounds.push(slices);
  }
  return { rounds, thrownAway };
}

/** Time enough for all windows and whatever is between them; generators take whole seconds. */
function roundSeconds({ windows, windowMs }: InterleavedPlan, subjects: number): number {
  return Math.ceil((subjects * (CONNECT_MS + windows * (windowMs + DRAIN_MS)) * 1.2) / 1000) + 1;
}

async function runRound(
  subjects: readonly Subject[],
  plan: InterleavedPlan,
  generator: StoppableGenerator,
  number: number,
): Promise<{ readonly slices: readonly Slice[]; readonly foreign: number }> {
  const seconds = roundSeconds(plan, subjects.length);
  const lanes: Lane[] = [];
  const foreign = new ForeignLoad();
  const endsAt = performance.now() + seconds * 1000;
  try {
    for (const subject of subjects) {
      const turn = await subject.prepare(number, plan);
      const before = readThreads(turn.pids);
      const load = await generator.start({ ...turn.load, seconds });
      const lane: Lane = { subject, turn, load, micros: 0, activeMs: 0 };
      lanes.push(lane);
      await sleep(CONNECT_MS);
      load.stop();
      await sleep(DRAIN_MS);
      lane.micros += readThreads(turn.pids) - before;
      lane.activeMs += CONNECT_MS + DRAIN_MS;
    }
    for (let window = 0; window < plan.windows; window++) {
      for (const lane of window % 2 === number % 2 ? lanes : lanes.toReversed()) await giveWindow(lane, plan.windowMs);
    }
    const share = foreign.share();
    await sleep(Math.max(0, endsAt - performance.now()) + CONNECT_MS);
    const slices: Slice[] = [];
    for (const lane of lanes) slices.push(await finish(lane, share));
    return { slices, foreign: share };
  } finally {
    for (const { load } of lanes) load.end();
  }
}

async function giveWindow(lane: Lane, windowMs: number): Promise<void> {
  const { load, turn } = lane;
  const [before, at] = [readThreads(turn.pids), performance.now()];
  load.goOn();
  await sleep(windowMs);
  load.stop();
  await sleep(DRAIN_MS);
  lane.activeMs += performance.now() - at;
  lane.micros += readThreads(turn.pids) - before;
}

/** The generator's time is over by now: it says what came of its requests. */
async function finish({ subject, turn, load, micros, activeMs }: Lane, foreign: number): Promise<Slice> {
  const [before, ended] = [readThreads(turn.pids), readEndedChildren()];
  load.goOn();
  const loaded = await load.loaded;
  // The generator's own figure counts all that ended since it began.
  const generatorMicros = readEndedChildren() - ended;
  const cpu = micros + readThreads(turn.pids) - before;
  await assertRight(subject, turn, loaded);
  return {
    subject: subject.name,
    perSecond: rounded((loaded.answered / activeMs) * 1000, 5),
    serverMicros: rounded(cpu / loaded.answered),
    generatorMicros: rounded(generatorMicros / loaded.answered),
    foreign: rounded(foreign, 3),
    statuses: { ...loaded.statuses },
  };
}
