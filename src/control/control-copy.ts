/**
 * The isolate's copy of what operators changed: lists and overrides, at most `COPY_AGE_MAX_MS` old while the control object answers.
 *
 * Under load no request waits for it: a copy that is half as old as it may become is brought up to date by one request in the
 * background. Who finds it too old waits for that, for a bounded time. No promise is shared between requests: on Workers
 * one request's I/O dies with it, so whoever waits looks again by himself.
 *
 * What it gives up: while the object fails the last copy stands, however old; an isolate that never had one goes on with empty lists
 * and the limits as configured, because an operator's tool must not be able to stop the sale. Both are told in the log.
 */
import { decodePage } from "../../durable-objects/control/entry-page.ts";
import type {
  ControlApi,
  ListedEntry,
  OverrideEntry,
  PolicyOverride,
  Snapshot,
} from "../../durable-objects/control/protocol.ts";
import { describeFault, logEvent } from "../log.ts";
import { type Lists, ListTables } from "./lists.ts";

/** What a request sees of the operator's changes. */
export interface ControlView {
  /** By the policy's name. The same map as long as no override changed. */
  readonly overrides: ReadonlyMap<string, PolicyOverride>;
  readonly lists: Lists;
  readonly version: number;
}

/** Within this the edge obeys an operator. */
export const COPY_AGE_MAX_MS = 2000;
/** From this age on the copy is fetched anew in the background. */
const REFRESH_AFTER_MS = COPY_AGE_MAX_MS / 2;
/** A refresh that has not moved for so long died with its request, and another request begins one. */
const REFRESH_GIVEN_UP_MS = 2000;
/** What a request waits at most: as long as for a limit's store. A far object needs a second for 100,000 entries. */
const WAIT_MAX_MS = 1000;
/** How often a request that waits for another's refresh looks again. */
const LOOK_AGAIN_MS = 10;
/** After a failure the object is left alone for so long. */
const PAUSE_MS = 1000;
/** An outage is told when it begins, and again after so long. */
const TELL_AGAIN_MS = 60_000;
/** Questions until a copy is of one moment: a full one, what changed meanwhile, and both once more should the object restart. */
const QUESTIONS_MAX = 6;

/** Asks the object. A stub of its own each time: one may be broken for good. */
type Ask = <Value>(call: (control: ControlApi) => Promise<Value>) => Promise<Value>;
type KeepAlive = (work: Promise<unknown>) => void;

interface Outage {
  readonly toldAt: number;
  readonly pausedUntil: number;
}

interface FullCopy {
  readonly tables: ListTables;
  readonly overrides: readonly OverrideEntry[];
  readonly version: number;
}

export class ControlCopy {
  readonly #ask: Ask;
  #tables = new ListTables();
  #view: ControlView = { overrides: new Map(), lists: this.#tables, version: 0 };
  /** When the question was asked that the copy is the answer to; null: there was none, or a change is known of. */
  #askedAt: number | null = null;
  /** How often the copy was forgotten: an answer to a question from before that is old. */
  #forgotten = 0;
  /** When the refresh under way last moved; null: none is. */
  #movedAt: number | null = null;
  #outage: Outage | null = null;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** The copy, unless it is too old to go by: then null, and the request has to `wait`. */
  read(now: number, keepAlive: KeepAlive): ControlView | null {
    const age = this.#age(now);
    if (age < REFRESH_AFTER_MS) return this.#view;
    if (age >= COPY_AGE_MAX_MS && this.#outage === null) return null;
    if (this.#mayRefresh(now)) keepAlive(this.#refresh(now));
    return this.#view;
  }

  /** The copy once it is up to date, or the last one when that takes too long. */
  async wait(keepAlive: KeepAlive): Promise<ControlView> {
    // Not Date.now(): that clock may be set, and what is meant here is how long somebody waits.
    const endsAt = performance.now() + WAIT_MAX_MS;
    for (let left = WAIT_MAX_MS; left > 0; left = endsAt - performance.now()) {
      const now = Date.now();
      const view = this.read(now, keepAlive);
      if (view !== null) return view;
      if (this.#mayRefresh(now)) {
        const refresh = this.#refresh(now);
        keepAlive(refresh);
        await Promise.race([refresh, sleep(left)]);
      } else {
        await sleep(LOOK_AGAIN_MS);
      }
    }
    // Whoever comes after this one does not wait as well: the refresh goes on without them.
    this.#noteOutage("The control object does not answer in time");
    return this.#view;
  }

  /** After a change that this isolate made: the next request asks. */
  forget(): void {
    this.#askedAt = null;
    this.#forgotten += 1;
  }

  /** A clock that went back makes the copy as old as can be. */
  #age(now: number): number {
    return this.#askedAt === null || now < this.#askedAt ? Infinity : now - this.#askedAt;
  }

  #mayRefresh(now: number): boolean {
    if (this.#outage !== null && now < this.#outage.pausedUntil && now >= this.#outage.toldAt) return false;
    return this.#movedAt === null || now < this.#movedAt || now - this.#movedAt > REFRESH_GIVEN_UP_MS;
  }

  async #refresh(now: number): Promise<void> {
    this.#movedAt = now;
    try {
      await this.#bringUpToDate();
      this.#outage = null;
    } catch (fault) {
      this.#noteOutage(describeFault(fault));
    } finally {
      this.#movedAt = null;
    }
  }

  async #bringUpToDate(): Promise<void> {
    let base = this.#view;
    let full: FullCopy | null = null;
    for (let questions = 0; questions < QUESTIONS_MAX; questions++) {
      const askedAt = Date.now();
      const forgotten = this.#forgotten;
      const since: number = full?.version ?? base.version;
      const answer: Snapshot = await this.#ask((control) => control.snapshot(since));
      this.#movedAt = Date.now();
      // Another refresh, given up too early, came first: its copy is as good, and this answer does not fit it.
      if (this.#view !== base) return;
      if (answer.kind !== "full") {
        if (full !== null) this.#replace(full);
        this.#apply(answer);
        if (forgotten === this.#forgotten) this.#askedAt = askedAt;
        return;
      }
      const tables = await this.#fetchAll(answer);
      full = tables === null ? null : { tables, overrides: answer.overrides, version: answer.version };
      base = this.#view;
    }
    throw new Error(`Expected a whole copy after ${QUESTIONS_MAX} questions, found another full snapshot`);
  }

  /** Null: the object lost the snapshot in between. */
  async #fetchAll({ version, pages }: Snapshot & { readonly kind: "full" }): Promise<ListTables | null> {
    const tables = new ListTables();
    for (let index = 0; index < pages; index++) {
      const page = await this.#ask((control) => control.page(version, index));
      this.#movedAt = Date.now();
      if (page === null) return null;
      putAll(tables, decodePage(page));
    }
    return tables;
  }

  #replace({ tables, overrides, version }: FullCopy): void {
    this.#tables = tables;
    this.#view = { overrides: mapOf(overrides), lists: tables, version };
  }

  /** In one step: no request sees half of a change. */
  #apply(answer: Exclude<Snapshot, { readonly kind: "full" }>): void {
    if (answer.kind === "same") return;
    for (const key of answer.removed) this.#tables.remove(key);
    putAll(this.#tables, answer.entries);
    const overrides = answer.overrides === null ? this.#view.overrides : mapOf(answer.overrides);
    this.#view = { overrides, lists: this.#tables, version: answer.version };
  }

  #noteOutage(fault: string): void {
    const now = Date.now();
    const toldAt = this.#outage?.toldAt ?? -Infinity;
    const isTold = now >= toldAt && now - toldAt < TELL_AGAIN_MS;
    this.#outage = { toldAt: isTold ? toldAt : now, pausedUntil: now + PAUSE_MS };
    if (isTold) return;
    const copyAgeMs = this.#askedAt === null ? null : now - this.#askedAt;
    logEvent("error", "control-unavailable", { version: this.#view.version, copyAgeMs, fault });
  }
}

function putAll(tables: ListTables, entries: readonly ListedEntry[]): void {
  for (const entry of entries) tables.put(entry);
}

function mapOf(overrides: readonly OverrideEntry[]): ReadonlyMap<string, PolicyOverride> {
  return new Map(
    overrides.map(({ policy, limit, mode, expiresAt }) => [
      policy,
      { expiresAt, ...(limit === null ? {} : { limit }), ...(mode === null ? {} : { mode }) },
    ]),
  );
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
