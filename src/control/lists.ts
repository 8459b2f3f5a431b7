/**
 * The lists as an isolate has them: who is let in, who is kept out, who is suspected. Looked up in constant time: a few maps, no search.
 *
 * Which entry decides: the most specific one. For a client its address before its network's number (ASN) before its country;
 * among networks the longest prefix; and where an allow and a deny entry are equally specific, allow. So one allowed address gets
 * through a denied network, and one denied address is kept out of an allowed country. A buyer's entries are apart: they decide
 * for the buyer, wherever he comes from.
 *
 * Suspects are apart from both. Their entries decide nothing, so that an imported list of them never lets in whom a deny entry
 * keeps out; all of them that match are told, for whoever weighs them.
 *
 * An entry that is over does not match, whether or not anybody took it out. Rules only: no clock, no I/O.
 */
import type { EntryKey, ListedEntry, ListKind, ListSubject } from "../../durable-objects/control/protocol.ts";
import { type Family, parseAddress, readNetwork } from "./network.ts";
import { PrefixTable } from "./prefix-table.ts";

/** What is known of where a request comes from; what is not known matches nothing. */
export interface ListedClient {
  readonly address: string | null;
  readonly asn: number | null;
  /** ISO 3166-1 alpha-2, upper case. */
  readonly country: string | null;
}

/** The lists that let in or keep out. */
type DecidingList = Exclude<ListKind, "suspect">;

/** Why a request is let in or kept out. */
export interface ListHit {
  readonly list: DecidingList;
  readonly subject: ListSubject;
}

/** The lists, for reading. They change in place, in one step: who looks twice may see a later state. */
export interface Lists {
  /** Entries, those that are over too while they are not taken out. */
  readonly size: number;
  /** @returns null when no entry in force at `now` matches. */
  matchClient(client: ListedClient, now: number): ListHit | null;
  matchBuyer(buyerId: string, now: number): ListHit | null;
  /** What of a request is on the list of suspects; empty where nothing is. */
  suspect(client: ListedClient, buyerId: string, now: number): readonly ListSubject[];
}

type Exact = Exclude<ListSubject, "cidr">;
type Endings = Map<string, number>;

interface Table {
  readonly networks: Readonly<Record<Family, PrefixTable>>;
  readonly exact: Readonly<Record<Exact, Endings>>;
}

function emptyTable(): Table {
  return {
    networks: { ipv4: new PrefixTable(), ipv6: new PrefixTable() },
    exact: { asn: new Map(), country: new Map(), buyer: new Map() },
  };
}

function noEntries(): Record<ListSubject, number> {
  return { cidr: 0, asn: 0, country: 0, buyer: 0 };
}

export class ListTables implements Lists {
  readonly #tables: Readonly<Record<ListKind, Table>> = {
    allow: emptyTable(),
    deny: emptyTable(),
    suspect: emptyTable(),
  };
  /** Entries that decide by subject, and suspects by subject: a subject without any costs a request nothing. */
  readonly #deciding = noEntries();
  readonly #suspects = noEntries();

  /** All of both, at hand: every request asks. */
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Puts an entry in; one for the same thing on the same list is replaced. */
  put({ list, subject, value, expiresAt }: ListedEntry): void {
    const table = this.#tables[list];
    const endsAt = expiresAt ?? Infinity;
    if (subject === "cidr") {
      const network = readNetwork(value);
      if (table.networks[network.family].put(network, endsAt)) this.#count(list, "cidr", 1);
      return;
    }
    if (!table.exact[subject].has(value)) this.#count(list, subject, 1);
    table.exact[subject].set(value, endsAt);
  }

  /** Takes an entry out; what is not there is passed over. */
  remove({ list, subject, value }: EntryKey): void {
    const table = this.#tables[list];
    if (subject === "cidr") {
      const network = readNetwork(value);
      if (table.networks[network.family].remove(network)) this.#count(list, "cidr", -1);
    } else if (table.exact[subject].delete(value)) this.#count(list, subject, -1);
  }

  matchClient({ address, asn, country }: ListedClient, now: number): ListHit | null {
    return (
      this.#matchAddress(address, now) ??
      (asn === null ? null : this.#matchExact("asn", String(asn), now)) ??
      (country === null ? null : this.#matchExact("country", country, now))
    );
  }

  matchBuyer(buyerId: string, now: number): ListHit | null {
    return this.#matchExact("buyer", buyerId, now);
  }

  suspect({ address, asn, country }: ListedClient, buyerId: string, now: number): readonly ListSubject[] {
    const found: ListSubject[] = [];
    if (this.#isSuspectAddress(address, now)) found.push("cidr");
    const exact = { asn: asn === null ? null : String(asn), country, buyer: buyerId };
    for (const subject of ["asn", "country", "buyer"] as const) {
      const value = exact[subject];
      if (this.#suspects[subject] === 0 || value === null) continue;
      if (isInForce(this.#tables.suspect.exact[subject].get(value), now)) found.push(subject);
    }
    return found;
  }

  #isSuspectAddress(text: string | null, now: number): boolean {
    const address = this.#suspects.cidr === 0 || text === null ? null : parseAddress(text);
    return address !== null && this.#tables.suspect.networks[address.family].longest(address.parts, now) >= 0;
  }

  #count(list: ListKind, subject: ListSubject, by: 1 | -1): void {
    const sizes = list === "suspect" ? this.#suspects : this.#deciding;
    sizes[subject] += by;
    this.#size += by;
  }

  #matchAddress(text: string | null, now: number): ListHit | null {
    if (this.#deciding.cidr === 0 || text === null) return null;
    const address = parseAddress(text);
    if (address === null) return null;
    const { family, parts } = address;
    const allowed = this.#tables.allow.networks[family].longest(parts, now);
    const denied = this.#tables.deny.networks[family].longest(parts, now);
    if (allowed < 0 && denied < 0) return null;
    return { list: allowed >= denied ? "allow" : "deny", subject: "cidr" };
  }

  #matchExact(subject: Exact, value: string, now: number): ListHit | null {
    if (this.#deciding[subject] === 0) return null;
    if (isInForce(this.#tables.allow.exact[subject].get(value), now)) return { list: "allow", subject };
    return isInForce(this.#tables.deny.exact[subject].get(value), now) ? { list: "deny", subject } : null;
  }
}

function isInForce(endsAt: number | undefined, now: number): boolean {
  return endsAt !== undefined && now < endsAt;
}
