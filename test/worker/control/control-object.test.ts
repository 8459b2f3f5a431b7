/** The control object: what it tells of its changes, what it keeps, and what it refuses. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ENTRIES_MAX } from "../../../durable-objects/control/control-object.ts";
import { decodePage } from "../../../durable-objects/control/entry-page.ts";
import type {
  ControlApi,
  ListedEntry,
  ListQuery,
  NewEntry,
  Snapshot,
} from "../../../durable-objects/control/protocol.ts";
import {
  CAUSE,
  controlStub,
  evictControl,
  inControl,
  makeEntry,
  makeName,
  runControlAlarm,
} from "./controlled-gateway.ts";

const START = 1_800_000_000_000;
const ALL: ListQuery = { list: null, subject: null, value: null, after: null, limit: 1000 };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

function controlOf(name: string): ControlApi {
  return controlStub(name);
}

function buyers(count: number, from = 0): NewEntry[] {
  return Array.from({ length: count }, (_, index) => makeEntry({ subject: "buyer", value: `buyer-${from + index}` }));
}

function listed({ list, subject, value, expiresAt }: NewEntry): ListedEntry {
  return { list, subject, value, expiresAt };
}

/** Fills the lists by calls of a size that operators may send. */
async function fill(control: ControlApi, count: number, perCall = 2000): Promise<void> {
  for (let from = 0; from < count; from += perCall) {
    const answer = await control.putEntries(buyers(Math.min(perCall, count - from), from), CAUSE);
    expect(answer.ok).toBe(true);
  }
}

async function pagesOf(control: ControlApi, { version, pages }: Snapshot & { readonly kind: "full" }) {
  const texts = await Promise.all(Array.from({ length: pages }, (_, index) => control.page(version, index)));
  return texts.flatMap((text) => decodePage(text ?? "[]"));
}

describe("ControlObject, snapshot()", () => {
  it("of an object that nobody wrote to is the same, and stores nothing", async () => {
    const name = makeName();
    expect(await controlOf(name).snapshot(0)).toEqual({ kind: "same", version: 0 });
    expect(await controlOf(name).list(ALL)).toEqual({ entries: [], more: false, total: 0, version: 0 });
    expect([await controlOf(name).overrides(), await controlOf(name).audit(null, 10)]).toEqual([[], []]);
    const tables = await inControl(name, (_instance, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'entries'").toArray(),
    );
    expect(tables).toEqual([]);
  });

  it("tells what was put in and taken out since, and nothing else", async () => {
    const control = controlOf(makeName());
    const [first, second, third] = buyers(3) as [NewEntry, NewEntry, NewEntry];
    await control.putEntries([first, second], CAUSE);
    const before = await control.version();
    await control.removeEntries([first], CAUSE);
    await control.putEntries([third], CAUSE);
    expect(await control.snapshot(before)).toEqual({
      kind: "delta",
      version: before + 2,
      removed: [{ list: "deny", subject: "buyer", value: "buyer-0" }],
      entries: [listed(third)],
      overrides: null,
    });
    expect(await control.snapshot(before + 2)).toEqual({ kind: "same", version: before + 2 });
    expect(await control.snapshot(0)).toMatchObject({ removed: [], entries: [listed(second), listed(third)] });
  });

  it("tells an entry that was taken out and put in again as one that is there", async () => {
    const control = controlOf(makeName());
    await control.putEntries(buyers(1), CAUSE);
    const before = await control.version();
    await control.removeEntries(buyers(1), CAUSE);
    await control.putEntries(
      buyers(1).map((entry) => ({ ...entry, expiresAt: START + 1 })),
      CAUSE,
    );
    const delta = await control.snapshot(before);
    expect(delta).toMatchObject({
      removed: [{ value: "buyer-0" }],
      entries: [{ value: "buyer-0", expiresAt: START + 1 }],
    });
  });

  it("tells overrides only when one has changed, and then all in force", async () => {
    const control = controlOf(makeName());
    const override = { policy: "p", limit: 5, mode: null, expiresAt: START + 60_000, reason: "a test" };
    await control.setOverride(override, CAUSE);
    await control.setOverride({ ...override, policy: "q" }, CAUSE);
    const before = await control.version();
    await control.putEntries(buyers(1), CAUSE);
    expect(await control.snapshot(before)).toMatchObject({ overrides: null });
    expect(await control.removeOverride("p", CAUSE)).toBe(true);
    expect(await control.removeOverride("p", CAUSE)).toBe(false);
    expect(await control.snapshot(before)).toMatchObject({ overrides: [{ ...override, policy: "q", setAt: START }] });
  });

  it("T15 is full where the changes are too many to tell, and what follows is a delta again", async () => {
    const control = controlOf(makeName());
    await fill(control, 8000);
    const full = await control.snapshot(1);
    if (full.kind !== "full") throw new Error(`Expected a full snapshot, found ${full.kind}`);
    expect(await pagesOf(control, full)).toHaveLength(8000);
    await control.removeEntries(buyers(3), CAUSE);
    // Made once: who comes now gets the same pages, and what has changed since as a delta.
    expect(await control.snapshot(1)).toEqual(full);
    expect(await control.snapshot(full.version)).toMatchObject({ kind: "delta", removed: [{}, {}, {}], entries: [] });
  });

  it("is made anew when a full one is too far behind to be brought up to date", async () => {
    const control = controlOf(makeName());
    await fill(control, 6000);
    expect(await control.snapshot(1)).toMatchObject({ kind: "full", version: 6000 });
    await fill(control, 6000);
    expect(await control.snapshot(1)).toMatchObject({ kind: "full", version: 12_000 });
  });

  it("is full where removals are no longer remembered, and for a version that it never had", async () => {
    const name = makeName();
    const control = controlOf(name);
    await fill(control, 8000);
    const before = await control.version();
    for (let from = 0; from < 8000; from += 2000) await control.removeEntries(buyers(2000, from), CAUSE);
    expect(await control.snapshot(before)).toEqual({ kind: "full", version: before + 8000, pages: 0, overrides: [] });
    expect(await control.snapshot(before + 8000 - 10)).toMatchObject({ kind: "delta" });
    expect(await control.snapshot(before + 9000)).toMatchObject({ kind: "full", version: before + 8000 });
    const removals = await inControl(name, (_instance, { storage }) =>
      storage.sql.exec("SELECT 1 FROM removals").toArray(),
    );
    expect(removals).toHaveLength(5000);
  });

  it("F1 survives the loss of its memory; a page of a snapshot that went with it is not at hand", async () => {
    const name = makeName();
    await fill(controlOf(name), 6000);
    const full = await controlOf(name).snapshot(1);
    if (full.kind !== "full") throw new Error(`Expected a full snapshot, found ${full.kind}`);
    await evictControl(name);
    expect(await controlOf(name).version()).toBe(full.version);
    expect(await controlOf(name).page(full.version, 0)).toBeNull();
    expect(await controlOf(name).snapshot(1)).toEqual(full);
    expect(await pagesOf(controlOf(name), full)).toHaveLength(6000);
    expect(await controlOf(name).page(full.version, 1)).toBeNull();
  });
});

describe("ControlObject, changes", () => {
  it("F3 are whole or not at all: a failing statement takes back the ones before it", async () => {
    const name = makeName();
    const control = controlOf(name);
    await control.putEntries(buyers(2), CAUSE);
    const before = [await control.version(), await control.list(ALL), await control.audit(null, 10)];
    await inControl(name, async (instance, { storage }) => {
      storage.sql.exec("CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'broken'); END");
      await expect(instance.putEntries(buyers(5, 100), CAUSE)).rejects.toThrow("broken");
      await expect(instance.removeEntries(buyers(2), CAUSE)).rejects.toThrow("broken");
      storage.sql.exec("DROP TRIGGER broken");
    });
    expect([await control.version(), await control.list(ALL), await control.audit(null, 10)]).toEqual(before);
    expect((await control.putEntries(buyers(1, 100), CAUSE)).ok).toBe(true);
    expect(await control.snapshot(2)).toMatchObject({ entries: [{ value: "buyer-100" }], version: 3 });
  });

  it("replace an entry that is there already, in one call too", async () => {
    const control = controlOf(makeName());
    const [entry] = buyers(1) as [NewEntry];
    const answer = await control.putEntries([entry, { ...entry, reason: "the last one" }], CAUSE);
    expect(answer).toMatchObject({ ok: true, value: { changed: 2, total: 1 } });
    expect((await control.list(ALL)).entries).toMatchObject([
      { value: "buyer-0", reason: "the last one", addedAt: START },
    ]);
    expect(await control.removeEntries([entry, ...buyers(1, 7)], CAUSE)).toMatchObject({ changed: 1, total: 0 });
  });

  it("stand in the audit list with time, request and what was there before", async () => {
    const control = controlOf(makeName());
    await control.putEntries(buyers(30), { requestId: "r-1" });
    vi.setSystemTime(START + 1);
    const override = { policy: "p", limit: null, mode: "shadow", expiresAt: START + 60_000, reason: "a test" } as const;
    await control.setOverride(override, { requestId: "r-2" });
    await control.setOverride({ ...override, mode: "off" }, { requestId: "r-3" });
    await control.removeOverride("p", { requestId: "r-4" });
    await control.removeEntries(buyers(1), { requestId: "r-5" });
    const audit = await control.audit(null, 100);
    expect(audit.map(({ action, requestId, at }) => [action, requestId, at - START])).toEqual([
      ["remove-entries", "r-5", 1],
      ["remove-override", "r-4", 1],
      ["set-override", "r-3", 1],
      ["set-override", "r-2", 1],
      ["put-entries", "r-1", 0],
    ]);
    expect(audit[4]?.detail).toMatchObject({ entries: 30, first: { length: 20 }, reasons: ["a test"] });
    expect(audit[2]?.detail).toMatchObject({ mode: "off", before: { mode: "shadow" } });
    expect(await control.audit(audit[1]?.entry ?? 0, 1)).toEqual([audit[2]]);
  });

  it(`T15 leave at most ${ENTRIES_MAX} entries; more is refused whole, replacing is not, and what is over makes room`, {
    timeout: 60_000,
  }, async () => {
    const control = controlOf(makeName());
    const brief = makeEntry({ subject: "buyer", value: "brief", expiresAt: START + 1000 });
    await control.putEntries([brief], CAUSE);
    await fill(control, ENTRIES_MAX - 1, 20_000);
    const before = await control.version();
    expect(await control.putEntries(buyers(2, ENTRIES_MAX - 2), CAUSE)).toMatchObject({
      ok: false,
      refusal: {
        code: "invalid-request",
        errors: [{ path: "entries", message: expect.stringContaining("100000") as unknown }],
      },
    });
    expect(await control.version()).toBe(before);
    expect(await control.putEntries(buyers(2), CAUSE)).toMatchObject({ ok: true, value: { total: ENTRIES_MAX } });
    vi.setSystemTime(START + 1000);
    expect(await control.putEntries(buyers(1, ENTRIES_MAX), CAUSE)).toMatchObject({
      ok: true,
      value: { total: ENTRIES_MAX },
    });
  });
});

describe("ControlObject, expiry", () => {
  it("F4 is decided on read, with or without an alarm", async () => {
    const control = controlOf(makeName());
    await control.putEntries([makeEntry({ expiresAt: START + 1000 }), makeEntry({ value: "198.51.100.0/24" })], CAUSE);
    await control.setOverride({ policy: "p", limit: 1, mode: null, expiresAt: START + 1000, reason: "a test" }, CAUSE);
    vi.setSystemTime(START + 999);
    expect([(await control.list(ALL)).total, (await control.overrides()).length]).toEqual([2, 1]);
    vi.setSystemTime(START + 1000);
    expect(await control.list(ALL)).toMatchObject({ total: 1, entries: [{ value: "198.51.100.0/24" }] });
    expect([await control.overrides(), await control.removeOverride("p", CAUSE)]).toEqual([[], false]);
  });

  it("the alarm takes out what is over, and the edge is told", async () => {
    const name = makeName();
    const control = controlOf(name);
    await control.putEntries([makeEntry({ expiresAt: START + 1000 }), makeEntry({ value: "198.51.100.0/24" })], CAUSE);
    await control.setOverride({ policy: "p", limit: 1, mode: null, expiresAt: START + 1000, reason: "a test" }, CAUSE);
    const before = await control.version();
    vi.setSystemTime(START + 120_000);
    expect(await runControlAlarm(name)).toBe(true);
    expect(await control.snapshot(before)).toMatchObject({
      kind: "delta",
      removed: [{ value: "203.0.113.0/24" }],
      entries: [],
      overrides: [],
    });
    const rows = await inControl(name, (_instance, { storage }) =>
      storage.sql.exec("SELECT value FROM entries UNION ALL SELECT policy FROM overrides").toArray(),
    );
    expect(rows).toEqual([{ value: "198.51.100.0/24" }]);
    expect(await runControlAlarm(name)).toBe(false);
  });

  it("the alarm comes again while more is over than it deletes at once", async () => {
    const name = makeName();
    const control = controlOf(name);
    const brief = buyers(6000).map((entry) => ({ ...entry, expiresAt: START + 1000 }));
    await control.putEntries(brief, CAUSE);
    vi.setSystemTime(START + 120_000);
    expect(await runControlAlarm(name)).toBe(true);
    expect(await runControlAlarm(name)).toBe(true);
    const rows = await inControl(name, (_instance, { storage }) => storage.sql.exec("SELECT 1 FROM entries").toArray());
    expect(rows).toEqual([]);
    expect(await runControlAlarm(name)).toBe(false);
  });
});

describe("ControlObject of an earlier version", () => {
  /** The table as it was made before there was a list of suspects. */
  const EARLIER = `
    DROP TABLE entries;
    CREATE TABLE entries (
      list TEXT NOT NULL CHECK (list IN ('allow', 'deny')),
      subject TEXT NOT NULL CHECK (subject IN ('cidr', 'asn', 'country', 'buyer')),
      value TEXT NOT NULL,
      expires_at INTEGER,
      reason TEXT NOT NULL,
      added_at INTEGER NOT NULL,
      request_id TEXT NOT NULL,
      version INTEGER NOT NULL,
      PRIMARY KEY (list, subject, value)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX entries_version ON entries (version);
    CREATE INDEX entries_expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;
    INSERT INTO entries VALUES ('deny', 'cidr', '203.0.113.0/24', NULL, 'a test', 5, 'r-5', 1);
    UPDATE control SET version = 1;`;

  it("keeps its entries and its version, and takes suspects", async () => {
    const name = makeName();
    await controlOf(name).setOverride(
      { policy: "p", limit: 1, mode: null, expiresAt: START + 1, reason: "a test" },
      CAUSE,
    );
    await inControl(name, (_instance, { storage }) => void storage.sql.exec(EARLIER));
    await evictControl(name);
    const control = controlOf(name);
    expect(await control.list(ALL)).toMatchObject({
      total: 1,
      version: 1,
      entries: [
        { list: "deny", value: "203.0.113.0/24", expiresAt: null, reason: "a test", addedAt: 5, requestId: "r-5" },
      ],
    });
    const put = await control.putEntries([makeEntry({ list: "suspect" })], CAUSE);
    expect(put).toMatchObject({ ok: true, value: { total: 2, version: 2 } });
    const made = await inControl(name, (_instance, { storage }) =>
      storage.sql
        .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name LIKE 'entries%' ORDER BY name")
        .toArray(),
    );
    expect(made.map((row) => row.name)).toEqual(["entries", "entries_expiry", "entries_version"]);
    await evictControl(name);
    expect((await controlOf(name).list(ALL)).total).toBe(2);
  });
});

describe("ControlObject, list()", () => {
  it("filters, and hands out every entry once, a page at a time", async () => {
    const control = controlOf(makeName());
    await control.putEntries([...buyers(25), makeEntry(), makeEntry({ list: "allow" })], CAUSE);
    const seen: string[] = [];
    for (let after: ListQuery["after"] = null, more = true; more; ) {
      const page = await control.list({ ...ALL, after, limit: 10 });
      seen.push(...page.entries.map(({ list, value }) => `${list} ${value}`));
      after = page.entries.at(-1) ?? null;
      ({ more } = page);
    }
    expect([seen.length, new Set(seen).size]).toEqual([27, 27]);
    expect((await control.list({ ...ALL, list: "allow" })).entries).toMatchObject([{ list: "allow" }]);
    expect((await control.list({ ...ALL, subject: "cidr" })).entries).toHaveLength(2);
    expect((await control.list({ ...ALL, value: "buyer-7" })).entries).toMatchObject([
      { value: "buyer-7", requestId: "test" },
    ]);
  });
});
