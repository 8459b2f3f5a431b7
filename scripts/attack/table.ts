/** The end of an attack as a person reads it. Pure. */
import { table } from "../rush/table.ts";
import type { Figures, WorkDone } from "./judge.ts";
import { tell } from "./tally.ts";

export const HEAD = [
  "profile",
  "defences",
  "att. ids",
  "att. requests",
  "att. units",
  "fair",
  "× fair",
  "honest bought",
  "ref. wrongly",
  "lost by it",
  "order p50 s",
  "p50 ms",
  "p95 ms",
  "core s/unit",
  "device s p50/most",
  "objects/req",
  "limiter/req",
  "queue/req",
  "redis/req",
  "blocked",
  "back after",
];

export function rowOf({
  profile,
  defences,
  attackers,
  honest,
  cost,
  work,
  hoarding,
}: Figures): readonly (string | number)[] {
  return [
    profile,
    defences,
    attackers.identities,
    attackers.requests,
    attackers.unitsPaid,
    attackers.fairUnits,
    attackers.factor ?? "-",
    `${honest.bought}/${honest.buyers}`,
    honest.refusedWrongly,
    honest.lostWrongly,
    honest.orderP50Ms === null ? "-" : (honest.orderP50Ms / 1000).toFixed(1),
    honest.p50Ms,
    honest.p95Ms,
    work.coreSecondsPerUnit ?? "-",
    work.devices.proofs === 0 ? "-" : `${work.deviceP50Seconds}/${work.deviceMostSeconds}`,
    cost.objectCalls,
    cost.limiterCalls,
    cost.messages,
    cost.redisCalls,
    `${Math.round(hoarding.blockedShare * 100)} %`,
    hoarding.unpaidHolds === 0
      ? "-"
      : hoarding.stockBackSeconds === null
        ? "not seen"
        : `${hoarding.stockBackSeconds} s`,
  ];
}

export function formatAttack(all: readonly Figures[], seed: number): string {
  return [
    `Seed ${seed}. Costs are per request of the attackers; blocked is the stock's time that unpaid holds took;`,
    "times of solving are modelled, and everything else is real: see docs/red-team.md",
    "",
    table([HEAD, ...all.map(rowOf)]),
    ...all.flatMap(tellFigures),
    "",
    brokenOf(all).length === 0
      ? "With the defences on, every promise was kept"
      : "A PROMISE WAS BROKEN WITH THE DEFENCES ON",
  ].join("\n");
}

/** The promises that were broken while the defences were on. */
export function brokenOf(all: readonly Figures[]): readonly string[] {
  return all.flatMap(({ defences, profile, promises }) =>
    defences === "off" ? [] : promises.filter(({ kept }) => !kept).map(({ promise }) => `${profile}: ${promise}`),
  );
}

export function tellWork({ proofs, trialsPerProof, seconds }: WorkDone, of: string): string {
  return proofs === 0 ? "" : `${proofs} proofs of ${trialsPerProof} trials on average, ${seconds} s of ${of}`;
}

function tellFigures({ profile, defences, attackers, honest, work, notes, promises }: Figures): readonly string[] {
  const lines = [
    ["attackers were refused", tell(attackers.refused)],
    ["calls to objects by the attackers' requests", tell(attackers.calls)],
    ["honest were refused wrongly", tell(honest.reasons)],
    ["attackers solved", tellWork(work.farm, "a core")],
    ["honest solved", tellWork(work.devices, "their devices")],
    ["seen", tell(notes)],
  ].filter(([, told]) => told !== "");
  return [
    "",
    `${profile}, defences ${defences}`,
    ...lines.map(([what, told]) => `  ${what}: ${told}`),
    ...promises.map(({ promise, kept, evidence }) => `  ${kept ? "✓" : "✗"} ${promise}: ${evidence}`),
  ];
}
