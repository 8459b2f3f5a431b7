/** The bill in US dollars, line by line: usage times the published prices. Pure: the moment that decides between prices is handed in. */
import { LOG_PRICE_CHANGE, PLAN, type Price, PRICES } from "./platform.ts";
import type { Metered, Usage } from "./usage.ts";

export interface BillLine {
  readonly item: string;
  readonly amount: number;
  readonly unit: string;
  /** What the plan includes each month, for all that the account does. */
  readonly included: number;
  /** When the account does nothing else in the month. */
  readonly dollars: number;
  /** When everything that is included is used up already. */
  readonly dollarsBeyond: number;
  readonly formula: string;
  readonly source: string;
  readonly read: string;
}

export interface Bill {
  readonly lines: readonly BillLine[];
  /** With the plan's own price, and all that it includes still there. */
  readonly dollars: number;
  /** What the sale adds to an account that has used up what is included. */
  readonly dollarsBeyond: number;
}

/**
 * Bytes that one log event takes, from when logs are billed by volume: nobody publishes it, and an invocation's log carries
 * its request. An assumption.
 */
export const LOG_EVENT_BYTES = 2000;
const BYTES_PER_GIGABYTE = 1_000_000_000;

/** @param now ms since the epoch: logs change their price on 2026-12-01. */
export function billOf(usage: Usage, now: number): Bill {
  const lines = [
    lineOf("Workers requests", usage.workerRequests, PRICES.workerRequests),
    lineOf("Workers CPU", usage.workerCpuMs, PRICES.workerCpu),
    lineOf("Durable Object requests", usage.objectRequests, PRICES.objectRequests),
    lineOf("Durable Object duration", usage.objectGigabyteSeconds, PRICES.objectDuration),
    lineOf("SQLite rows read", usage.rowsRead, PRICES.rowsRead),
    lineOf("SQLite rows written", usage.rowsWritten, PRICES.rowsWritten),
    lineOf("SQLite stored data", usage.storedGigabytes, PRICES.objectStorage),
    lineOf("Queues operations", usage.queueOperations, PRICES.queueOperations),
    lineOf("Hyperdrive", { amount: 0, formula: "queries are not charged on the paid plan" }, PRICES.hyperdrive),
    logLine(usage.logEvents, now),
  ];
  return {
    lines,
    dollars: lines.reduce<number>((sum, { dollars }) => sum + dollars, PLAN.dollars),
    dollarsBeyond: lines.reduce((sum, { dollarsBeyond }) => sum + dollarsBeyond, 0),
  };
}

function lineOf(item: string, { amount, formula }: Metered, price: Price): BillLine {
  const { included, dollars, per, unit, source, read } = price;
  return {
    item,
    amount,
    unit,
    included,
    dollars: (Math.max(0, amount - included) / per) * dollars,
    dollarsBeyond: (amount / per) * dollars,
    formula,
    source,
    read,
  };
}

function logLine(events: Metered, now: number): BillLine {
  if (now < LOG_PRICE_CHANGE) return lineOf("Workers Logs", events, PRICES.logEvents);
  const gigabytes = {
    amount: (events.amount * LOG_EVENT_BYTES) / BYTES_PER_GIGABYTE,
    formula: `(${events.formula}) x ${LOG_EVENT_BYTES} bytes, an assumption`,
  };
  return lineOf("Workers Logs", gigabytes, PRICES.logIngestion);
}
