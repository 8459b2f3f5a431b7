/** Numbers, money and times in the page's language. Pure: a time is always handed in, the buyer's clock is never read. */

/** `price` in the currency's minor unit, of which Intl knows the size (ISO 4217): 1999 EUR is 19.99, 1999 JPY is 1,999. */
export function formatPrice(locale: string, price: number, currency: string): string {
  try {
    const format = new Intl.NumberFormat(locale, { style: "currency", currency, currencyDisplay: "narrowSymbol" });
    const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
    return format.format(price / 10 ** digits);
  } catch {
    // Not a currency code: say what was told rather than guess.
    return `${price} ${currency}`;
  }
}

/** A moment's date and time to the second, in the buyer's time zone. */
export function formatMoment(locale: string, at: number): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" }).format(at);
}

/** A moment's time of day to the second, in the buyer's time zone. */
export function formatTime(locale: string, at: number): string {
  return new Intl.DateTimeFormat(locale, { timeStyle: "medium" }).format(at);
}

/** A moment as a buyer needs it at `now`: the time of day alone only for today, in the buyer's time zone. */
export function formatMomentFrom(locale: string, at: number, now: number | undefined): string {
  const day = new Intl.DateTimeFormat(locale, { dateStyle: "short" });
  const isToday = now !== undefined && day.format(at) === day.format(now);
  return isToday ? formatTime(locale, at) : formatMoment(locale, at);
}

/** A length of time in words: "2 minutes", "1 hour 30 minutes". Seconds are left out from one hour on. */
export function formatDuration(locale: string, totalSeconds: number): string {
  const { days, hours, minutes, seconds } = splitRemaining(totalSeconds * 1000);
  const parts: [number, string][] = [
    [days, "day"],
    [hours, "hour"],
    [minutes, "minute"],
    [days + hours > 0 ? 0 : seconds, "second"],
  ];
  const shown = parts.filter(([amount]) => amount > 0);
  if (shown.length === 0) shown.push([0, "second"]);
  return shown
    .map(([amount, unit]) => new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(amount))
    .join(" ");
}

export interface Remaining {
  readonly days: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
}

/** Rounded up to the second, so that 0 is shown at the moment itself and not a second before. */
export function splitRemaining(remainingMs: number): Remaining {
  const total = Math.max(0, Math.ceil(remainingMs / 1000));
  return {
    days: Math.floor(total / 86_400),
    hours: Math.floor(total / 3_600) % 24,
    minutes: Math.floor(total / 60) % 60,
    seconds: total % 60,
  };
}

/** Remaining seconds at which a countdown is spoken; a screen reader that hears every second hears nothing else. */
const SPOKEN_MARKS = [3_600, 1_800, 600, 300, 60, 30, 10];

/** The mark in seconds that was passed since the last look, the smallest if several were; undefined if none was. */
export function decideSpokenMark(previousMs: number | undefined, remainingMs: number): number | undefined {
  if (previousMs === undefined || remainingMs <= 0) return undefined;
  return SPOKEN_MARKS.findLast((mark) => previousMs > mark * 1000 && remainingMs <= mark * 1000);
}
