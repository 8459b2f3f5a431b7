/** How many accounts a request's address and fingerprint came with: both asked at the same time, and only what nobody remembers. */
import { AccountMemory, type AccountCount, type AccountSource } from "./account-memory.ts";
import type { RiskConfig } from "./risk-config.ts";

/** How many different buyers a client has come with within the window, this one included; null when it cannot be said. */
export type CountAccounts = (
  env: Env,
  source: AccountSource,
  buyerId: string,
  windowMs: number,
) => Promise<AccountCount | null>;

export interface AccountQuestion {
  /** The client's key. */
  readonly address: string;
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

/** A signal without a weight is not counted. */
export async function observeAccounts(
  count: CountAccounts,
  env: Env,
  risk: RiskConfig,
  { address, fingerprint, buyerId, now }: AccountQuestion,
): Promise<Accounts> {
  const memory = memories.get(risk) ?? new AccountMemory(risk.windowMs);
  memories.set(risk, memory);
  async function countAt(kind: AccountSource["kind"], value: string | undefined): Promise<number | null> {
    if (value === undefined || risk.signals[`accounts-per-${kind}`].weight === 0) return null;
    const source = { kind, value };
    const known = memory.recall(source, buyerId, now);
    if (known !== undefined) return known;
    const counted = await count(env, source, buyerId, risk.windowMs);
    if (counted === null) return null;
    memory.remember(source, buyerId, counted, now);
    return counted.accounts;
  }
  const [accountsAtAddress, accountsAtFingerprint] = await Promise.all([
    countAt("address", address),
    countAt("fingerprint", fingerprint),
  ]);
  return { accountsAtAddress, accountsAtFingerprint };
}
