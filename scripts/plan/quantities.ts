/** Counts, times and shares as people write them on a command line. What is none is refused by its option's name. */
import { StartError } from "../gateway/start-error.ts";

const COUNT_UNITS: Readonly<Record<string, number>> = { "": 1, k: 1000, m: 1_000_000 };
const TIME_UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** `1000000`, `1_000_000`, `250k`, `1m`: a whole number within the bounds. @throws StartError with exit status 2. */
export function parseCount(option: string, text: string, { least, most }: Bounds): number {
  const [, number = "", unit = ""] = /^(\d[\d_]*(?:\.\d+)?)([km]?)$/i.exec(text) ?? [];
  const value = Number(number.replaceAll("_", "")) * (COUNT_UNITS[unit.toLowerCase()] ?? Number.NaN);
  if (number !== "" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw wrong(option, `a whole number from ${least} to ${most}, as 10000, 10k or 1m`, text);
}

/** `500ms`, `60s`, `2m`, `1h`: in milliseconds. A number without a unit is refused. @throws StartError with exit status 2. */
export function parseTime(option: string, text: string, { least, most }: Bounds): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|min|h)$/.exec(text) ?? [];
  const value = Number(number) * (TIME_UNITS_MS[unit] ?? Number.NaN);
  if (number !== "" && value >= least && value <= most) return value;
  throw wrong(option, `a time from ${tellTime(least)} to ${tellTime(most)} with its unit, as 500ms, 60s or 2m`, text);
}

/** `20%` or `0.2`: from 0 to 1. @throws StartError with exit status 2. */
export function parseShare(option: string, text: string): number {
  const [, number = "", percent = ""] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const value = Number(number) / (percent === "%" ? 100 : 1);
  if (number !== "" && value <= 1) return value;
  throw wrong(option, "a share from 0 to 1, as 0.2 or 20%", text);
}

/** One of `known`. @throws StartError with exit status 2. */
export function parseChoice<Choice extends string>(option: string, text: string, known: readonly Choice[]): Choice {
  const found = known.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw wrong(option, `one of ${known.join(", ")}`, text);
}

function wrong(option: string, wanted: string, text: string): StartError {
  return new StartError(`--${option} must be ${wanted}, not ${JSON.stringify(text)}`, 2);
}

export function tellTime(ms: number): string {
  if (ms < 1000) return `${round(ms, ms < 10 ? 1 : 0)} ms`;
  if (ms < 120_000) return `${round(ms / 1000, ms < 10_000 ? 1 : 0)} s`;
  return ms < 7_200_000 ? `${round(ms / 60_000, 1)} min` : `${round(ms / 3_600_000, 1)} h`;
}

/** Whole, with commas between thousands. */
export function tellCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

export function tellShare(share: number): string {
  return `${round(share * 100, 1)} %`;
}

/** Cents, and fractions of a cent where there is nothing but these. */
export function tellDollars(dollars: number): string {
  if (dollars > 0 && dollars < 0.01) return `$${dollars.toFixed(4)}`;
  return `$${dollars.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
