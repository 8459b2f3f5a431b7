/**
 * What operators ask of rounds: set one, pause, resume, close, add or withdraw stock. Each is an entry of the audit list.
 *
 * An operator's step is rare, so it looks at the whole: whatever the clock has ended is released and closed before.
 */
import { ok, refused } from "../../src/result.ts";
import { decideCancellation, type Round } from "./ledger.ts";
import type { LedgerBatch } from "./ledger-batch.ts";
import { productDocument } from "./product-document.ts";
import type { Cause, ConfigureCommand, ProductAnswer, ProductDocument, RoundAction } from "./protocol.ts";
import { configureRound, decideOriginPlan, decidePlan, decideStockChange } from "./round-rules.ts";
import { decideRoundState } from "./round-state.ts";

export function configure(batch: LedgerBatch, command: ConfigureCommand): ProductAnswer {
  batch.settle();
  const current = batch.current();
  const decide = command.originRound === null ? decidePlan : decideOriginPlan;
  const plan = decide(current, command.rulesFrozenSeconds, batch.now);
  if (plan.kind === "refused") return refused(plan.refusal);
  if (command.originRound !== null && command.originRound !== plan.round) {
    return refused({ code: "wrong-state", status: "open", detail: "Another round was set in the meantime" });
  }
  const { round, returned } = configureRound(current, plan, command, batch.tools.newGate());
  batch.setRound(command.id, round, command.orderRetentionMs);
  batch.emitStock("stock.allocated", round, returned, command.cause);
  const { rules, stock, originRound } = command;
  batch.audit(plan.kind === "next" ? "begin-round" : "change-round", command.cause, { rules, stock, originRound });
  return ok(documentOf(batch, round));
}

export function act(batch: LedgerBatch, action: RoundAction, cause: Cause): ProductAnswer {
  batch.settle();
  const round = batch.current();
  if (round === null) return refused({ code: "not-found" });
  if (action === "close") {
    if (!round.closed) close(batch, round, cause);
  } else {
    const state = decideRoundState({ ...round, ...round.ledger }, batch.now);
    if (state === "closed") return refused({ code: "wrong-state", status: state });
    const paused = action === "pause";
    if (round.paused !== paused) batch.write({ ...round, paused, version: round.version + 1 });
  }
  batch.audit(action, cause, { round: round.round });
  return ok(documentOf(batch, batch.round(round.round)));
}

/** Gives up the holds of the round, and ends it. */
function close(batch: LedgerBatch, { round }: Round, cause: Cause): void {
  for (const order of batch.statements.orders.holdsOf(round)) {
    const decision = decideCancellation(order, batch.now);
    if (decision.kind === "changed") batch.change(order, decision.order, cause);
  }
  batch.close(batch.round(round), cause);
}

export function changeStock(batch: LedgerBatch, delta: number, cause: Cause): ProductAnswer {
  batch.settle();
  const round = batch.current();
  if (round === null) return refused({ code: "not-found" });
  const decision = decideStockChange(round, delta, batch.now);
  if (decision.kind === "refused") return refused(decision.refusal);
  batch.write(decision.round);
  batch.emitStock("stock.changed", decision.round, decision.returned, cause);
  batch.audit("stock", cause, { round: round.round, delta });
  return ok(documentOf(batch, decision.round));
}

/** An operator's step that happened elsewhere: the audit list has it too. */
export function record(batch: LedgerBatch, action: string, detail: unknown, cause: Cause): void {
  if (batch.statements.exists) batch.audit(action, cause, detail);
}

function documentOf(batch: LedgerBatch, round: Round): ProductDocument {
  return productDocument(batch.productId(), round, batch.statements.outbox.pending(), batch.now);
}
