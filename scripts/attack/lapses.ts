/** Watches from outside how many holds have lapsed, so that it is known when the attackers' stock came back. */
import type { LedgerDocument } from "../rush/sale-api.ts";

const LOOK_EVERY_MS = 200;

export interface LapseWatch {
  /** Looks once more; how many holds of the round have lapsed so far. */
  look(): Promise<number>;
  /** The first moment at which at least so many had lapsed, by the gateway's clock; null if none is known. */
  firstWith(count: number): number | null;
  stop(): void;
}

/** Looks every 200 ms until it is stopped. */
export function watchLapses(readLedger: () => Promise<LedgerDocument>, now: () => number): LapseWatch {
  const samples: { readonly at: number; readonly expired: number }[] = [];
  const look = async (): Promise<number> => {
    const { expired } = (await readLedger()).orders;
    samples.push({ at: now(), expired });
    return expired;
  };
  // A gateway that is too busy for an operator is asked again; whoever needs an answer asks itself.
  const timer = setInterval(() => void look().catch(() => {}), LOOK_EVERY_MS);
  return {
    look,
    firstWith: (count) => samples.find(({ expired }) => expired >= count)?.at ?? null,
    stop: () => clearInterval(timer),
  };
}
