/**
 * What an isolate remembers of its clients: the buyers they lately came with, how often they were refused, and how soon they
 * checked out. Bounded.
 *
 * A sieve: another isolate remembers others. What must be exact (how many accounts an address has) is counted in a store.
 */
import type { RiskConfig } from "./risk-config.ts";

/** Clients remembered; beyond that the one seen longest ago is forgotten. */
const CLIENTS_MAX = 10_000;
/** Ids looked at for a pattern: enough for a series to show. */
const IDS_MAX = 16;

/** What is known of a client. */
export interface SeenClient {
  readonly ids: readonly string[];
  readonly refusals: number;
  /** The least time from a token to its checkout; null: there was no checkout. */
  readonly fastestCheckoutMs: number | null;
}

interface Seen {
  ids: string[];
  refusals: number;
  fastestCheckoutMs: number | null;
  until: number;
}

export class ClientMemory {
  readonly #clients = new Map<string, Seen>();
  readonly #windowMs: number;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  get size(): number {
    return this.#clients.size;
  }

  /** Adds the buyer, and returns what is known of the client now. */
  meet(client: string, buyerId: string, now: number): SeenClient {
    const seen = this.#seen(client, now);
    if (!seen.ids.includes(buyerId)) seen.ids = [...seen.ids, buyerId].slice(-IDS_MAX);
    return seen;
  }

  refused(client: string, now: number): void {
    this.#seen(client, now).refusals += 1;
  }

  checkedOut(client: string, tokenAgeMs: number, now: number): void {
    const seen = this.#seen(client, now);
    seen.fastestCheckoutMs = Math.min(seen.fastestCheckoutMs ?? tokenAgeMs, tokenAgeMs);
  }

  #seen(client: string, now: number): Seen {
    const known = this.#clients.get(client);
    const fresh = { ids: [], refusals: 0, fastestCheckoutMs: null, until: now + this.#windowMs };
    const seen: Seen = known !== undefined && known.until > now ? known : fresh;
    this.#clients.delete(client);
    this.#clients.set(client, seen);
    const oldest = this.#clients.keys().next();
    if (this.#clients.size > CLIENTS_MAX && oldest.done === false) this.#clients.delete(oldest.value);
    return seen;
  }
}

const memories = new WeakMap<RiskConfig, ClientMemory>();

/** One per isolate and configuration. */
export function clientMemoryOf(config: RiskConfig): ClientMemory {
  const memory = memories.get(config) ?? new ClientMemory(config.windowMs);
  memories.set(config, memory);
  return memory;
}
