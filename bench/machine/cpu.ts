/**
 * CPU time as Linux counts it, for a tree of processes and for the whole machine: what was ours and what was somebody else's.
 *
 * Linux only: it reads /proc. Its clock ticks are 10 ms, so slices of a second are known to about one part in a hundred.
 */
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { StartError } from "../../scripts/gateway/start-error.ts";

/** Microseconds in a tick of /proc: USER_HZ is 100 on every platform that Node runs on (man 5 proc). */
const TICK_MICROS = 10_000;
const NANOS_PER_MICRO = 1000;

/** The fields of /proc/[pid]/stat behind the name, counted from 0 there (man 5 proc gives them from 1, state being 3). */
const PARENT = 1;
const TIMES = [11, 12] as const;
const TIMES_OF_CHILDREN = [13, 14] as const;

interface ProcessTimes {
  readonly parent: number;
  /** Its own, in microseconds. */
  readonly own: number;
  /** Of its children that have ended and were waited for, and theirs. */
  readonly ended: number;
}

/** @throws StartError where there is no /proc. */
export function requireProc(): void {
  try {
    readFileSync("/proc/stat");
  } catch {
    throw new StartError("The bench counts CPU time by /proc, which only Linux has");
  }
}

function readProcess(pid: number): ProcessTimes | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined; // It has ended.
  }
  // The name stands in parentheses and may hold anything, parentheses and blanks too.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const sum = (places: readonly number[]): number =>
    places.reduce((ticks, place) => ticks + Number(fields[place] ?? 0), 0) * TICK_MICROS;
  return { parent: Number(fields[PARENT] ?? 0), own: sum(TIMES), ended: sum(TIMES_OF_CHILDREN) };
}

function readProcesses(): ReadonlyMap<number, ProcessTimes> {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const found = pids.map((name) => [Number(name), readProcess(Number(name))] as const);
  return new Map(found.filter((entry): entry is [number, ProcessTimes] => entry[1] !== undefined));
}

/** Microseconds that the processes and all their descendants have used so far, those that have ended too. */
export function readTrees(roots: readonly number[]): number {
  const processes = readProcesses();
  let micros = 0;
  for (const pid of treeOf(roots, processes)) {
    const times = processes.get(pid);
    if (times !== undefined) micros += times.own + times.ended;
  }
  return micros;
}

/**
 * The same to the nanosecond, of threads that have not ended (/proc/[pid]/task/[tid]/schedstat, its first figure): for windows
 * that are too short for ticks.
 */
export function readThreads(roots: readonly number[]): number {
  let nanos = 0;
  for (const pid of treeOf(roots, readProcesses())) {
    for (const thread of listThreads(pid)) nanos += readOnCpu(`/proc/${pid}/task/${thread}/schedstat`);
  }
  return nanos / NANOS_PER_MICRO;
}

function listThreads(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // It has ended.
  }
}

function readOnCpu(file: string): number {
  try {
    return Number(readFileSync(file, "utf8").split(" ", 1)[0]);
  } catch {
    return 0; // It has ended.
  }
}

function treeOf(roots: readonly number[], processes: ReadonlyMap<number, ProcessTimes>): ReadonlySet<number> {
  const tree = new Set(roots);
  // A child may stand before its parent: until nothing is added.
  for (let size = 0; size !== tree.size; ) {
    size = tree.size;
    for (const [pid, { parent }] of processes) if (tree.has(parent)) tree.add(pid);
  }
  return tree;
}

/** Microseconds of this process's children that have ended, the generator's for one. */
export function readEndedChildren(): number {
  return readProcess(process.pid)?.ended ?? 0;
}

/**
 * Microseconds that anybody used on this machine so far, and what a hypervisor took. Interrupts are left out: they belong to
 * nobody, and on loopback most of them are our own.
 */
export function readMachine(): number {
  const [, user = 0, nice = 0, system = 0, , , , , steal = 0] =
    readFileSync("/proc/stat", "utf8").split("\n")[0]?.trim().split(/\s+/).map(Number) ?? [];
  return (user + nice + system + steal) * TICK_MICROS;
}

/** Watches for load that is not this process's or its descendants'. */
export class ForeignLoad {
  #at = performance.now();
  #machine = readMachine();
  #ours = readTrees([process.pid]);

  /** Share of all cores that others used since this was made, from 0. */
  share(): number {
    const capacity = (performance.now() - this.#at) * 1000 * availableParallelism();
    const foreign = readMachine() - this.#machine - (readTrees([process.pid]) - this.#ours);
    return Math.max(0, foreign / capacity);
  }
}

/** Resident memory of the processes and all their descendants at this moment, in bytes. Shared pages count for each. */
export function readMemory(roots: readonly number[]): number {
  let bytes = 0;
  for (const pid of treeOf(roots, readProcesses())) bytes += readResident(pid);
  return bytes;
}

/** The descendants of these processes whose program has this name. */
export function findDescendants(roots: readonly number[], name: string): readonly number[] {
  return [...treeOf(roots, readProcesses())].filter((pid) => readName(pid) === name);
}

function readName(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return undefined; // It has ended.
  }
}

const KIB = 1024;

function readResident(pid: number): number {
  try {
    const [, kib = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kib) * KIB;
  } catch {
    return 0;
  }
}
