/** Which entry decides: held against a model that looks at every entry; and what a look-up costs with 100,000 of them (T15). */
import * as fc from "fast-check";
import { IPv4, IPv6 } from "ipaddr.js";
import { afterEach, describe, expect, it, vi } from "vitest";
import { decodePage, encodePage } from "../../../durable-objects/control/entry-page.ts";
import type { ListedEntry, ListKind, ListSubject } from "../../../durable-objects/control/protocol.ts";
import { parseEntryValue } from "../../../src/control/entry-value.ts";
import { type ListedClient, type ListHit, ListTables } from "../../../src/control/lists.ts";

const NOW = 1_800_000_000_000;
const NOBODY: ListedClient = { address: null, asn: null, country: null };

function entry(list: ListKind, subject: ListSubject, value: string, expiresAt: number | null = null): ListedEntry {
  const canonical = parseEntryValue(subject, value);
  if ("problem" in canonical) throw new Error(`${value}: ${canonical.problem}`);
  return { list, subject, value: canonical.value, expiresAt };
}

function listsOf(...entries: readonly ListedEntry[]): ListTables {
  const lists = new ListTables();
  for (const one of entries) lists.put(one);
  return lists;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("ListTables, which entry decides", () => {
  const DENY = { list: "deny" } as const;
  const ALLOW = { list: "allow" } as const;

  it.each([
    [
      "the only one",
      [entry("deny", "cidr", "203.0.113.0/24")],
      { address: "203.0.113.7" },
      { ...DENY, subject: "cidr" },
    ],
    ["none beside the network", [entry("deny", "cidr", "203.0.113.0/24")], { address: "203.0.114.7" }, null],
    [
      "an allowed address in a denied network",
      [entry("deny", "cidr", "203.0.113.0/24"), entry("allow", "cidr", "203.0.113.7")],
      { address: "203.0.113.7" },
      { ...ALLOW, subject: "cidr" },
    ],
    [
      "a denied address in an allowed network",
      [entry("allow", "cidr", "203.0.113.0/24"), entry("deny", "cidr", "203.0.113.7")],
      { address: "203.0.113.7" },
      { ...DENY, subject: "cidr" },
    ],
    [
      "allow, of two for the same network",
      [entry("deny", "cidr", "203.0.113.0/24"), entry("allow", "cidr", "203.0.113.0/24")],
      { address: "203.0.113.7" },
      { ...ALLOW, subject: "cidr" },
    ],
    [
      "the address, before the network's number and the country",
      [entry("allow", "cidr", "203.0.113.7"), entry("deny", "asn", "64500"), entry("deny", "country", "DE")],
      { address: "203.0.113.7", asn: 64_500, country: "DE" },
      { ...ALLOW, subject: "cidr" },
    ],
    [
      "the network's number, before the country",
      [entry("deny", "asn", "64500"), entry("allow", "country", "DE")],
      { asn: 64_500, country: "DE" },
      { ...DENY, subject: "asn" },
    ],
    [
      "allow, of two for the same country",
      [entry("deny", "country", "DE"), entry("allow", "country", "DE")],
      { country: "DE" },
      { ...ALLOW, subject: "country" },
    ],
    ["none, where nothing is known", [entry("deny", "asn", "64500"), entry("deny", "country", "DE")], {}, null],
    [
      "T14 the IPv4 entry for an IPv4-mapped address",
      [entry("deny", "cidr", "203.0.113.0/24")],
      { address: "::ffff:203.0.113.7" },
      { ...DENY, subject: "cidr" },
    ],
    [
      "T14 the IPv6 network for every address in it",
      [entry("deny", "cidr", "2001:db8::/48")],
      { address: "2001:db8:0:ffff::1" },
      { ...DENY, subject: "cidr" },
    ],
  ])("%s", (_name, entries, client, hit) => {
    expect(listsOf(...entries).matchClient({ ...NOBODY, ...client }, NOW)).toEqual(hit);
    expect(listsOf(...entries.toReversed()).matchClient({ ...NOBODY, ...client }, NOW)).toEqual(hit);
  });

  it("a buyer's entries are apart from a client's", () => {
    const lists = listsOf(entry("deny", "buyer", "DE"), entry("deny", "buyer", "64500"));
    expect(lists.matchClient({ address: null, asn: 64_500, country: "DE" }, NOW)).toBeNull();
    expect(lists.matchBuyer("DE", NOW)).toEqual({ list: "deny", subject: "buyer" });
    expect(lists.matchBuyer("de", NOW)).toBeNull();
  });

  it("an entry that is over does not match: the next shorter network decides", () => {
    const lists = listsOf(entry("deny", "cidr", "203.0.113.0/24"), entry("allow", "cidr", "203.0.113.7", NOW));
    const client = { ...NOBODY, address: "203.0.113.7" };
    expect(lists.matchClient(client, NOW - 1)?.list).toBe("allow");
    expect(lists.matchClient(client, NOW)?.list).toBe("deny");
  });

  it("an entry can be replaced and taken out; what is not there is passed over", () => {
    const one = entry("deny", "cidr", "203.0.113.0/24", NOW);
    const lists = listsOf(
      one,
      { ...one, expiresAt: NOW + 1 },
      entry("deny", "asn", "64500"),
      entry("deny", "asn", "64500"),
    );
    expect(lists.size).toBe(2);
    expect(lists.matchClient({ ...NOBODY, address: "203.0.113.7" }, NOW)?.list).toBe("deny");
    lists.remove(one);
    lists.remove(one);
    lists.remove(entry("allow", "country", "DE"));
    expect([lists.size, lists.matchClient({ ...NOBODY, address: "203.0.113.7" }, NOW)]).toEqual([1, null]);
  });
});

describe("T7 ListTables, suspects", () => {
  const CLIENT: ListedClient = { address: "203.0.113.7", asn: 64_500, country: "DE" };
  const SUSPECTS = [
    entry("suspect", "cidr", "203.0.113.0/24"),
    entry("suspect", "asn", "64500"),
    entry("suspect", "country", "DE"),
    entry("suspect", "buyer", "mallory"),
  ];

  it.each(SUSPECTS)("tells of a $subject, and of that alone", (suspect) => {
    const lists = listsOf(suspect);
    expect(lists.suspect(CLIENT, "mallory", NOW)).toEqual([suspect.subject]);
    expect(lists.suspect({ address: "203.0.114.7", asn: 64_501, country: "FR" }, "alice", NOW)).toEqual([]);
    expect(lists.suspect(NOBODY, "alice", NOW)).toEqual([]);
  });

  it("tells of all that match, and of none that is over or taken out", () => {
    const lists = listsOf(...SUSPECTS);
    expect(lists.suspect(CLIENT, "mallory", NOW)).toEqual(["cidr", "asn", "country", "buyer"]);
    lists.put(entry("suspect", "cidr", "203.0.113.0/24", NOW + 1));
    lists.put(entry("suspect", "asn", "64500", NOW));
    expect(lists.suspect(CLIENT, "mallory", NOW)).toEqual(["cidr", "country", "buyer"]);
    expect(lists.suspect(CLIENT, "mallory", NOW + 1)).toEqual(["country", "buyer"]);
    for (const one of SUSPECTS) lists.remove(one);
    expect([lists.size, lists.suspect(CLIENT, "mallory", NOW)]).toEqual([0, []]);
  });

  it("decides nothing: a suspect in a denied network is kept out, one in an allowed network let in", () => {
    const suspect = entry("suspect", "cidr", "203.0.113.7");
    expect(listsOf(suspect).matchClient(CLIENT, NOW)).toBeNull();
    for (const list of ["deny", "allow"] as const) {
      const lists = listsOf(
        entry(list, "cidr", "203.0.113.0/24"),
        entry(list, "buyer", "mallory"),
        ...SUSPECTS,
        suspect,
      );
      expect(lists.matchClient(CLIENT, NOW)).toEqual({ list, subject: "cidr" });
      expect(lists.matchBuyer("mallory", NOW)).toEqual({ list, subject: "buyer" });
    }
  });

  it("T14 knows an address in any spelling", () => {
    const lists = listsOf(entry("suspect", "cidr", "203.0.113.0/24"), entry("suspect", "cidr", "2001:db8::/48"));
    for (const address of ["::ffff:203.0.113.7", "2001:DB8:0:ffff::1"]) {
      expect(lists.suspect({ ...NOBODY, address }, "alice", NOW)).toEqual(["cidr"]);
    }
  });
});

/** What a model that looks at every entry by ipaddr.js's own comparison says. */
function decideByModel(entries: readonly ListedEntry[], client: ListedClient): ListHit | null {
  const live = entries.filter(({ expiresAt }) => expiresAt === null || NOW < expiresAt);
  const matching = live.flatMap(({ list, subject, value }) => {
    const rank = rankOf(subject, value, client);
    return rank === null || list === "suspect" ? [] : [{ list, subject, rank }];
  });
  const [best] = matching.toSorted((left, right) => right.rank - left.rank || (left.list === "allow" ? -1 : 1));
  return best === undefined ? null : { list: best.list, subject: best.subject };
}

function suspectByModel(entries: readonly ListedEntry[], client: ListedClient): ReadonlySet<ListSubject> {
  const live = entries.filter(({ list, expiresAt }) => list === "suspect" && (expiresAt === null || NOW < expiresAt));
  return new Set(
    live.filter(({ subject, value }) => rankOf(subject, value, client) !== null).map(({ subject }) => subject),
  );
}

function rankOf(subject: ListSubject, value: string, { address, asn, country }: ListedClient): number | null {
  if (subject === "country") return value === country ? 1 : null;
  if (subject === "asn") return value === String(asn) ? 2 : null;
  if (subject === "buyer" || address === null) return null;
  const isIpv4 = value.includes(".");
  const v6 = address.includes(":") ? IPv6.parse(address) : IPv4.parse(address).toIPv4MappedAddress();
  if (v6.isIPv4MappedAddress() !== isIpv4) return null;
  const [block, length] = isIpv4 ? IPv4.parseCIDR(value) : IPv6.parseCIDR(value);
  return (isIpv4 ? v6.toIPv4Address() : v6).match(block, length) ? 3 + length : null;
}

/** Few bits vary, so that networks hold one another. */
const ipv4 = fc.integer({ min: 0, max: 255 }).map((last) => new IPv4([203, 0, 113, last]).toString());
const ipv6 = fc
  .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 7 }))
  .map(([subnet, last]) => new IPv6([0x2001, 0xdb8, 0, subnet, 0, 0, 0, last]).toString());
const network = fc.oneof(
  fc
    .tuple(ipv4, fc.integer({ min: 8, max: 32 }))
    .map(([text, length]) => `${IPv4.networkAddressFromCIDR(`${text}/${length}`).toString()}/${length}`),
  fc
    .tuple(ipv6, fc.integer({ min: 12, max: 128 }))
    .map(([text, length]) => `${IPv6.networkAddressFromCIDR(`${text}/${length}`).toString()}/${length}`),
);
const anyEntry = fc
  .tuple(
    fc.constantFrom("allow", "deny", "suspect"),
    fc.oneof(
      { weight: 6, arbitrary: fc.tuple(fc.constant("cidr"), network) },
      fc.tuple(fc.constant("asn"), fc.constantFrom("64500", "64501")),
      fc.tuple(fc.constant("country"), fc.constantFrom("DE", "CN")),
    ),
    fc.constantFrom(null, NOW, NOW + 1),
  )
  .map(([list, [subject, value], expiresAt]) => entry(list, subject, value, expiresAt));
const anyClient = fc.record({
  address: fc.oneof(
    ipv4,
    ipv6,
    ipv4.map((text) => `::ffff:${text}`),
    fc.constant(null),
  ),
  asn: fc.constantFrom(64_500, 64_502, null),
  country: fc.constantFrom("DE", "FR", null),
});

function keyOf({ list, subject, value }: ListedEntry): string {
  return `${list} ${subject} ${value}`;
}

describe("ListTables against a model", () => {
  it("says what a search of every entry says, also after entries were taken out", () => {
    fc.assert(
      fc.property(
        fc.array(anyEntry, { maxLength: 40 }),
        fc.array(anyEntry, { maxLength: 10 }),
        fc.array(anyClient, { minLength: 1, maxLength: 10 }),
        (entries, removed, clients) => {
          const lists = listsOf(...entries, ...removed);
          for (const one of removed) lists.remove(one);
          const gone = new Set(removed.map(keyOf));
          const left = [...new Map(entries.map((one) => [keyOf(one), one])).values()].filter(
            (one) => !gone.has(keyOf(one)),
          );
          expect(lists.size).toBe(left.length);
          for (const client of clients) {
            expect(lists.matchClient(client, NOW)).toEqual(decideByModel(left, client));
            expect(new Set(lists.suspect(client, "nobody", NOW))).toEqual(suspectByModel(left, client));
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

/** Networks of every prefix length, on every list: the worst case for a look-up. */
function manyEntries(count: number): ListedEntry[] {
  return Array.from({ length: count }, (_, index) => {
    const list = (["deny", "allow", "suspect"] as const)[index % 3] ?? "deny";
    const half = Math.floor(index / 3);
    if (half % 4 === 0) {
      const length = 8 + (half % 25);
      const bits = (((11 + (half % 80)) << 24) | (half << 2)) >>> 0;
      return { list, subject: "cidr", value: ipv4Network(bits, length), expiresAt: null };
    }
    const length = 12 + (half % 117);
    const parts = [
      0x2000 + (half & 0xfff),
      half >> 4,
      half & 0xffff,
      half % 7,
      half >> 3,
      half & 0xff,
      half >> 2,
      half & 0xffff,
    ];
    return { list, subject: "cidr", value: ipv6Network(parts, length), expiresAt: null };
  });
}

function ipv4Network(bits: number, length: number): string {
  const masked = (bits & (-1 << (32 - length))) >>> 0;
  return `${[24, 16, 8, 0].map((shift) => (masked >>> shift) & 255).join(".")}/${length}`;
}

function ipv6Network(parts: readonly number[], length: number): string {
  const masked = parts.map((part, index) => {
    const bits = Math.min(16, Math.max(0, length - index * 16));
    return part & (0xffff << (16 - bits)) & 0xffff;
  });
  return `${masked.map((part) => part.toString(16)).join(":")}/${length}`;
}

/** Bytes on the heap after everything that nobody holds is gone. */
async function usedHeap(): Promise<number> {
  // Node's own modules, which the Worker's types do not know.
  const [v8, vm, process] = (await Promise.all(["node:v8", "node:vm", "node:process"].map((name) => import(name)))) as [
    { setFlagsFromString(flags: string): void },
    { runInNewContext(code: string): unknown },
    { memoryUsage(): { readonly heapUsed: number } },
  ];
  v8.setFlagsFromString("--expose-gc");
  (vm.runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

describe("ListTables with 100,000 entries", () => {
  it("T15 takes some 10 MB of an isolate's 128, and gives them back", { timeout: 30_000 }, async () => {
    const lists = new ListTables();
    const page = encodePage(manyEntries(100_000));
    const before = await usedHeap();
    for (const one of decodePage(page)) lists.put(one);
    const full = await usedHeap();
    for (const one of decodePage(page)) lists.remove(one);
    expect(lists.size).toBe(0);
    const empty = await usedHeap();
    expect((full - before) / 1e6).toBeGreaterThan(1);
    expect((full - before) / 1e6).toBeLessThan(20);
    expect((empty - before) / 1e6).toBeLessThan(2);
  });

  it("T15 looks up a bounded number of times, however many there are", () => {
    const lists = listsOf(...manyEntries(100_000));
    const gets = vi.spyOn(Map.prototype, "get");
    for (const address of ["11.1.2.3", "2001:db8::1", "198.51.100.1"]) {
      gets.mockClear();
      lists.matchClient({ address, asn: 64_500, country: "DE" }, NOW);
      // Per prefix length and list one map for the length and one for the prefix: at most 2 x 2 x 117 of IPv6.
      expect(gets.mock.calls.length).toBeLessThanOrEqual(4 * (address.includes(":") ? 117 : 25));
      gets.mockClear();
      lists.suspect({ address, asn: 64_500, country: "DE" }, "alice", NOW);
      expect(gets.mock.calls.length).toBeLessThanOrEqual(2 * (address.includes(":") ? 117 : 25) + 3);
    }
  });
});
