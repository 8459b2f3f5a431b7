/**
 * A limiter object: exact counters of the rate limits.
 *
 * Why it exists: isolates share no memory, and a limit that counts per isolate or per location is not a limit. Identity:
 * `limiter-<owner>-<shard>`; everything that is counted for one address (or one buyer) is in one object, so that all its
 * limits are decided in one step (see `src/limits/exact.ts`). It knows nothing of HTTP, of addresses or of buyers: a key is
 * a string.
 *
 * A decision is one synchronous step in memory, and exact while the object lives. Its record follows within
 * `WRITE_AFTER_MS`, together with all others of that time in one transaction: no answer waits for the disk. What that
 * gives up: an object that crashes forgets what it counted in that second, and nothing older. For a limit on
 * requests that is enough. A mark of single use must not be forgotten: a check that is `durable` is written before it is
 * answered, with all others that came while a commit was on its way. Stock and spent tokens are with the product object.
 * The clock is the object's own. A caller that stops waiting may have been counted.
 */
import { DurableObject } from "cloudflare:workers";
import { describeFault, logEvent } from "../../src/log.ts";
import { pack, type Packed } from "../../src/packed.ts";
import { GroupCommit } from "../group-commit.ts";
import { endOf, refundCount } from "./count.ts";
import { CountTable, SWEEP_STEP_MS } from "./count-table.ts";
import { CountsInMemory } from "./counts-in-memory.ts";
import type { LimiterApi, TakeAnswer, Taken, TakeCheck } from "./protocol.ts";
import { decideTake } from "./take.ts";

/** How long a count may be in memory only: short against any window, long enough to gather hundreds of requests. */
const WRITE_AFTER_MS = 1000;
/** After a write that failed: soon, and not a log line per write. */
const WRITE_AGAIN_AFTER_MS = 1000;
/** Keys at hand, at about 300 bytes, and their times, at 8: 20 MB of the 128 that objects may share with others. */
const KEYS_MAX = 40_000;
const TIMES_MAX = 1_000_000;
/** Keys that an object reads when it wakes up, in some 10 ms; of more it reads those that it is asked for. */
const LOADED_MAX = 5_000;
/** Durable takes that one commit answers, and that may wait for one: a moment's worth of a crowd that solved its challenges. */
const COMMIT_MAX = 1000;
const WAITING_MAX = 4000;
/** Ended rows that a write deletes for every row it writes, at most: more than it adds, so that no alarm is needed. */
const SWEEP_PER_ROW = 2;
/** Ended rows that an alarm deletes at once, some 10 ms of work: a request may be waiting behind it. */
const SWEEP_PER_ALARM = 1000;
/** Where more are left, the alarm comes back after so long. */
const SWEEP_AGAIN_AFTER_MS = 1000;
/** Hexadecimal digits of an object's id that say when it sweeps: an id is a hash of the object's name. */
const OFFSET_DIGITS = 8;

export class LimiterObject extends DurableObject<Env> implements LimiterApi {
  readonly #table: CountTable;
  readonly #counts: CountsInMemory;
  readonly #commits: GroupCommit<null, null>;
  #writePending = false;
  /** Rows end at whole steps, in all objects alike. Their alarms are spread over a step, so that not all sweep at the same moment. */
  readonly #sweepOffsetMs: number;
  /** Whether this instance has seen to an alarm; one that was lost is set again by the next instance. */
  #armed = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sweepOffsetMs = sweepOffsetOf(ctx.id);
    this.#table = new CountTable(ctx.storage.sql);
    this.#counts = new CountsInMemory({
      stored: this.#table.readAll(LOADED_MAX),
      read: (key) => this.#table.read(key),
      write: () => this.#write(),
      maxKeys: KEYS_MAX,
      maxTimes: TIMES_MAX,
    });
    this.#commits = new GroupCommit({
      commit: (waiting) => {
        this.#write();
        return waiting;
      },
      durable: () => ctx.storage.sync(),
      maxBatch: COMMIT_MAX,
      maxWaiting: WAITING_MAX,
    });
  }

  /** The cost of each check, all or nothing. */
  async take(checks: readonly TakeCheck[]): Promise<Packed<TakeAnswer>> {
    const now = Date.now();
    const counts = checks.map((check) => this.#counts.get(check));
    const { answer, changed } = decideTake(checks, counts, now);
    for (const { check, count } of changed) this.#counts.set(check, count, endOf(check, count, now));
    if (changed.some(({ check }) => check.durable === true)) await this.#writeNow();
    else this.#writeSoon();
    return pack(answer);
  }

  /** Gives back what a request took that came to nothing. */
  async giveBack(taken: readonly Taken[]): Promise<void> {
    const now = Date.now();
    for (const each of taken) {
      const before = this.#counts.get(each.check);
      const count = refundCount(each, before, now);
      if (count !== before) this.#counts.set(each.check, count, endOf(each.check, count, now));
    }
    this.#writeSoon();
  }

  /** Writes now what would be written soon. */
  async persist(): Promise<void> {
    this.#write();
    if (!this.#armed) await this.#arm();
  }

  override async alarm(): Promise<void> {
    this.#armed = false;
    if (this.#table.nextSweepAt() === null) return;
    this.#table.sweep(Date.now(), SWEEP_PER_ALARM);
    await this.#arm();
  }

  async #arm(): Promise<void> {
    const next = this.#table.nextSweepAt();
    this.#armed = next !== null;
    if (next === null) return;
    const now = Date.now();
    await this.ctx.storage.setAlarm(next <= now ? now + SWEEP_AGAIN_AFTER_MS : next + this.#sweepOffsetMs);
  }

  #writeSoon(afterMs = WRITE_AFTER_MS): void {
    if (this.#writePending || this.#counts.changes.size === 0) return;
    this.#writePending = true;
    setTimeout(() => this.ctx.waitUntil(this.#writeLate()), afterMs);
  }

  /**
   * Writes what was decided up to now, together with all that is decided while another commit is on its way. The output gate
   * keeps the answer back until it is on disk.
   *
   * @throws what the write threw, or an Error where too many wait: nothing may be said then. It is tried again all the same.
   */
  async #writeNow(): Promise<void> {
    try {
      const committed = this.#commits.submit(null);
      if (committed === undefined) throw new Error(`Expected at most ${WAITING_MAX} to wait for a commit, found more`);
      await committed;
      if (!this.#armed) await this.#arm();
    } catch (fault) {
      this.#writeSoon(WRITE_AGAIN_AFTER_MS);
      throw fault;
    }
  }

  /** A write that fails is tried again: what it holds is still in memory. */
  async #writeLate(): Promise<void> {
    this.#writePending = false;
    try {
      await this.persist();
    } catch (fault) {
      logEvent("error", "limiter-write-failed", { fault: describeFault(fault) });
      this.#writeSoon(WRITE_AGAIN_AFTER_MS);
    }
  }

  #write(): void {
    const { changes } = this.#counts;
    if (changes.size === 0) return;
    this.#table.prepare();
    this.ctx.storage.transactionSync(() => {
      for (const { key, count, endsAt } of changes) this.#table.write(key, count, endsAt);
      this.#table.sweep(Date.now(), SWEEP_PER_ROW * changes.size);
    });
    this.#counts.written();
  }
}

/** When within a step an object's alarm has its turn, in ms: always the same for the same object. */
function sweepOffsetOf(id: DurableObjectId): number {
  return Number.parseInt(id.toString().slice(0, OFFSET_DIGITS), 16) % SWEEP_STEP_MS;
}
