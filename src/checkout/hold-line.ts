/**
 * Holds of one product that come to an isolate within a few milliseconds go to the product's object in one call (decision 0042).
 *
 * Whoever comes while no call is under way calls at once. Who comes meanwhile waits in line until that call is back, or `REST_MS` after it
 * left, whichever is sooner; then the first in line calls for all that are in it. So the way to a far object costs nobody more than that.
 *
 * On Workers what a request began belongs to it, and ends with it. So each waits for itself, by a timer of its own, and calls by itself
 * where nothing came of the call that it shared: a token makes one order, however often it is sent. Nothing of a request is used by
 * another but values: commands in, answers out. What it gives up: a buyer who leaves may hold up those behind him, until somebody else
 * comes, or for `IN_LINE_MS` where nobody does.
 */
import type { HoldAnswer, HoldCommand } from "../../durable-objects/product/protocol.ts";
import type { RefusalOf } from "../refusal.ts";
import { ok, type Result } from "../result.ts";
import { LATE, orLate } from "../waiting.ts";

/** Two calls leave no sooner after one another, unless the first is back: about what a commit of a rush takes. */
export const REST_MS = 8;
/** Nobody waits longer for somebody else to call: far beyond any rest, and beyond most pauses of the collector. */
export const IN_LINE_MS = 100;
/** A shared call that takes longer is given up: about what an object that is not overloaded may take. */
export const PATIENCE_MS = 2_000;
/** Holds in one call: as many as an object commits together. */
export const CALL_MOST = 512;

export type HoldOutcome = Result<HoldAnswer, RefusalOf<"overloaded">>;

/** What a request can do about its product: within that request only. */
export interface HoldCalls {
  readonly one: (command: HoldCommand) => Promise<HoldOutcome>;
  /** Each its answer, in their order; null: its fault is its own, and it may ask for itself. */
  readonly all: (
    commands: readonly HoldCommand[],
  ) => Promise<Result<readonly (HoldAnswer | null)[], RefusalOf<"overloaded">>>;
  /** The work is done also where the request's sender has left. */
  readonly keepAlive: (work: Promise<unknown>) => void;
}

type Said = { readonly kind: "answered"; readonly outcome: HoldOutcome } | { readonly kind: "lead" | "alone" };

interface Waiting {
  readonly command: HoldCommand;
  readonly settle: (said: Said) => void;
  /** Since when it is in line, ms since the epoch. */
  readonly since: number;
  /** When its command left, ms since the epoch; null: it is in line. */
  leftAt: number | null;
}

/** Whoever is still here has a timer that lets him wait no longer: the others left, and their requests with them. */
function hasGone(since: number, now: number): boolean {
  return now - since > PATIENCE_MS;
}

const LEAD: Said = { kind: "lead" };
const ALONE: Said = { kind: "alone" };

/** The line before one product's object, within one isolate. */
export class HoldLine {
  readonly #waiting: Waiting[] = [];
  /** The call that left last, if it is not back. */
  #call: { readonly leftAt: number } | null = null;

  /** Nobody is here, or nobody any more. */
  get isIdle(): boolean {
    const now = Date.now();
    return (
      (this.#call === null || hasGone(this.#call.leftAt, now)) &&
      this.#waiting.every(({ since }) => hasGone(since, now))
    );
  }

  async hold(calls: HoldCalls, command: HoldCommand): Promise<HoldOutcome> {
    const restMs = this.#restMs();
    if (restMs > 0) {
      const said = await this.#wait(command, restMs);
      if (said.kind === "answered") return said.outcome;
      if (said.kind === "alone") return calls.one(command);
    }
    const led = this.#lead(calls, command);
    calls.keepAlive(led.catch(() => {}));
    return led;
  }

  /** How long the next call has to wait, if the last one is not back before. */
  #restMs(): number {
    return this.#call === null ? 0 : Math.min(this.#call.leftAt - Date.now(), 0) + REST_MS;
  }

  async #wait(command: HoldCommand, restMs: number): Promise<Said> {
    const { promise, resolve } = Promise.withResolvers<Said>();
    const waiting: Waiting = { command, settle: resolve, since: Date.now(), leftAt: null };
    const isFirst = this.#waiting.length === 0;
    this.#waiting.push(waiting);
    const said = await orLate(promise, isFirst ? restMs : IN_LINE_MS);
    if (said !== LATE) return said;
    if (waiting.leftAt === null) {
      // Not there any more: it was let go in this very moment.
      const place = this.#waiting.indexOf(waiting);
      if (place !== -1) this.#waiting.splice(place, 1);
      return LEAD;
    }
    const saidLater = await orLate(promise, waiting.leftAt + PATIENCE_MS - Date.now());
    return saidLater === LATE ? ALONE : saidLater;
  }

  /** Calls for itself and for all that are in line. */
  async #lead(calls: HoldCalls, command: HoldCommand): Promise<HoldOutcome> {
    const now = Date.now();
    const company = this.#waiting.splice(0, CALL_MOST - 1).filter(({ since }) => !hasGone(since, now));
    const call = { leftAt: now };
    for (const waiting of company) waiting.leftAt = call.leftAt;
    this.#call = call;
    try {
      return company.length === 0 ? await calls.one(command) : await callTogether(calls, command, company);
    } finally {
      // Of several that are under way the last one lets the next go, so that they do not get more and more.
      if (this.#call === call) {
        this.#call = null;
        this.#waiting.shift()?.settle(LEAD);
      }
    }
  }
}

async function callTogether(calls: HoldCalls, command: HoldCommand, company: readonly Waiting[]): Promise<HoldOutcome> {
  /** Of each of them, from the caller on; null: he has to ask for himself. */
  let outcomes: readonly (HoldOutcome | null)[] = [];
  try {
    const called = await calls.all([command, ...company.map((waiting) => waiting.command)]);
    outcomes = called.ok
      ? called.value.map((answer) => (answer === null ? null : ok(answer)))
      : // An object that is overloaded is not asked again at once, by none of them.
        [called, ...company.map(() => called)];
  } finally {
    company.forEach(({ settle }, index) => {
      const outcome = outcomes[index + 1] ?? null;
      settle(outcome === null ? ALONE : { kind: "answered", outcome });
    });
  }
  return outcomes[0] ?? calls.one(command);
}
