/**
 * The object's own copy of the spent filter: built from the orders when it is first asked for, then kept up to date.
 *
 * Only tokens that may still be sent are in it: whose time is over the edge refuses anyway. Building reads a bounded number
 * of orders. Where there are more, the filter could tell hardly anybody apart: then it lets everybody through to the object.
 */
import type { OrderStatements } from "./order-statements.ts";
import type { Round } from "./ledger.ts";
import type { SpentFilter } from "./protocol.ts";
import { TOKEN_HORIZON_MS } from "./retention.ts";
import { addSpent, filterCapacity, makeFullFilter, makeSpentFilter } from "./spent-filter.ts";

/** At this many the largest filter takes one fresh token in four for a spent one: some 100 ms of reading. */
const TOKENS_MAX = 131_072;
/** So long everybody is let through, before it is looked again whether fewer tokens may still be sent. */
const FULL_FOR_MS = 600_000;

interface Kept {
  readonly round: number;
  readonly filter: SpentFilter;
  /** Tokens that it takes before it gets less exact. */
  readonly capacity: number;
  readonly validUntil: number;
  tokens: number;
}

export class SpentTokens {
  readonly #statements: OrderStatements;
  #kept: Kept | null = null;

  constructor(statements: OrderStatements) {
    this.#statements = statements;
  }

  /** Tokens that made an order in a batch that is committed. */
  add(tokens: readonly string[]): void {
    if (this.#kept === null) return;
    for (const jti of tokens) addSpent(this.#kept.filter, jti);
    this.#kept.tokens += tokens.length;
  }

  filter(round: Round, now: number): SpentFilter {
    const kept = this.#kept;
    if (kept?.round === round.round && kept.tokens <= kept.capacity && now < kept.validUntil) return kept.filter;
    const tokens = [...this.#statements.spentTokens(round.round, now - TOKEN_HORIZON_MS, TOKENS_MAX)];
    const built =
      tokens.length < TOKENS_MAX
        ? build(tokens, round)
        : { filter: makeFullFilter(), capacity: Number.POSITIVE_INFINITY };
    const validUntil = tokens.length < TOKENS_MAX ? Number.POSITIVE_INFINITY : now + FULL_FOR_MS;
    this.#kept = { ...built, round: round.round, validUntil, tokens: tokens.length };
    return built.filter;
  }
}

function build(tokens: readonly string[], round: Round): Pick<Kept, "filter" | "capacity"> {
  // Twice the need: units that come back are sold again, and make more orders than there are units.
  const filter = makeSpentFilter(2 * Math.max(tokens.length, round.ledger.allocated));
  for (const jti of tokens) addSpent(filter, jti);
  return { filter, capacity: filterCapacity(filter) };
}
