/** What was counted, by name. Pure. */

export type Tally = Readonly<Record<string, number>>;

/** How many of the calls are meant. */
export function sumOfCalls(calls: Tally, isMeant: (call: string) => boolean): number {
  return Object.entries(calls).reduce((sum, [call, number]) => sum + (isMeant(call) ? number : 0), 0);
}

/** A tally in words. */
export function tell(tally: Tally): string {
  return Object.entries(tally)
    .map(([name, number]) => `${number} × ${name}`)
    .join(", ");
}
