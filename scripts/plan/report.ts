/** A plan as a person reads it in a terminal: what is in the way first, then the loads, the time line, the bill, what nobody knows. */
import { table } from "../rush/table.ts";
import { afterwardsOf } from "./afterwards.ts";
import type { Plan } from "./make-plan.ts";
import { PLAN } from "./platform.ts";
import { tellCount, tellDollars, tellShare, tellTime } from "./quantities.ts";
import { peakArrivals } from "./simulation/arrivals.ts";
import type { Latencies } from "./simulation/simulation.ts";
import { LIMITER_CALLS, PRODUCT_CALLS, WORKER_REQUESTS } from "./simulation/tally.ts";

const MEANINGS: Readonly<Record<(typeof WORKER_REQUESTS)[number], string>> = {
  timeRead: "time, as a page opens",
  productRead: "product, from the edge's copy",
  refusalAtEdge: "token refused at the edge",
  checkoutRefused: "checkout refused at the edge",
  challengeIssue: "token: a challenge to solve",
  tokenIssue: "token",
  tokenSolved: "token for a solved challenge",
  hold: "checkout that reaches the object",
  payment: "payment, by the origin",
  cancel: "cancellation",
  orderRead: "order, while it is paid",
};

export const UNKNOWN = [
  "How many isolates Cloudflare starts, and where: --isolates is a guess, and each costs an object two calls a second",
  "How fast Cloudflare's machines are beside the one that was measured, and how long an object's commit takes there",
  "From when on an object that is asked too much refuses: the limit is published as soft, and waiting is assumed to end after 5 s",
  "What people do: shares, patience and arrival are yours to say",
  "The bill of the origin: its Postgres, its network, the shop's own pages, an Upstash Redis where one is used",
] as const;

export function formatPlan(plan: Plan): string {
  const { sale, verdict, done } = plan;
  const { crowd, round } = sale;
  return [
    `${tellCount(crowd.buyers)} buyers, ${tellCount(round.stock)} units, ${crowd.arrival} within ${tellTime(crowd.arrivalMs)} (about ${tellCount(peakArrivals(crowd.arrival, crowd.buyers, crowd.arrivalMs))} in the busiest second), challenge ${round.challenge}, seed ${sale.seed}`,
    "",
    verdict.answer,
    ...verdict.warnings.map((warning) => `  ! ${warning}`),
    "",
    "Load in the busiest second, against the limit",
    table([
      ["", "peak", "limit", "", ""],
      ...verdict.loads.map(({ what, peak, limit, unit, isEnough }) => [
        what,
        tellCount(peak),
        tellCount(limit),
        unit,
        isEnough ? "" : "too much",
      ]),
    ]),
    ...verdict.loads.map(({ what, detail }) => `  ${what}: ${detail}`),
    "",
    "The sale, as it goes within the limits",
    table(timeline(plan)),
    "",
    "Requests that run the Worker",
    table([
      ["", "requests", "most in a second"],
      ...WORKER_REQUESTS.filter((what) => done.tally.of(what) > 0).map((what) => [
        MEANINGS[what],
        tellCount(done.tally.of(what)),
        tellCount(done.tally.peak([what]).perSecond),
      ]),
      ["together", tellCount(done.tally.sum(WORKER_REQUESTS)), tellCount(done.tally.peak(WORKER_REQUESTS).perSecond)],
    ]),
    "",
    "Calls to objects",
    table([
      ["", "calls", "most in a second"],
      ...[
        ["product", PRODUCT_CALLS],
        ["limiter", LIMITER_CALLS],
        ["control", ["snapshotCall"]],
      ].map(([name, whats]) => {
        const kinds = whats as typeof PRODUCT_CALLS;
        return [String(name), tellCount(done.tally.sum(kinds)), tellCount(done.tally.peak(kinds).perSecond)];
      }),
      ["product's commits", tellCount(done.tally.of("commits")), tellCount(done.tally.peak(["commits"]).perSecond)],
    ]),
    "",
    ...formatBill(plan),
    "",
    "What this cannot know",
    ...UNKNOWN.map((unknown) => `  ${unknown}`),
    "",
    "Measured",
    ...plan.costs.sources.map((source) => `  ${source}`),
    "--explain shows inputs, formulas and sources",
  ].join("\n");
}

function at(ms: number | null): string {
  return ms === null ? "never" : `${tellTime(ms)} after the opening`;
}

function spread({ p50, p95, p99 }: Latencies): string {
  return `${tellTime(p50)} / ${tellTime(p95)} / ${tellTime(p99)}`;
}

function timeline({ sale, rules, done, times }: Plan): (readonly (string | number)[])[] {
  const afterwards = afterwardsOf(sale, done, rules);
  const { tally, units } = done;
  const buyers = Math.max(1, sale.crowd.buyers);
  return [
    ["nothing left for the first time", at(done.soldOutAtMs)],
    ["the last unit paid", at(done.allPaidAtMs)],
    ["the last request", at(done.endsAtMs)],
    [
      "orders: held, paid, cancelled, expired",
      ["held", "paid", "cancelled", "expired"].map((what) => tellCount(tally.of(what as "held"))).join(", "),
    ],
    ["units: paid, held, left", [units.paid, units.held, units.available].map(tellCount).join(", ")],
    ["buyers who got one", tellShare(tally.of("held") / buyers)],
    ["checkouts that the object refused", tellCount(tally.of("refusedByObject"))],
    ["token, from the first click, p50 / p95 / p99", spread(done.tokenMs)],
    ["checkout, p50 / p95 / p99", spread(done.checkoutMs)],
    ["from commit to row in Postgres, p50 / p95 / p99", spread(done.deliveredMs)],
    [
      `orders leave the object ${tellTime(afterwards.afterMs)} after their end`,
      `${tellCount(afterwards.orders)} by ${tellCount(afterwards.alarmsLeast)} to ${tellCount(afterwards.alarmsMost)} alarms`,
    ],
    ["looks at them after that, told from Postgres", tellCount(afterwards.looks)],
    ["longest wait for the product object", tellTime(done.longestWaitMs)],
    ["holds/s that one object could commit at the measured cost", tellCount(times.commandsPerSecond)],
  ];
}

function formatBill({ bill }: Plan): readonly string[] {
  return [
    "The bill in US dollars",
    table([
      ["", "used", "", "included a month", "alone", "on top"],
      ["Workers Paid plan", "", "", "", tellDollars(PLAN.dollars), ""],
      ...bill.lines.map(({ item, amount, unit, included, dollars, dollarsBeyond }) => [
        item,
        tellAmount(amount),
        unit,
        Number.isFinite(included) ? tellCount(included) : "all",
        tellDollars(dollars),
        tellDollars(dollarsBeyond),
      ]),
      ["together", "", "", "", tellDollars(bill.dollars), tellDollars(bill.dollarsBeyond)],
    ]),
    "  alone: the account does nothing else that month; on top: what the plan includes is used up already",
  ];
}

function tellAmount(amount: number): string {
  return amount > 0 && amount < 1 ? amount.toFixed(3) : tellCount(amount);
}
