/**
 * Product objects of one size, filled in bulk and asked in bulk: how a turn of holds is measured in them, whether their books
 * are right afterwards, and how long one takes to wake up.
 */
import * as v from "valibot";
import { LEARNED_AT_ONCE } from "../../durable-objects/product/newcomers.ts";
import { StartError } from "../../scripts/gateway/start-error.ts";
import { findDescendants, readMemory, readThreads } from "../machine/cpu.ts";
import type { RunningServer } from "../server.ts";
import { startWorkerProgram } from "../serve-worker.ts";
import { median } from "../statistics.ts";

/** Of one turn: some commits of full batches, and before them what a new object reads for the first time. */
export const HOLDS = 1000;
const WARM_UP_HOLDS = 300;
const GROWTH = HOLDS + WARM_UP_HOLDS;
/** As many as a gateway's connections hold at once. */
const AT_ONCE = 64;
/** An object is used until it has grown by this share of its size; then another one of the size is. */
const GROWTH_MOST = 0.5;
/** Looks at how an object wakes up, for which it has units as well. */
export const WAKINGS = 3;
/** Calls to objects with nothing in them, whose median is what a call itself takes. */
const EMPTY_CALLS = 5;
const MIB = 1024 * 1024;

/** What the orders are: see workers/ledger.ts. */
export type Filling = "asSold" | "randomTokens" | "stillHeld";

export interface Kind {
  readonly name: string;
  readonly orders: number;
  readonly filling: Filling;
}

/** Objects of one kind, and how often each is used. */
export interface Shelf {
  readonly kind: Kind;
  readonly objects: readonly string[];
  readonly usesOfEach: number;
  /** Of the first one when it was filled. */
  readonly bytes: number;
  readonly filled: number;
  /** Holds of each after it was filled, until it knew who has orders. */
  readonly learnings: number;
  turns: number;
}

export function startObjects(stateDir: string): Promise<RunningServer> {
  return startWorkerProgram(new URL("serve.ts", import.meta.url), "ledger", [stateDir]);
}

/** Enough objects for so many turns, each as many orders below the size as it will be above it at its end. */
export async function fillShelf(server: RunningServer, kind: Kind, turns: number): Promise<Shelf> {
  const usesOfEach = Math.min(turns, Math.max(1, Math.floor((kind.orders * GROWTH_MOST) / GROWTH)));
  const filled = Math.round(kind.orders - (usesOfEach * GROWTH) / 2);
  const objects = Array.from({ length: Math.ceil(turns / usesOfEach) }, (_, index) => `${kind.name}, ${index}`);
  // A commit of each: after each the object learns of some orders whose they are.
  const learnings = Math.ceil(filled / LEARNED_AT_ONCE) + 1;
  // What is held for a look at its waking is sold, too.
  const spare = (usesOfEach + WAKINGS) * GROWTH + learnings;
  for (const object of objects) {
    await ask(server, "/fill", { object, filling: kind.filling, count: filled, spare });
    await ask(server, "/hold", { object, filling: kind.filling, count: learnings, atOnce: 1 });
    await ask(server, "/pay", { object });
  }
  const bytes = v.parse(v.number(), await ask(server, "/bytes", { object: objects[0] ?? "" }));
  return { kind, objects, usesOfEach, bytes, filled, learnings, turns: 0 };
}

/** Holds, and then their payments, so that no more is held in large objects, which are used for longer. @returns CPU per hold, in microseconds. */
export async function takeTurn(server: RunningServer, shelf: Shelf): Promise<number> {
  const { kind, objects, usesOfEach } = shelf;
  const object = objects[Math.floor(shelf.turns++ / usesOfEach)] ?? "";
  await ask(server, "/hold", { object, filling: kind.filling, count: WARM_UP_HOLDS, atOnce: AT_ONCE });
  const before = readThreads(server.pids);
  await ask(server, "/hold", { object, filling: kind.filling, count: HOLDS, atOnce: AT_ONCE });
  const micros = (readThreads(server.pids) - before) / HOLDS;
  await ask(server, "/pay", { object });
  return micros;
}

const document = v.object({
  allocated: v.number(),
  available: v.number(),
  held: v.number(),
  paid: v.number(),
  orders: v.object({ held: v.number(), paid: v.number() }),
});

/** Every hold that was answered is in its object and paid, and its books are right. */
export async function auditShelf(server: RunningServer, shelf: Shelf): Promise<void> {
  const { kind, objects, usesOfEach, filled, learnings, turns } = shelf;
  const heldBefore = kind.filling === "stillHeld" ? filled : 0;
  const paidBefore = kind.filling === "stillHeld" ? 0 : filled - Math.ceil(filled / 10);
  let paid = 0;
  for (const object of objects.slice(0, Math.ceil(turns / usesOfEach))) {
    const books = v.parse(document, await ask(server, "/document", { object }));
    const { allocated, available, held, orders } = books;
    if (allocated !== available + held + books.paid || held !== orders.held || held !== heldBefore) {
      throw new StartError(`The books of ${object} do not add up: ${JSON.stringify(books)}`);
    }
    paid += orders.paid - paidBefore - learnings;
  }
  if (paid !== turns * GROWTH) throw new StartError(`${kind.name}: ${paid} of ${turns * GROWTH} holds are there`);
}

export interface Waking {
  readonly wakeUpMs: number;
  readonly firstHoldMs: number;
  readonly residentMib: number;
}

/** In a process of its own: what the first calls cost beside those to objects with nothing in them. */
export async function wake(stateDir: string, { kind, objects }: Shelf): Promise<Waking> {
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
    const hold = (count: number) => ask(server, "/hold", { object, filling: kind.filling, count, atOnce: AT_ONCE });
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
