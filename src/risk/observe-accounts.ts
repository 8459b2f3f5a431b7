/** How many accounts a request's address and fingerprint came with: both asked at the same time, and only what nobody remembers. */
import { AccountMemory, type AccountCount, type AccountSource } from "./account-memory.ts";
import { objectOfFingerprint } from "./count-accounts.ts";
import type { RiskConfig } from "./risk-config.ts";

/** How many different buyers a client has come with within the window, this one included; null when it cannot be said. */
export type CountAccounts = (
  env: Env,
  objectName: string,
  source: AccountSource,
  buyerId: string,
  windowMs: number,
) => Promise<AccountCount | null>;

export interface AccountQuestion {
  /** The client's key. */
  readonly address: string;
  /** Where the address is counted. */
  readonly objectOfAddress: () => Promise<string>;
  /** What the limits' call to that object said already; null: it failed; undefined: none was made. */
  readonly countedAlong: AccountCount | null | undefined;
  /** Of its TLS; undefined where the plan does not tell. */
  readonly fingerprint: string | undefined;
  readonly buyerId: string;
  readonly now: number;
}

export interface Accounts {
  readonly accountsAtAddress: number | null;
  readonly accountsAtFingerprint: number | null;
}

const memories = new WeakMap<RiskConfig, AccountMemory>();

/** One per isolate and configuration. */
export function accountMemoryOf(risk: RiskConfig): AccountMemory {
  const memory = memories.get(risk) ?? new AccountMemory(risk.windowMs);
  memories.set(risk, memory);
  return memory;
}

/** A signal without a weight is not counted. */
export async function observeAccounts(
  count: CountAccounts,
  env: Env,
  risk: RiskConfig,
  { address, objectOfAddress, countedAlong, fingerprint, buyerId, now }: AccountQuestion,
): Promise<Accounts> {
  const memory = accountMemoryOf(risk);
  const { signals, windowMs } = risk;

  async function countAt(source: AccountSource, ask: () => Promise<AccountCount | null>): Promise<number | null> {
    const known = memory.recall(source, buyerId, now);
    if (known !== undefined) return known;
    const counted = await ask();
    if (counted === null) return null;
    memory.remember(source, buyerId, counted, now);
    return counted.accounts;
  }

  async function countAtAddress(): Promise<number | null> {
    if (signals["accounts-per-address"].weight === 0) return null;
    if (countedAlong !== undefined) return countedAlong?.accounts ?? null;
    const source = { kind: "address", value: address } as const;
    return countAt(source, async () => count(env, await objectOfAddress(), source, buyerId, windowMs));
  }

  async function countAtFingerprint(): Promise<number | null> {
    if (fingerprint === undefined || signals["accounts-per-fingerprint"].weight === 0) return null;
    const source = { kind: "fingerprint", value: fingerprint } as const;
    return countAt(source, () => count(env, objectOfFingerprint(fingerprint), source, buyerId, windowMs));
  }

  const [accountsAtAddress, accountsAtFingerprint] = await Promise.all([countAtAddress(), countAtFingerprint()]);
  return { accountsAtAddress, accountsAtFingerprint };
}
