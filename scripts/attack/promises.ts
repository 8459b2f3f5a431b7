/** The promises that an attack must not break, and whether it did. Those to honest buyers hold with the defences on. Pure. */
import { LAPSES_PER_ACCOUNT } from "./defences.ts";
import type { Evidence, Figures } from "./judge.ts";
import { sumOfCalls, tell } from "./tally.ts";

export interface Verdict {
  readonly promise: string;
  readonly kept: boolean;
  readonly evidence: string;
}

/** What the edge's copy of a product costs, whoever asks; anything else a forged request must not reach. */
const VIEW = "PRODUCT.view";
export function judgePromises(evidence: Evidence, figures: Omit<Figures, "promises">): readonly Verdict[] {
  const { ledger, defences, accounts, perBuyerLimit } = evidence;
  const { attackers, honest } = figures;
  const sold = attackers.unitsPaid + honest.bought;
  const booked = ledger.available + ledger.held + ledger.paid + ledger.withdrawn;
  const always: readonly Verdict[] = [
    {
      promise: "Nothing forbidden was served",
      kept: Object.keys(figures.breaches).length === 0,
      evidence: tell(figures.breaches) || "nothing was",
    },
    {
      promise: "Every unit was sold once at the most",
      kept: booked === ledger.allocated && ledger.allocated === evidence.stock && sold === ledger.paid,
      evidence: `${sold} units paid by both sides, ${ledger.paid} in the ledger, of ${evidence.stock}`,
    },
  ];
  if (defences === "off") return always;
  const defended: Verdict[] = [
    {
      promise: "No account got more than the round allows",
      kept: attackers.unitsPaid <= accounts * perBuyerLimit,
      evidence: `${attackers.unitsPaid} units for ${accounts} accounts`,
    },
    {
      promise: "No honest buyer was refused for anything but the stock",
      kept: honest.refusedWrongly === 0 && honest.lostWrongly === 0,
      evidence: [
        `${honest.refusedWrongly} of ${honest.buyers} were, ${honest.lostWrongly} went without a unit by it`,
        tell(honest.reasons),
      ]
        .filter((told) => told !== "")
        .join(": "),
    },
  ];
  if (evidence.profile === "campus") {
    defended.push({
      promise: "Everybody behind the shared address got a unit",
      kept: honest.bought === honest.buyers,
      evidence: `${honest.bought} of ${honest.buyers} did`,
    });
  }
  if (evidence.profile === "hoarders") {
    const { mostOfOneAccount } = figures.hoarding;
    defended.push({
      promise: "No account let more lapse than its budget",
      kept: mostOfOneAccount <= LAPSES_PER_ACCOUNT,
      evidence: `${mostOfOneAccount} unpaid holds of one account at the most`,
    });
  }
  if (evidence.profile === "flood") {
    const beyond = sumOfCalls(attackers.calls, (call) => call.startsWith("PRODUCT.") && call !== VIEW);
    defended.push({
      promise: "Forged requests got no further than the edge's copy of the product",
      kept: beyond === 0,
      evidence: `${beyond} calls of ${attackers.requests} requests, and ${attackers.calls[VIEW] ?? 0} for the edge's copy`,
    });
  }
  return [...always, ...defended];
}
