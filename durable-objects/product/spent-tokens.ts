/** The object's own copy of the spent filter: built from the orders when it is first asked for, then kept up to date. */
import type { Round } from "./ledger.ts";
import type { SpentFilter } from "./protocol.ts";
import { addSpent, filterCapacity, makeSpentFilter } from "./spent-filter.ts";
import type { OrderStatements } from "./order-statements.ts";

interface Kept {
  readonly round: number;
  readonly filter: SpentFilter;
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

  filter(round: Round): SpentFilter {
    const kept = this.#kept;
    if (kept !== null && kept.round === round.round && kept.tokens <= filterCapacity(kept.filter)) return kept.filter;
    const orders = Object.values(round.orders).reduce((sum, count) => sum + count, 0);
    // Twice the need: units that come back are sold again, and make more orders than there are units.
    const built: Kept = {
      round: round.round,
      filter: makeSpentFilter(2 * Math.max(orders, round.ledger.allocated)),
      tokens: orders,
    };
    for (const jti of this.#statements.spentTokens(round.round)) addSpent(built.filter, jti);
    this.#kept = built;
    return built.filter;
  }
}
