/** Judges an attack by its evidence: what each side got, what it cost, and which promises were kept. Pure. */
import { count } from "../rush/record.ts";
import { summarizeLatencies } from "../rush/report.ts";
import type { LedgerDocument } from "../rush/sale-api.ts";
import type { Costs } from "./cost/cost.ts";
import type { Defences } from "./defences.ts";
import { judgePromises, type Verdict } from "./promises.ts";
import type { AttackRecord, Journey, Seizure, Work } from "./record.ts";
import { sumOfCalls, type Tally } from "./tally.ts";

export interface Evidence {
  readonly profile: string;
  readonly defences: Defences;
  /** The attackers' accounts. */
  readonly accounts: number;
  readonly stock: number;
  readonly perBuyerLimit: number;
  readonly record: AttackRecord;
  readonly costs: Costs;
  /** Of the honest buyers' calls for a token and a checkout, in milliseconds. */
  readonly honestLatencies: readonly number[];
  readonly opensAt: number;
  readonly attackEndsAt: number;
  /** When the last unpaid hold of the attackers was seen to be over; null if it was not seen. */
  readonly stockBackAt: number | null;
  readonly ledger: LedgerDocument;
}

export interface Figures {
  readonly profile: string;
  readonly defences: Defences;
  readonly stock: number;
  readonly attackers: {
    readonly identities: number;
    readonly requests: number;
    readonly unitsPaid: number;
    /** Units that their share of all identities would give them. */
    readonly fairUnits: number;
    /** Units paid against fair units; null where they have no identity. */
    readonly factor: number | null;
    readonly refused: Tally;
    /** Calls to objects that their requests made, by binding and method. */
    readonly calls: Tally;
  };
  readonly honest: {
    readonly buyers: number;
    readonly bought: number;
    /** Buyers who were refused at least once for anything but the stock; whether or not they bought later. */
    readonly refusedWrongly: number;
    /** Of those, who went away without a unit because of it. */
    readonly lostWrongly: number;
    /** Those refusals by code, and what other end their order took, each buyer once a code. */
    readonly reasons: Tally;
    readonly p50Ms: number;
    readonly p95Ms: number;
    /** From the click to the order, waits included. */
    readonly orderP50Ms: number | null;
  };
  /** Per request of the attackers. */
  readonly cost: {
    readonly objectCalls: number;
    readonly limiterCalls: number;
    readonly messages: number;
    readonly redisCalls: number;
  };
  /** Proofs of work; trials and times are those of wrangler.toml's size. */
  readonly work: {
    readonly farm: WorkDone;
    /** What the farm spent for each unit that its side bought; null: it bought none, or had nothing to solve. */
    readonly coreSecondsPerUnit: number | null;
    readonly devices: WorkDone;
    /** What an honest buyer waited for his device in all, in seconds: the middle one and the longest. */
    readonly deviceP50Seconds: number;
    readonly deviceMostSeconds: number;
  };
  readonly hoarding: {
    /** Share of the stock's time during the attack that was held by attackers who did not pay. */
    readonly blockedShare: number;
    /** From the attackers' last unpaid hold until all of theirs were back on sale; null: none, or not seen. */
    readonly stockBackSeconds: number | null;
    readonly unpaidHolds: number;
    /** The most unpaid holds that one account had. */
    readonly mostOfOneAccount: number;
  };
  readonly breaches: Tally;
  readonly notes: Tally;
  readonly promises: readonly Verdict[];
}

export interface WorkDone {
  readonly proofs: number;
  readonly trialsPerProof: number;
  /** Of the farm's cores, or of the devices. */
  readonly seconds: number;
}

/** Calls to the limiter objects begin so; every other object's are counted together. */
const LIMITER = "LIMITER.";
const NO_ANSWER = "no-answer";
/** Who asks for what is gone is refused rightly. */
const ABOUT_THE_STOCK: ReadonlySet<string> = new Set(["sold-out", "held-out"]);

export function judgeAttack(evidence: Evidence): Figures {
  const { record, costs, accounts, stock, profile, defences } = evidence;
  const { journeys } = record;
  const seizures = [...record.seizures.values()];
  const unitsPaid = sumOf(seizures.filter(({ paid }) => paid));
  const identities = accounts + journeys.length;
  const fairUnits = identities === 0 ? 0 : (stock * accounts) / identities;
  const latency = summarizeLatencies(new Map([["honest", evidence.honestLatencies]]))[0];
  const waits = journeys.flatMap(({ clickToOrderMs }) => (clickToOrderMs === null ? [] : [clickToOrderMs]));
  const figures = {
    profile,
    defences,
    stock,
    attackers: {
      identities: accounts,
      requests: costs.attacker.requests,
      unitsPaid,
      fairUnits: round(fairUnits, 1),
      factor: fairUnits === 0 ? null : round(unitsPaid / fairUnits, 2),
      refused: sorted(record.attackersRefused),
      calls: sorted(new Map(Object.entries(costs.attacker.calls))),
    },
    honest: {
      buyers: journeys.length,
      bought: journeys.filter(({ bought }) => bought).length,
      refusedWrongly: journeys.filter((journey) => wrongCodes(journey).length > 0).length,
      lostWrongly: journeys.filter(isLost).length,
      reasons: reasonsOf(journeys),
      p50Ms: latency?.p50 ?? 0,
      p95Ms: latency?.p95 ?? 0,
      orderP50Ms: waits.length === 0 ? null : (summarizeLatencies(new Map([["order", waits]]))[0]?.p50 ?? null),
    },
    cost: costPerRequest(costs),
    work: workOf(record, unitsPaid),
    hoarding: hoardingOf(evidence, seizures),
    breaches: sorted(record.breaches),
    notes: sorted(record.notes),
  };
  return { ...figures, promises: judgePromises(evidence, figures) };
}

function costPerRequest({ attacker }: Costs): Figures["cost"] {
  const per = (calls: number): number => (attacker.requests === 0 ? 0 : round(calls / attacker.requests, 3));
  const limiter = sumOfCalls(attacker.calls, (call) => call.startsWith(LIMITER));
  return {
    objectCalls: per(sumOfCalls(attacker.calls, () => true) - limiter),
    limiterCalls: per(limiter),
    messages: per(attacker.messages),
    redisCalls: per(attacker.redis),
  };
}

function workOf({ farm, devices, journeys }: AttackRecord, unitsPaid: number): Figures["work"] {
  const done = ({ proofs, trials, ms }: Work): WorkDone => ({
    proofs,
    trialsPerProof: proofs === 0 ? 0 : Math.round(trials / proofs),
    seconds: round(ms / 1000, 1),
  });
  const waits = journeys.map(({ deviceMs }) => deviceMs).toSorted((a, b) => a - b);
  return {
    farm: done(farm),
    coreSecondsPerUnit: unitsPaid === 0 || farm.proofs === 0 ? null : round(farm.ms / 1000 / unitsPaid, 2),
    devices: done(devices),
    deviceP50Seconds: round((waits[Math.floor((waits.length - 1) / 2)] ?? 0) / 1000, 2),
    deviceMostSeconds: round((waits.at(-1) ?? 0) / 1000, 2),
  };
}

function hoardingOf(evidence: Evidence, seizures: readonly Seizure[]): Figures["hoarding"] {
  const { opensAt, attackEndsAt, stock, stockBackAt } = evidence;
  const unpaid = seizures.filter(({ paid }) => !paid);
  const blocked = unpaid.reduce((sum, { quantity, heldAt, holdExpiresAt }) => {
    const ms = Math.min(holdExpiresAt, attackEndsAt) - Math.max(heldAt, opensAt);
    return sum + quantity * Math.max(0, ms);
  }, 0);
  const perAccount = [...Map.groupBy(unpaid, ({ accountId }) => accountId).values()].map((holds) => holds.length);
  const lastHeldAt = Math.max(...unpaid.map(({ heldAt }) => heldAt));
  return {
    blockedShare: round(blocked / (stock * (attackEndsAt - opensAt)), 3),
    stockBackSeconds: unpaid.length === 0 || stockBackAt === null ? null : round((stockBackAt - lastHeldAt) / 1000, 1),
    unpaidHolds: unpaid.length,
    mostOfOneAccount: Math.max(0, ...perAccount),
  };
}

function isWrong(code: string): boolean {
  return !ABOUT_THE_STOCK.has(code);
}

/** Went without a unit for another reason than the stock; an order that was paid too late is one. */
function isLost({ bought, endedBy }: Journey): boolean {
  return !bought && isWrong(endedBy ?? NO_ANSWER);
}

function wrongCodes({ refusals }: Journey): readonly string[] {
  return [...refusals.keys()].filter(isWrong);
}

function reasonsOf(journeys: readonly Journey[]): Tally {
  const reasons = new Map<string, number>();
  for (const journey of journeys) {
    const codes = new Set(wrongCodes(journey));
    if (isLost(journey)) codes.add(journey.endedBy ?? NO_ANSWER);
    for (const code of codes) count(reasons, code);
  }
  return sorted(reasons);
}

function sumOf(seizures: readonly Seizure[]): number {
  return seizures.reduce((sum, { quantity }) => sum + quantity, 0);
}

function sorted(tally: ReadonlyMap<string, number>): Tally {
  return Object.fromEntries([...tally].toSorted(([, a], [, b]) => b - a));
}

function round(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
