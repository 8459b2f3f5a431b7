/**
 * Rounds: all subjects of a bench, one after the other, in an order that is reversed each round, so that what changes slowly
 * (heat, a neighbour on the machine, a filling disk) meets all of them alike. A slice is one subject's turn.
 *
 * A slice during which somebody else used the machine is thrown away and repeated; one whose answers or ledgers are wrong
 * ends the bench: a fast wrong answer is no result.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { StartError } from "../scripts/gateway/start-error.ts";
import type { Generator, Load, Loaded } from "./load/generator.ts";
import { ForeignLoad, readTrees } from "./machine/cpu.ts";
import type { Slice } from "./results.ts";
import { rounded } from "./statistics.ts";

/** A subject's turn, ready to be measured. */
export interface Turn {
  readonly load: Load;
  /** The processes whose CPU is the server's. */
  readonly pids: readonly number[];
  /** Waits until what the answers set off behind them is done, so that its CPU is counted. */
  settle?(): Promise<void>;
  /** What is wrong with the answers or the ledger; empty when all is well. */
  audit(loaded: Loaded): Promise<readonly string[]>;
}

export interface Subject {
  readonly name: string;
  /**
   * Makes everything ready that is not to be measured.
   *
   * @param turn counts the subject's turns, those thrown away too, from 0 for the warm-up.
   */
  prepare(turn: number, length: SliceLength): Promise<Turn>;
}

export interface SliceLength {
  /** A whole number. */
  readonly seconds: number;
  readonly connections: number;
}

export interface RoundsPlan extends SliceLength {
  readonly rounds: number;
  /** Slices are kept however much others used meanwhile: to see that it works, never for a claim. */
  readonly noisy: boolean;
}

export interface Rounds {
  readonly rounds: readonly (readonly Slice[])[];
  readonly thrownAway: readonly string[];
}

/** Others may use so much of all cores; kernel threads that write our own data count as others. */
const FOREIGN_MOST = 0.12;
/** Slices of one subject in one round, or windows of all, before the machine is given up as too busy. */
const REPEATS_MAX = 8;
/** How long to look before a slice whether anybody else is at work, in milliseconds. */
const LOOK_MS = 150;
/** How long to wait for a quiet moment, in milliseconds. */
const QUIET_WAIT_MS = 20_000;

/** @param tell hears which slice is next. */
export async function runRounds(
  subjects: readonly Subject[],
  plan: RoundsPlan,
  generator: Generator,
  tell: (slice: string) => void,
): Promise<Rounds> {
  const rounds: Slice[][] = [];
  const thrownAway: string[] = [];
  const turns = new Map<string, number>();

  async function turn(subject: Subject): Promise<Slice> {
    const number = turns.get(subject.name) ?? 0;
    turns.set(subject.name, number + 1);
    const prepared = await subject.prepare(number, plan);
    if (!plan.noisy) await untilQuiet();
    return runTurn(subject, prepared, generator);
  }

  for (const subject of subjects) {
    tell(`warming up ${subject.name}`);
    await turn(subject);
  }
  for (let round = 0; round < plan.rounds; round++) {
    const slices: Slice[] = [];
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      tell(`round ${round + 1} of ${plan.rounds}, ${subject.name}`);
      const name = `round ${round + 1}, ${subject.name}`;
      slices.push(await untilUndisturbed(name, plan, thrownAway, () => turn(subject)));
    }
    rounds.push(slices);
  }
  return { rounds, thrownAway };
}

/**
 * Measures until others used little meanwhile; where noise is allowed, once.
 *
 * @param thrownAway is added to. @throws StartError where the machine is too busy.
 */
export async function untilUndisturbed<Measured extends { readonly foreign: number }>(
  name: string,
  { noisy }: RoundsPlan,
  thrownAway: string[],
  measure: () => Promise<Measured>,
): Promise<Measured> {
  for (let attempt = 1; attempt <= REPEATS_MAX; attempt++) {
    const measured = await measure();
    if (noisy || measured.foreign <= FOREIGN_MOST) return measured;
    thrownAway.push(`${name}: others used ${Math.round(measured.foreign * 100)} %`);
  }
  throw new StartError(
    `The machine is too busy to measure on: others used more than ${FOREIGN_MOST * 100} % in ${REPEATS_MAX} slices of ${name}`,
  );
}

async function runTurn(subject: Subject, turn: Turn, generator: Generator): Promise<Slice> {
  const cpuBefore = readTrees(turn.pids);
  const foreign = new ForeignLoad();
  const loaded = await generator.run(turn.load);
  const share = foreign.share();
  await turn.settle?.();
  const cpu = readTrees(turn.pids) - cpuBefore;
  await assertRight(subject, turn, loaded, loaded.lost > 0 ? [`${loaded.lost} answers were lost`] : []);
  return {
    subject: subject.name,
    perSecond: rounded(loaded.answered / loaded.seconds, 5),
    latencyMs: loaded.latencyMs,
    serverMicros: rounded(cpu / loaded.answered),
    generatorMicros: rounded(loaded.generatorMicros / loaded.answered),
    foreign: rounded(share, 3),
    statuses: { ...loaded.statuses },
  };
}

/** @param more faults than the turn's own audit finds. @throws StartError */
export async function assertRight(
  { name }: Subject,
  turn: Turn,
  loaded: Loaded,
  more: readonly string[] = [],
): Promise<void> {
  const faults = [...(await turn.audit(loaded)), ...more];
  if (loaded.answered === 0) faults.push("nothing was answered");
  if (faults.length > 0) throw new StartError(`${name} gave wrong answers: ${faults.join("; ")}`);
}

/** Nobody else at work, or waited long enough: then the slice itself will tell. */
async function untilQuiet(): Promise<void> {
  const deadline = performance.now() + QUIET_WAIT_MS;
  do {
    const look = new ForeignLoad();
    await sleep(LOOK_MS);
    if (look.share() <= FOREIGN_MOST) return;
  } while (performance.now() < deadline);
}

/** Faults where an answer had another status than these. */
export function expectStatuses({ statuses }: Loaded, ...wanted: readonly number[]): readonly string[] {
  const others = Object.entries(statuses).filter(([status]) => !wanted.includes(Number(status)));
  return others.map(([status, count]) => `${count} answers had status ${status} instead of ${wanted.join(" or ")}`);
}

/** Answers that a slice of this length may give at most: so many requests are prepared where each may be sent once only. */
export function mostAnswers({ seconds }: SliceLength, perSecond: number): number {
  return Math.ceil(seconds * perSecond);
}
