/**
 * A product object in the simulation: its stock book, its group commit, and the time that its one thread takes.
 *
 * As durable-objects/group-commit.ts has it: an idle object commits at once, what comes meanwhile is gathered, and a rush waits a moment for company. Decisions are
 * those of a buyer with one order: taken, refused, paid in time or late, ended. What it does not know: other rounds, operators.
 */
import { MAX_BATCH, MAX_WAITING, RUSH_BATCH, RUSH_REST_MS, SWEEP_CHUNK } from "../gateway-rules.ts";
import type { Processor } from "./processor.ts";
import type { ServiceTimes } from "./service-times.ts";

export type CommandKind = "hold" | "replay" | "pay" | "cancel" | "acknowledge" | "sweep";
export type OrderState = "none" | "held" | "paid" | "cancelled" | "expired" | "refund-due";
export type HoldOutcome = "held" | "refused" | "overloaded";

/** `subject`: the buyer; of an acknowledgement its events. */
export interface Command {
  readonly kind: CommandKind;
  readonly subject: number;
}

export interface Answered extends Command {
  readonly outcome: "held" | "refused" | "done";
}

/** What one commit did. */
export interface Commit {
  readonly answers: readonly Answered[];
  /** Events for the outbox. */
  readonly events: number;
  readonly expired: number;
  /** When its answers may leave. */
  readonly durableAt: number;
  /** How long the next one waits for company behind that. */
  readonly restMs: number;
}

export interface ProductOptions {
  readonly stock: number;
  readonly quantity: number;
  readonly holdMs: number;
  readonly commitMs: number;
  /** The least time that a call takes; 0: what it costs. Milliseconds. */
  readonly leastCallMs: number;
}

/** As an isolate's copy has it. */
export interface View {
  readonly available: number;
  readonly held: number;
  /** When the first hold is over; infinite when there is none. */
  readonly nextReleaseAt: number;
}

export class Product {
  readonly #options: ProductOptions;
  readonly #times: ServiceTimes;
  readonly #processor: Processor;
  readonly #orders: Map<number, OrderState>;
  #waiting: Command[] = [];
  #committing = false;
  /** Holds in the order in which they end: all run equally long. */
  readonly #ends: { readonly buyer: number; readonly at: number }[] = [];
  #firstEnd = 0;
  available: number;
  held = 0;
  paid = 0;

  /** @param orders by buyer: shared, so that a simulation can look into it. */
  constructor(options: ProductOptions, times: ServiceTimes, processor: Processor, orders: Map<number, OrderState>) {
    this.#options = options;
    this.#times = times;
    this.#processor = processor;
    this.#orders = orders;
    this.available = options.stock;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get isCommitting(): boolean {
    return this.#committing;
  }

  /** When a call that comes at `at` has been taken in; a read is answered then. */
  take(at: number, calls = 1): number {
    return this.#processor.done(at, calls * Math.max(this.#times.call, this.#options.leastCallMs));
  }

  view(): View {
    const { available, held } = this;
    return { available, held, nextReleaseAt: held > 0 ? this.nextReleaseAt() : Number.POSITIVE_INFINITY };
  }

  /** False: too many wait already. */
  submit(command: Command): boolean {
    if (this.#waiting.length >= MAX_WAITING && command.kind !== "sweep") return false;
    this.#waiting.push(command);
    return true;
  }

  /** When the first of the present holds is over; those that were paid or given back are passed over. */
  nextReleaseAt(): number {
    for (; this.#firstEnd < this.#ends.length; this.#firstEnd++) {
      const end = this.#ends[this.#firstEnd];
      if (end !== undefined && this.#orders.get(end.buyer) === "held") return end.at;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Begins a commit of what waits; undefined while one is under way, or when nothing waits. */
  commit(now: number): Commit | undefined {
    if (this.#committing || this.#waiting.length === 0) return undefined;
    this.#committing = true;
    const batch = this.#waiting.splice(0, MAX_BATCH);
    const expired = this.#sweep(now);
    let events = expired;
    const answers = batch.map((command): Answered => {
      const outcome = this.#apply(command, now);
      if (outcome === "held" || outcome === "changed") events++;
      return { ...command, outcome: outcome === "changed" || outcome === "same" ? "done" : outcome };
    });
    const { command, acknowledgement, commit } = this.#times;
    const acknowledged = batch.reduce((sum, { kind, subject }) => sum + (kind === "acknowledge" ? subject : 0), 0);
    const plain = batch.filter(({ kind }) => kind !== "acknowledge" && kind !== "sweep").length;
    const work = commit + (plain + expired) * command + acknowledged * acknowledgement;
    const durableAt = this.#processor.interrupt(now, work) + this.#options.commitMs;
    return { answers, events, expired, durableAt, restMs: batch.length < RUSH_BATCH ? 0 : RUSH_REST_MS };
  }

  /** The commit under way is durable, and the next one may begin. */
  committed(): void {
    this.#committing = false;
  }

  #sweep(now: number): number {
    let expired = 0;
    while (expired < SWEEP_CHUNK && this.nextReleaseAt() <= now) {
      const end = this.#ends[this.#firstEnd++];
      if (end === undefined) break;
      this.#orders.set(end.buyer, "expired");
      this.#moveHeld("available");
      expired++;
    }
    return expired;
  }

  #apply({ kind, subject }: Command, now: number): "held" | "refused" | "changed" | "same" {
    const { quantity, holdMs } = this.#options;
    switch (kind) {
      case "hold": {
        if (this.available < quantity) return "refused";
        this.available -= quantity;
        this.held += quantity;
        this.#orders.set(subject, "held");
        this.#ends.push({ buyer: subject, at: now + holdMs });
        return "held";
      }
      case "pay":
        return this.#pay(subject);
      case "cancel": {
        if (this.#orders.get(subject) !== "held") return "same";
        this.#orders.set(subject, "cancelled");
        this.#moveHeld("available");
        return "changed";
      }
      case "replay":
      case "acknowledge":
      case "sweep":
        return "same";
    }
  }

  /** Money that comes too late gets a unit if one is left, and is due for refund otherwise. */
  #pay(buyer: number): "changed" | "same" {
    const state = this.#orders.get(buyer);
    if (state === "held") this.#moveHeld("paid");
    else if (state !== "expired") return "same";
    else if (this.available < this.#options.quantity) {
      this.#orders.set(buyer, "refund-due");
      return "changed";
    } else {
      this.available -= this.#options.quantity;
      this.paid += this.#options.quantity;
    }
    this.#orders.set(buyer, "paid");
    return "changed";
  }

  #moveHeld(to: "available" | "paid"): void {
    this.held -= this.#options.quantity;
    this[to] += this.#options.quantity;
  }
}
