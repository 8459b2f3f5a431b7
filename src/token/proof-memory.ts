/**
 * The proofs that an isolate has taken, so that none is taken twice (RFC 9449, section 11.1).
 *
 * Bounded: the oldest are forgotten first. What it gives up: another isolate, or this one after very many proofs, may take a
 * proof a second time within the minute that it lives. That gives nobody anything: a second purchase token is bound to the same
 * key, needs the buyer's identity, and counts against the buyer's limits; and a checkout's token makes one order, whoever sends it.
 */

/** A proof lives for about a minute: more than an isolate takes in one. */
const ENTRIES_MAX = 20_000;

export class ProofMemory {
  readonly #takenUntil = new Map<string, number>();
  readonly #entriesMax: number;

  /** @param entriesMax proofs remembered at once. */
  constructor(entriesMax: number = ENTRIES_MAX) {
    this.#entriesMax = entriesMax;
  }

  /** Takes the proof of the key `jkt`; false: it was taken before. */
  take(jkt: string, jti: string, usableUntil: number, now: number): boolean {
    // The thumbprint has one length: no jti can pass for another key's.
    const entry = `${jkt}${jti}`;
    if ((this.#takenUntil.get(entry) ?? 0) > now) return false;
    this.#takenUntil.delete(entry);
    this.#takenUntil.set(entry, usableUntil);
    for (const [oldest, until] of this.#takenUntil) {
      if (until > now && this.#takenUntil.size <= this.#entriesMax) break;
      this.#takenUntil.delete(oldest);
    }
    return true;
  }
}
