/**
 * A limiter object: exact, durable counters of the rate limits.
 *
 * Why it exists: isolates share no memory, and a limit that counts per isolate or per location is not a limit. Identity:
 * `limiter-<owner>-<shard>`; everything that is counted for one address (or one buyer) is in one object, so that all its
 * limits are decided in one step (see `src/limits/exact.ts`). It knows nothing of HTTP, of addresses or of buyers: a key is
 * a string.
 *
 * A decision and its record are one synchronous step, in one transaction with those that arrived meanwhile. The clock is
 * the object's own. What it gives up: a caller that stops waiting may have been counted.
 */
import { DurableObject } from "cloudflare:workers";
import { GroupCommit } from "../group-commit.ts";
import { LogTable } from "./log-table.ts";
import type { LimiterApi, TakeAnswer, TakeCheck } from "./protocol.ts";
import type { SlidingLog } from "./sliding-log.ts";
import { decideTake } from "./take.ts";

/** Requests in one transaction: a few milliseconds of deafness. */
const MAX_BATCH = 256;
/** Requests waiting: at thousands a second, those behind would be answered after their callers' time budget. */
const MAX_WAITING = 1000;
/** Ended rows that a commit deletes for every log it opens, at most: more than it adds, so that no alarm is needed. */
const SWEEP_PER_LOG = 2;
/** Ended rows that an alarm deletes at once; if more are left, it runs again. */
const SWEEP_PER_ALARM = 5000;

interface OpenLog {
  readonly check: TakeCheck;
  readonly log: SlidingLog;
  readonly changed: boolean;
}

export class LimiterObject extends DurableObject<Env> implements LimiterApi {
  readonly #logs: LogTable;
  readonly #commits: GroupCommit<readonly TakeCheck[], TakeAnswer>;
  /** Whether this instance has seen to an alarm; one that was lost is set again by the next instance. */
  #armed = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#logs = new LogTable(ctx.storage.sql);
    this.#commits = new GroupCommit({
      commit: (requests) => this.#commit(requests),
      durable: () => ctx.storage.sync(),
      maxBatch: MAX_BATCH,
      maxWaiting: MAX_WAITING,
    });
  }

  /** One unit of each check's limit, all or nothing. Null: too many are waiting already, and nothing was done. */
  async take(checks: readonly TakeCheck[]): Promise<TakeAnswer | null> {
    const submitted = this.#commits.submit(checks);
    if (submitted === undefined) return null;
    const answer = await submitted;
    if (answer.taken && !this.#armed) await this.#arm();
    return answer;
  }

  override async alarm(): Promise<void> {
    this.#armed = false;
    if (this.#logs.nextSweepAt() === null) return;
    this.#logs.sweep(Date.now(), SWEEP_PER_ALARM);
    await this.#arm();
  }

  async #arm(): Promise<void> {
    this.#armed = true;
    const next = this.#logs.nextSweepAt();
    if (next === null) this.#armed = false;
    else await this.ctx.storage.setAlarm(next);
  }

  /** Requests in their order; each log is read once and written once for all of them. */
  #commit(requests: readonly (readonly TakeCheck[])[]): readonly TakeAnswer[] {
    this.#logs.prepare();
    return this.ctx.storage.transactionSync(() => {
      const now = Date.now();
      const open = new Map<string, OpenLog>();
      const answers = requests.map((checks) => this.#decide(checks, open, now));
      for (const { check, log, changed } of open.values()) {
        if (changed) this.#logs.write(check.policy, check.key, log, (log.at(-1) ?? now) + check.windowMs);
      }
      this.#logs.sweep(now, SWEEP_PER_LOG * open.size);
      return answers;
    });
  }

  #decide(checks: readonly TakeCheck[], open: Map<string, OpenLog>, now: number): TakeAnswer {
    const logs = checks.map((check) => open.get(idOf(check))?.log ?? this.#open(check, open));
    const { answer, changed } = decideTake(checks, logs, now);
    for (const { check, log } of changed) open.set(idOf(check), { check, log, changed: true });
    return answer;
  }

  #open(check: TakeCheck, open: Map<string, OpenLog>): SlidingLog {
    const log = this.#logs.read(check.policy, check.key);
    open.set(idOf(check), { check, log, changed: false });
    return log;
  }
}

/** Unambiguous: a policy's name has no blank. */
function idOf({ policy, key }: TakeCheck): string {
  return `${policy} ${key}`;
}
