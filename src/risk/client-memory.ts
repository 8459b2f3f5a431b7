/**
 * What an isolate remembers of its clients: the buyers they lately came with, and how often they were refused. Bounded.
 *
 * A sieve: another isolate remembers others. What must be exact (how many accounts an address has) is counted in a store.
 */

/** Clients remembered; beyond that the one seen longest ago is forgotten. */
const CLIENTS_MAX = 10_000;
/** Ids looked at for a pattern: enough for a series to show. */
const IDS_MAX = 16;

interface Seen {
  ids: string[];
  refusals: number;
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
  meet(client: string, buyerId: string, now: number): { readonly ids: readonly string[]; readonly refusals: number } {
    const seen = this.#seen(client, now);
    if (!seen.ids.includes(buyerId)) seen.ids = [...seen.ids, buyerId].slice(-IDS_MAX);
    return seen;
  }

  refused(client: string, now: number): void {
    this.#seen(client, now).refusals += 1;
  }

  #seen(client: string, now: number): Seen {
    const known = this.#clients.get(client);
    const seen =
      known !== undefined && known.until > now ? known : { ids: [], refusals: 0, until: now + this.#windowMs };
    this.#clients.delete(client);
    this.#clients.set(client, seen);
    const oldest = this.#clients.keys().next();
    if (this.#clients.size > CLIENTS_MAX && oldest.done === false) this.#clients.delete(oldest.value);
    return seen;
  }
}
