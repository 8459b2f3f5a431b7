/** The operator's routes for lists and limits: who may, what is taken, and that the change is obeyed and written down. */
import * as v from "valibot";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  controlAuditResponse,
  ENTRIES_PER_CALL_MAX,
  limitsResponse,
  listChangeResponse,
  listResponse,
  overrideResponse,
} from "../../../src/control/wire.ts";
import { CAUSE, controlStub, gatewayOf, makeName, operator, POLICY, spyOn } from "./controlled-gateway.ts";

const START = 1_800_000_000_000;
const ENTRY = { list: "deny", subject: "cidr", value: "203.0.113.0/24", reason: "a test" };
const OVERRIDE = { limit: 5, expiresInSeconds: 600, reason: "a test" };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

function isolate() {
  const name = makeName();
  const spied = spyOn(name);
  return { control: controlStub(name), spied, ...gatewayOf(spied) };
}

function errorsOf({ body }: { readonly body: Record<string, unknown> }): readonly { path: string; message: string }[] {
  return body["errors"] as { path: string; message: string }[];
}

describe("T18 the operator's routes for lists and limits", () => {
  const ROUTES = [
    ["GET", "lists", undefined],
    ["POST", "lists", { entries: [ENTRY] }],
    ["POST", "lists/remove", { entries: [ENTRY] }],
    ["GET", "limits", undefined],
    ["PUT", `limits/${POLICY}`, OVERRIDE],
    ["DELETE", `limits/${POLICY}`, undefined],
    ["GET", "audit", undefined],
  ] as const;
  const STRANGERS = [
    ["nobody", {}],
    ["a buyer", { Authorization: "Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln" }],
    ["a wrong token", { Authorization: "Bearer an-operators-token-of-32-bytes-or-mora" }],
    ["another scheme", { Authorization: `Basic ${btoa("admin:admin")}` }],
  ] as const;

  it.each(
    ROUTES.flatMap(([method, path, body]) => STRANGERS.map(([who, headers]) => ({ method, path, body, who, headers }))),
  )("$method $path refuses $who, without a call to the object", async ({ method, path, body, headers }) => {
    const { admin, spied } = isolate();
    const answer = await admin(method, path, body, headers);
    expect([answer.status, answer.body["code"]]).toEqual([401, "admin-required"]);
    expect(spied.calls).toEqual([]);
  });

  it.each(ROUTES)("%s %s is the operator's", async (method, path, body) => {
    const { admin, control } = isolate();
    await control.setOverride(
      { policy: POLICY, limit: 5, mode: null, expiresAt: START + 1000, reason: "a test" },
      CAUSE,
    );
    expect(
      (
        await admin(
          method,
          path,
          body && path.endsWith("remove") ? { entries: [{ ...ENTRY, reason: undefined }] } : body,
        )
      ).status,
    ).toBeLessThan(300);
  });
});

describe("POST /v1/admin/lists", () => {
  it("takes entries in any spelling, and this isolate obeys at once", async () => {
    const { admin, buy } = isolate();
    expect((await buy({ address: "203.0.113.7" })).status).toBe(200);
    const put = await admin("POST", "lists", {
      entries: [
        ENTRY,
        { ...ENTRY, list: "allow", value: "203.0.113.9", expiresInSeconds: 60 },
        { ...ENTRY, subject: "asn", value: "AS64500", expiresAt: START + 5000 },
        { ...ENTRY, subject: "country", value: "de" },
        { ...ENTRY, subject: "buyer", value: "Mallory 1" },
      ],
    });
    expect(put.status).toBe(200);
    expect(v.parse(listChangeResponse, put.body)).toEqual({ changed: 5, total: 5, version: 5 });
    expect((await buy({ address: "203.0.113.7" })).code).toBe("not-eligible");
    expect((await buy({ address: "203.0.113.9" })).body).toMatchObject({ allowed: true });
    expect((await buy({ buyer: "Mallory 1" })).code).toBe("not-eligible");
    const { entries } = v.parse(listResponse, (await admin("GET", "lists")).body);
    expect(entries.map(({ value, expiresAt }) => [value, expiresAt])).toEqual([
      ["203.0.113.9/32", START + 60_000],
      ["64500", START + 5000],
      ["Mallory 1", null],
      ["203.0.113.0/24", null],
      ["DE", null],
    ]);
  });

  it.each([
    ["list", "block", 'Must be "allow", "deny" or "suspect"'],
    ["list", undefined, "Is missing"],
    ["subject", "ip", 'Must be "cidr", "asn", "country" or "buyer"'],
    ["value", "203.0.113.7/24", "Must have no bits beyond its prefix: 203.0.113.0/24"],
    ["value", "0.0.0.0/0", "Must have a prefix of at least 8 bits: a shorter one would lock out a part of the world"],
    ["value", 5, expect.any(String)],
    ["reason", "", expect.any(String)],
    ["reason", undefined, "Is missing"],
    ["reason", "x".repeat(201), expect.any(String)],
    ["expiresAt", START, "Must lie in the future"],
    ["expiresAt", START / 1000, "Must be in milliseconds since the epoch"],
    ["expiresInSeconds", 0, expect.any(String)],
    ["expiresInSeconds", 1.5, expect.any(String)],
    ["note", "x", "Is not a known key"],
  ])("refuses %s = %j and names it, and takes nothing of the call", async (key, value, message) => {
    const { admin, control } = isolate();
    const answer = await admin("POST", "lists", { entries: [ENTRY, { ...ENTRY, [key]: value }] });
    expect([answer.status, answer.body["code"]]).toEqual([400, "invalid-request"]);
    expect(errorsOf(answer)).toEqual([{ path: `entries.1.${key}`, message }]);
    expect(await control.version()).toBe(0);
  });

  it("names every wrong entry of a call", async () => {
    const { admin, control } = isolate();
    const entries = Array.from({ length: 300 }, (_, index) => ({
      ...ENTRY,
      value: index % 3 === 0 ? "203.0.113" : ENTRY.value,
    }));
    const errors = errorsOf(await admin("POST", "lists", { entries }));
    expect(errors.map(({ path }) => path)).toEqual(
      Array.from({ length: 100 }, (_, index) => `entries.${index * 3}.value`),
    );
    expect(await control.version()).toBe(0);
  });

  it.each([
    ["no entries", { entries: [] }],
    ["more than a call takes", { entries: Array.from({ length: ENTRIES_PER_CALL_MAX + 1 }, () => ENTRY) }],
    ["no list of entries", { entries: ENTRY }],
    ["entries that are none", { entries: [null, 1, "203.0.113.0/24", [], {}] }],
    ["both expiries", { entries: [{ ...ENTRY, expiresAt: START + 1, expiresInSeconds: 1 }] }],
    ["another key", { entries: [ENTRY], dryRun: true }],
    ["T19 a prototype's key", `{"entries":[{"__proto__":{"list":"deny"},"list":"deny"}]}`],
    ["no JSON", "entries"],
  ])("refuses %s", async (_name, body) => {
    const { admin, spied } = isolate();
    expect(await admin("POST", "lists", body)).toMatchObject({ status: 400, body: { code: "invalid-request" } });
    expect(spied.calls).toEqual([]);
  });

  it("takes suspects, in bulk, with an end and a reason; the isolate obeys at once, and the audit list has them", async () => {
    const { admin, buy } = isolate();
    const suspects = [
      { ...ENTRY, list: "suspect", expiresInSeconds: 60, reason: "seen in June" },
      { ...ENTRY, list: "suspect", subject: "asn", value: "AS64500" },
    ];
    expect((await buy({ address: "203.0.113.7" })).body.suspects).toEqual([]);
    expect((await admin("POST", "lists", { entries: suspects })).body).toMatchObject({ changed: 2, total: 2 });
    expect((await buy({ address: "203.0.113.7", cf: { asn: 64_500 } })).body.suspects).toEqual(["cidr", "asn"]);
    const { entries } = v.parse(listResponse, (await admin("GET", "lists?list=suspect")).body);
    expect(entries).toMatchObject([
      { subject: "asn", value: "64500", expiresAt: null },
      { subject: "cidr", value: "203.0.113.0/24", expiresAt: START + 60_000, reason: "seen in June" },
    ]);
    const { reason: _, ...key } = { ...ENTRY, list: "suspect" };
    expect((await admin("POST", "lists/remove", { entries: [key] })).body).toMatchObject({ changed: 1, total: 1 });
    expect((await buy({ address: "203.0.113.7" })).body.suspects).toEqual([]);
    const audit = v.parse(controlAuditResponse, (await admin("GET", "audit")).body);
    expect(audit.entries.map(({ action }) => action)).toEqual(["remove-entries", "put-entries"]);
    expect(audit.entries[1]?.detail).toMatchObject({ entries: 2, reasons: ["seen in June", "a test"] });
  });

  it("takes as many entries as a call may have, and replaces those that are there", async () => {
    const { admin } = isolate();
    const entries = Array.from({ length: ENTRIES_PER_CALL_MAX }, (_, index) => ({
      ...ENTRY,
      subject: "buyer",
      value: `b${index}`,
    }));
    expect((await admin("POST", "lists", { entries })).body).toMatchObject({ total: ENTRIES_PER_CALL_MAX });
    expect((await admin("POST", "lists", { entries })).body).toMatchObject({ total: ENTRIES_PER_CALL_MAX });
  });
});

describe("forgetControl()", () => {
  it("an answer to a question from before the change does not pass for a new one", async () => {
    const { admin, buy, settled, spied } = isolate();
    await buy();
    vi.setSystemTime(START + 1500);
    const held = Promise.withResolvers<unknown>();
    spied.instead = async (method) => (method === "snapshot" ? held.promise : undefined);
    await buy();
    await admin("POST", "lists", { entries: [ENTRY] });
    spied.instead = null;
    held.resolve({ kind: "same", version: 0 });
    await settled();
    expect((await buy({ address: "203.0.113.7" })).code).toBe("not-eligible");
  });
});

describe("POST /v1/admin/lists/remove", () => {
  it("takes entries off, in any spelling, and passes over what is not there", async () => {
    const { admin, buy } = isolate();
    await admin("POST", "lists", { entries: [{ ...ENTRY, value: "2001:db8::/32" }, ENTRY] });
    expect((await buy({ address: "2001:db8::1" })).status).toBe(403);
    const { reason: _, ...key } = ENTRY;
    const removed = await admin("POST", "lists/remove", {
      entries: [
        { ...key, value: "2001:0DB8:0::/32" },
        { ...key, value: "198.51.100.1" },
      ],
    });
    expect(v.parse(listChangeResponse, removed.body)).toMatchObject({ changed: 1, total: 1 });
    expect((await buy({ address: "2001:db8::1" })).status).toBe(200);
    expect(errorsOf(await admin("POST", "lists/remove", { entries: [ENTRY] }))).toEqual([
      { path: "entries.0.reason", message: "Is not a known key" },
    ]);
  });
});

describe("GET /v1/admin/lists", () => {
  it("filters, and goes on where the last page ended", async () => {
    const { admin } = isolate();
    const buyers = Array.from({ length: 7 }, (_, index) => ({ ...ENTRY, subject: "buyer", value: `买家/${index}` }));
    await admin("POST", "lists", { entries: [...buyers, ENTRY] });
    const values: string[] = [];
    let path: string | null = "lists?limit=3";
    while (path !== null) {
      const page: v.InferOutput<typeof listResponse> = v.parse(listResponse, (await admin("GET", path)).body);
      expect(page.total).toBe(8);
      values.push(...page.entries.map(({ value }) => value));
      path = page.next === null ? null : `lists?limit=3&after=${page.next}`;
    }
    expect(values).toEqual([...buyers.map(({ value }) => value), ENTRY.value]);
    const found = v.parse(listResponse, (await admin("GET", "lists?subject=cidr&value=::ffff:203.0.113.0/120")).body);
    expect(found.entries).toMatchObject([{ value: ENTRY.value, addedAt: START, requestId: "request-1" }]);
    expect((await admin("GET", "lists?list=allow")).body["entries"]).toEqual([]);
  });

  it.each(["limit=0", "limit=1001", "limit=x", "list=block", "subject=ip", "after=x", "after=e30", "page=2"])(
    "refuses ?%s and names it",
    async (query) => {
      const answer = await isolate().admin("GET", `lists?${query}`);
      expect(answer.status).toBe(400);
      expect(errorsOf(answer)).toMatchObject([{ path: query.split("=")[0] }]);
    },
  );
});

describe("/v1/admin/limits", () => {
  it("PUT overrides a policy for a while, GET shows both, DELETE restores it", async () => {
    const { admin, buy } = isolate();
    await buy();
    const put = await admin("PUT", `limits/${POLICY}`, OVERRIDE);
    const override = {
      policy: POLICY,
      limit: 5,
      mode: null,
      expiresAt: START + 600_000,
      reason: "a test",
      setAt: START,
    };
    expect(v.parse(overrideResponse, put.body)).toEqual(override);
    expect((await buy()).body.overrides).toEqual({ [POLICY]: { limit: 5, expiresAt: START + 600_000 } });
    const shown = v.parse(limitsResponse, (await admin("GET", "limits")).body);
    expect(shown).toEqual({ policies: [{ name: POLICY, limit: 60, override }], strayOverrides: [] });
    expect((await admin("DELETE", `limits/${POLICY}`)).status).toBe(204);
    expect((await buy()).body.overrides).toEqual({});
    expect((await admin("DELETE", `limits/${POLICY}`)).status).toBe(404);
  });

  it("a second override replaces the first whole, and an override ends by the clock", async () => {
    const { admin } = isolate();
    await admin("PUT", `limits/${POLICY}`, OVERRIDE);
    const { limit: _, ...rest } = OVERRIDE;
    expect((await admin("PUT", `limits/${POLICY}`, { ...rest, mode: "shadow" })).body).toMatchObject({
      limit: null,
      mode: "shadow",
    });
    vi.setSystemTime(START + 600_000);
    expect((await admin("GET", "limits")).body).toMatchObject({ policies: [{ override: null }] });
  });

  it("an override of a policy that is configured no more is shown, and can be deleted", async () => {
    const { admin, control } = isolate();
    await control.setOverride(
      { policy: "gone", limit: 5, mode: null, expiresAt: START + 1000, reason: "a test" },
      CAUSE,
    );
    expect((await admin("GET", "limits")).body).toMatchObject({ strayOverrides: [{ policy: "gone" }] });
    expect((await admin("DELETE", "limits/gone")).status).toBe(204);
  });

  it.each([
    ["expiresInSeconds", undefined],
    ["expiresInSeconds", 0],
    ["expiresInSeconds", 7 * 86_400 + 1],
    ["reason", undefined],
    ["reason", ""],
    ["mode", "on"],
    ["limit", "5"],
    ["window", 5],
  ])("refuses %s = %j and names it", async (key, value) => {
    const { admin, spied } = isolate();
    const answer = await admin("PUT", `limits/${POLICY}`, { ...OVERRIDE, [key]: value });
    expect(answer.status).toBe(400);
    expect(errorsOf(answer)).toMatchObject([{ path: key }]);
    expect(spied.calls).toEqual([]);
  });

  it("refuses what the policy does not allow, and a policy that does not exist", async () => {
    const { admin, spied } = isolate();
    const { limit: _, ...nothing } = OVERRIDE;
    expect((await admin("PUT", `limits/${POLICY}`, nothing)).status).toBe(400);
    for (const policy of ["nobody", "__proto__", "x".repeat(1000)]) {
      expect((await admin("PUT", `limits/${policy}`, OVERRIDE)).status).toBe(404);
    }
    expect(spied.calls).toEqual([]);
  });
});

describe("GET /v1/admin/audit", () => {
  it("has every change with time and request id, the newest first, a page at a time", async () => {
    const { admin } = isolate();
    await admin("POST", "lists", { entries: [ENTRY] }, { ...operator(), "test-request": "r-1" });
    vi.setSystemTime(START + 1000);
    await admin("PUT", `limits/${POLICY}`, OVERRIDE, { ...operator(), "test-request": "r-2" });
    await admin("POST", "lists", { entries: [{}] });
    const { entries } = v.parse(controlAuditResponse, (await admin("GET", "audit")).body);
    expect(entries.map(({ at, requestId, action }) => [at - START, requestId, action])).toEqual([
      [1000, "r-2", "set-override"],
      [0, "r-1", "put-entries"],
    ]);
    const older = v.parse(controlAuditResponse, (await admin("GET", `audit?before=${entries[0]?.entry}&limit=1`)).body);
    expect(older.entries).toEqual([entries[1]]);
    expect((await admin("GET", "audit?before=x")).status).toBe(400);
  });
});

describe("F8 the operator's routes when the control object fails", () => {
  it.each([
    [{ overloaded: true }, 1],
    [{ retryable: true }, 3],
  ])("%j is overloaded, after %i attempts", async (properties, attempts) => {
    const { admin, spied } = isolate();
    spied.instead = () => Promise.reject(Object.assign(new Error("trouble"), properties));
    const answer = await admin("POST", "lists", { entries: [ENTRY] });
    expect([answer.status, answer.body["code"], answer.headers.get("Retry-After")]).toEqual([503, "overloaded", "1"]);
    expect(spied.calls).toHaveLength(attempts);
  });

  it("a change is made once more where its answer was lost, and is one change", async () => {
    const { admin, control, spied } = isolate();
    let lost = false;
    spied.instead = async () => {
      if (lost) return undefined;
      lost = true;
      await control.putEntries(
        [{ list: "deny", subject: "cidr", value: "203.0.113.0/24", expiresAt: null, reason: "a test" }],
        CAUSE,
      );
      throw Object.assign(new Error("lost"), { retryable: true });
    };
    expect((await admin("POST", "lists", { entries: [ENTRY] })).body).toMatchObject({ total: 1 });
  });
});
