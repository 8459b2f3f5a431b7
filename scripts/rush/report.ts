/** The end of a rush as a person reads it, and the same as data. */
import type { BuyerKind } from "./cast.ts";
import type { Verdict } from "./promises.ts";
import type { SaleRecord } from "./record.ts";
import type { LedgerDocument } from "./sale-api.ts";
import { table } from "./table.ts";

export interface Latency {
  readonly call: string;
  readonly answers: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface Report {
  readonly buyers: number;
  readonly kinds: Readonly<Partial<Record<BuyerKind, number>>>;
  readonly stock: number;
  readonly seed: number;
  readonly seconds: number;
  readonly requests: number;
  readonly sold: { readonly paid: number; readonly held: number; readonly available: number };
  readonly orders: LedgerDocument["orders"];
  readonly refused: Readonly<Record<string, number>>;
  readonly latencies: readonly Latency[];
  readonly comparedWithPostgres: boolean;
  readonly promises: readonly Verdict[];
  readonly kept: boolean;
}

/** Percentiles by the nearest-rank method, in milliseconds with one decimal. */
export function summarizeLatencies(latencies: ReadonlyMap<string, readonly number[]>): readonly Latency[] {
  return [...latencies].map(([call, values]) => {
    const sorted = values.toSorted((a, b) => a - b);
    const at = (share: number): number => {
      const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
      return Math.round(value * 10) / 10;
    };
    return { call, answers: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  });
}

/** Refusals by code, most frequent first. */
export function sortRefusals(record: SaleRecord): Readonly<Record<string, number>> {
  return Object.fromEntries([...record.refusals].toSorted(([, a], [, b]) => b - a));
}

export function formatReport(report: Report): string {
  const { orders, sold } = report;
  const kinds = Object.entries(report.kinds).map(([kind, number]) => `${number} ${kind}`);
  return [
    `${report.buyers} buyers (${kinds.join(", ")}), stock ${report.stock}, seed ${report.seed}: ${report.requests} requests in ${report.seconds.toFixed(1)} s`,
    "",
    "Sold",
    table([
      ["units paid", sold.paid],
      ["units held", sold.held],
      ["units left", sold.available],
      ["orders paid", orders.paid],
      ["orders cancelled", orders.cancelled],
      ["orders expired", orders.expired],
      ["orders due for refund", orders.refundDue],
    ]),
    "",
    "Refused, by code",
    table(Object.entries(report.refused)),
    "",
    "Latency in ms, the wait for a connection included",
    table([
      ["call", "answers", "p50", "p95", "p99"],
      ...report.latencies.map(({ call, answers, p50, p95, p99 }) => [call, answers, p50, p95, p99]),
    ]),
    "",
    "Promises",
    ...report.promises.map(({ promise, kept, evidence }) => `  ${kept ? "✓" : "✗"} ${promise}: ${evidence}`),
    ...(report.comparedWithPostgres ? [] : ["  - Not compared with Postgres: no database is known (--database-url)"]),
    "",
    report.kept ? "Every promise was kept" : "A PROMISE WAS BROKEN",
  ].join("\n");
}
