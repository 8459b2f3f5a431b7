/**
 * The product object: the only place that decides about a product's stock.
 *
 * Identity: one object per product, named by the product id. It keeps the product's rounds, stock books, orders and
 * outbox in its own SQLite storage. Its clock opens and closes the round, however old the edge's copy is.
 *
 * Every change is a synchronous step that is written whole or not at all; steps that arrive while a commit is on its way are
 * gathered into the next one. Nothing is kept in memory that could not be read again: losing the object loses nothing.
 * What it gives up: it knows no buyer's token, no limits and no Postgres; all that happens before and behind it.
 */
import { DurableObject } from "cloudflare:workers";
import type { RefusalOf } from "../../src/refusal.ts";
import { describeFault, logEvent } from "../../src/log.ts";
import { pack, type Packed } from "../../src/packed.ts";
import { ok, refused } from "../../src/result.ts";
import { wait } from "../../src/waiting.ts";
import { GroupCommit } from "../group-commit.ts";
import { Agenda } from "./agenda.ts";
import { acknowledge, park } from "./delivery-commands.ts";
import { type Books, LedgerBatch } from "./ledger-batch.ts";
import { cancel, hold, pay } from "./order-commands.ts";
import { orderView } from "./order-view.ts";
import { act, changeStock, configure, record } from "./round-commands.ts";
import { decideOriginPlan } from "./round-rules.ts";
import { makeOrderId, ORDER_ID_BYTES, timeOfOrderId } from "./order-id.ts";
import { Outbox, RESEND_AFTER_MS } from "./outbox.ts";
import { productDocument, productView } from "./product-document.ts";
import type {
  AuditEntry,
  CancelCommand,
  Cause,
  ConfigureCommand,
  HoldAnswer,
  HoldCommand,
  OrderAnswer,
  OrderView,
  PayCommand,
  PlanAnswer,
  ProductAnswer,
  ProductApi,
  ProductDocument,
  ProductView,
  RoundAction,
  StockCheck,
} from "./protocol.ts";
import { mayBeArchived } from "./retention.ts";
import { SpentTokens } from "./spent-tokens.ts";
import { ProductStatements } from "./statements.ts";
import { checkStock } from "./stock-check.ts";
import { FIRST_STEP, type Pass, type Tidied, tidy } from "./tidy.ts";

/** Commands in one transaction: some 50 ms of work at the most, so that a read never waits long. */
const MAX_BATCH = 512;
/**
 * Where so many came while a commit was on its way, more will come. More than a steady 500 a second brings in a rest and a commit,
 * some 7 ms: a moment in which the thread stood still must not begin a rush that then feeds itself.
 */
const RUSH_BATCH = 8;
/** The next commit of a rush waits so long for company: each costs the thread and the disk the same, however much is in it (decision 0034). */
const RUSH_REST_MS = 6;
/** Commands waiting for their transaction, about two seconds of work; beyond that a buyer is told to come again. */
const MAX_WAITING = 10_000;
/** 128 random bits, as the last segment of the checkout URL. */
const GATE_BYTES = 16;
/** When work failed in an alarm: soon again, long before the platform would give up on a throwing alarm. */
const ALARM_RETRY_MS = 5_000;

/** Between two steps of tidying up: what else is to be done goes first. */
const TIDY_PAUSE_MS = 100;

/** A command is a hold, as it came, or whatever else is to be done to a batch. */
type Work = HoldCommand | ((batch: LedgerBatch) => unknown);

function apply(batch: LedgerBatch, works: readonly Work[]): readonly unknown[] {
  batch.begin();
  const answers = works.map((work) => (typeof work === "function" ? work(batch) : hold(batch, work)));
  batch.finish();
  return answers;
}

const OVERLOADED: RefusalOf<"overloaded"> = { code: "overloaded", retryAfterSeconds: 1 };

export class ProductObject extends DurableObject<Env> implements ProductApi {
  readonly #statements: ProductStatements;
  readonly #outbox: Outbox;
  readonly #commits: GroupCommit<Work, unknown>;
  readonly #spent: SpentTokens;
  readonly #agenda: Agenda;
  /** What the last commit left to the next one; null: it is to be read. */
  #books: Books | null = null;
  #pass: Pass = FIRST_STEP;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { storage } = ctx;
    this.#statements = new ProductStatements(storage.sql);
    if (this.#statements.isOutdated) storage.transactionSync(() => this.#statements.upgrade());
    this.#spent = new SpentTokens(this.#statements.orders);
    this.#outbox = new Outbox({
      queue: env.ORDER_EVENTS,
      statements: this.#statements.outbox,
      transaction: (write) => storage.transactionSync(write),
      keepAlive: (work) => ctx.waitUntil(work),
    });
    this.#commits = new GroupCommit({
      commit: (works) => this.#commit(works),
      durable: () => storage.sync(),
      restAfter: (commands) => (commands < RUSH_BATCH ? undefined : wait(RUSH_REST_MS)),
      maxBatch: MAX_BATCH,
      maxWaiting: MAX_WAITING,
    });
    this.#agenda = new Agenda({
      statements: this.#statements,
      setAlarm: (at) => ctx.waitUntil(storage.setAlarm(at)),
    });
    if (!this.#statements.exists) return;
    void ctx.blockConcurrencyWhile(async () => this.#agenda.begin(await storage.getAlarm()));
  }

  async hold(command: HoldCommand): Promise<Packed<HoldAnswer>> {
    return pack(await this.#do<HoldAnswer>(command));
  }

  async holdAll(commands: readonly HoldCommand[]): Promise<Packed<readonly (HoldAnswer | null)[]>> {
    return pack(await Promise.all(commands.map((command) => this.#do<HoldAnswer>(command).catch(() => null))));
  }

  async pay(command: PayCommand): Promise<OrderAnswer> {
    return this.#do((batch) => pay(batch, command));
  }

  async cancel(command: CancelCommand): Promise<OrderAnswer> {
    return this.#do((batch) => cancel(batch, command));
  }

  async configure(command: ConfigureCommand): Promise<ProductAnswer> {
    return this.#do((batch) => configure(batch, command));
  }

  async act(action: RoundAction, cause: Cause): Promise<ProductAnswer> {
    return this.#do((batch) => act(batch, action, cause));
  }

  async changeStock(delta: number, cause: Cause): Promise<ProductAnswer> {
    return this.#do((batch) => changeStock(batch, delta, cause));
  }

  async acknowledge(eventIds: readonly string[]): Promise<void> {
    await this.#commits.submit((batch) => acknowledge(batch, eventIds));
  }

  async park(eventIds: readonly string[]): Promise<void> {
    await this.#commits.submit((batch) => park(batch, eventIds));
  }

  async view(): Promise<ProductView | null> {
    const head = await this.#upToDateHead();
    const round = this.#statements.exists ? this.#statements.currentRound() : null;
    if (head === null || round === null) return null;
    const { available, held } = round.ledger;
    const nextReleaseAt = held > 0 ? this.#statements.orders.nextReleaseAt() : null;
    return productView(
      head.productId,
      round,
      nextReleaseAt,
      available > 0 ? null : this.#spent.filter(round, Date.now()),
    );
  }

  async document(): Promise<ProductDocument | null> {
    const head = await this.#upToDateHead();
    const round = this.#statements.exists ? this.#statements.currentRound() : null;
    if (head === null || round === null) return null;
    return productDocument(head.productId, round, this.#statements.outbox.pending(), Date.now());
  }

  async order(orderId: string): Promise<OrderView | "archived" | null> {
    const head = await this.#upToDateHead();
    if (head === null) return null;
    const order = this.#statements.orders.find(orderId);
    if (order === null) return mayBeArchived(head, timeOfOrderId(orderId)) ? "archived" : null;
    return orderView(head.productId, order, !this.#statements.outbox.isPending(orderId), Date.now());
  }

  async plan(rulesFrozenSeconds: number): Promise<PlanAnswer> {
    await this.#upToDateHead();
    const current = this.#statements.exists ? this.#statements.currentRound() : null;
    const plan = decideOriginPlan(current, rulesFrozenSeconds, Date.now());
    if (plan.kind === "refused") return refused(plan.refusal);
    const { pending } = current === null ? { pending: 0 } : this.#statements.outbox.pending();
    return ok({ round: plan.round, pending });
  }

  async record(action: string, detail: unknown, cause: Cause): Promise<void> {
    await this.#do((batch) => record(batch, action, detail, cause));
  }

  async audit(limit: number): Promise<readonly AuditEntry[]> {
    return this.#statements.exists ? this.#statements.audit(limit) : [];
  }

  /** Whether the stock book agrees with the orders themselves. Reads every order of the round: for checks, not for traffic. */
  async check(): Promise<StockCheck | null> {
    await this.#upToDateHead();
    const round = this.#statements.exists ? this.#statements.currentRound() : null;
    return round === null
      ? null
      : checkStock(
          round,
          this.#statements.orders.unitsByStatus(round.round),
          this.#statements.archive.countsOf(round.round),
        );
  }

  /**
   * Sweeps, sends again what the writer has not acknowledged, and lets go what nobody asks for any more. Correctness does not hang on it: expiry is decided on
   * read. It never throws: the platform gives up on an alarm after six failed retries, this one sets itself anew instead.
   */
  override async alarm(): Promise<void> {
    this.#agenda.noteAlarm();
    try {
      await this.#outbox.resend(Date.now());
      // Its commit releases, closes, and sets the next alarm by what is due after the sending.
      if (this.#agenda.isTidyDue(Date.now())) await this.#tidy();
      else await this.#commits.submit(() => undefined);
    } catch (fault) {
      logEvent("error", "alarm-failed", { object: "product", fault: describeFault(fault) });
      // Not by what is due: that is overdue already, and would come again at once and for ever.
      this.#agenda.wakeBy(Date.now() + ALARM_RETRY_MS);
    }
  }

  /** A step of tidying up. */
  async #tidy(): Promise<void> {
    const pass = this.#pass;
    this.#agenda.beginTidying();
    const tidied = await this.#submitTidy(pass);
    this.#pass = tidied?.pass ?? pass;
    this.#agenda.tidyBy(tidied === undefined || tidied.hasMore ? Date.now() + TIDY_PAUSE_MS : tidied.nextAt);
    this.#agenda.plan();
  }

  async #submitTidy(pass: Pass): Promise<Tidied | undefined> {
    try {
      return (await this.#commits.submit((batch) => tidy(batch, pass))) as Tidied | undefined;
    } catch (fault) {
      this.#agenda.tidyBy(Date.now() + ALARM_RETRY_MS);
      throw fault;
    }
  }

  async #do<Answer>(
    work: HoldCommand | ((batch: LedgerBatch) => Answer),
  ): Promise<Answer | { ok: false; refusal: typeof OVERLOADED }> {
    const answer = this.#commits.submit(work);
    return answer === undefined ? refused(OVERLOADED) : ((await answer) as Answer);
  }

  #commit(works: readonly Work[]): readonly unknown[] {
    const tools = {
      now: Date.now(),
      newOrderId: () => makeOrderId(Date.now(), crypto.getRandomValues(new Uint8Array(ORDER_ID_BYTES))),
      newGate: () =>
        crypto.getRandomValues(new Uint8Array(GATE_BYTES)).toBase64({ alphabet: "base64url", omitPadding: true }),
      resendAfterMs: RESEND_AFTER_MS,
    };
    const batch = new LedgerBatch(this.#statements, tools, this.#books);
    // Kept again when all of what follows is done.
    this.#books = null;
    const areHolds = works.every((work) => typeof work !== "function");
    const answers =
      areHolds && batch.canUndoHolds
        ? this.#addOrUndo(batch, works)
        : this.ctx.storage.transactionSync(() => apply(batch, works));
    this.#followUp(batch);
    return answers;
  }

  /**
   * Holds alone, as most commits of a rush have: written without a savepoint, for which SQLite would copy each page that they change
   * (decision 0039). What was written is taken back if anything fails. If even that fails the object begins anew: the platform commits
   * nothing of a step that was aborted.
   */
  #addOrUndo(batch: LedgerBatch, works: readonly Work[]): readonly unknown[] {
    batch.onlyAdd();
    try {
      return apply(batch, works);
    } catch (fault) {
      try {
        batch.undo();
      } catch (second) {
        logEvent("error", "undo-failed", { object: "product", fault: describeFault(second) });
        this.ctx.abort("What a failed step wrote could not be taken back");
      }
      throw fault;
    }
  }

  /** What comes after a commit. A fault in here must not look like a failed commit: its commands would be applied again. */
  #followUp(batch: LedgerBatch): void {
    try {
      this.#statements.refresh();
      this.#spent.add(batch.spent);
      if (batch.spent.length > 0) this.#statements.orders.learnWhoIsKnown();
      this.#outbox.send(batch.events);
      this.#agenda.planAfter(batch);
      this.#books = batch.books(this.#agenda.dueAt);
      if (batch.moreOver) void this.#commits.submit(() => undefined);
    } catch (fault) {
      logEvent("error", "commit-follow-up-failed", { object: "product", fault: describeFault(fault) });
      this.#agenda.wakeBy(Date.now() + ALARM_RETRY_MS);
    }
  }

  /** The head row, after whatever the clock has ended since was released. */
  async #upToDateHead() {
    this.#statements.refresh();
    if (!this.#statements.exists) return null;
    while (this.#agenda.isDue(Date.now())) {
      const swept = this.#commits.submit(() => undefined);
      if (swept === undefined) break;
      await swept;
    }
    return this.#statements.head();
  }
}
