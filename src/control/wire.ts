/** What operators send about lists and limits, and what they get. One schema each: it validates, and the OpenAPI document is made from it. */
import * as v from "valibot";
import type { EntryKey, NewEntry } from "../../durable-objects/control/protocol.ts";
import type { FieldError } from "../refusal.ts";
import { ok, refused, type Result } from "../result.ts";
import { parseEntryValue } from "./entry-value.ts";

/** Entries in one call: one transaction of some ten milliseconds, during which the object answers nobody else. */
export const ENTRIES_PER_CALL_MAX = 2000;
/** Room for so many entries with a reason each; the general cap on bodies is smaller. */
export const LIST_BODY_BYTES_MAX = 262_144;
/** A sentence. In characters. */
const REASON_LENGTH_MAX = 200;
/** Ten years: what is meant to stay for ever has no expiry. */
const EXPIRY_MAX_SECONDS = 315_360_000;
/** An override outlives the sale that it was made for, and no longer. */
const OVERRIDE_MAX_SECONDS = 7 * 86_400;
/** As in a body of a round: a value in seconds is far below the least. */
const AT_MIN = 1_000_000_000_000;
const AT_MAX = 9_999_999_999_999;
/** List entries, or audit entries, in one answer: as many as are asked for, within bounds. */
const PAGE_MAX = 1000;
const PAGE_USUAL = 100;

const reason = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(REASON_LENGTH_MAX),
  v.check((text) => text.isWellFormed() && !text.includes("\0"), "Must be well-formed text"),
);
const list = v.picklist(["allow", "deny", "suspect"], 'Must be "allow", "deny" or "suspect"');
const subject = v.picklist(["cidr", "asn", "country", "buyer"], 'Must be "cidr", "asn", "country" or "buyer"');
const seconds = (most: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(most));
const at = v.pipe(
  v.number(),
  v.safeInteger(),
  v.minValue(AT_MIN, "Must be in milliseconds since the epoch"),
  v.maxValue(AT_MAX, "Must be in milliseconds since the epoch"),
);

const key = { list, subject, value: v.string() };

export const entryRequest = v.pipe(
  v.strictObject({
    ...key,
    expiresAt: v.optional(at),
    expiresInSeconds: v.optional(seconds(EXPIRY_MAX_SECONDS)),
    reason,
  }),
  v.forward(
    v.check(
      ({ expiresAt, expiresInSeconds }) => expiresAt === undefined || expiresInSeconds === undefined,
      "Must be absent where expiresAt is given",
    ),
    ["expiresInSeconds"],
  ),
);

export const entryKeyRequest = v.strictObject(key);

const entries = <Entry extends v.GenericSchema>(entry: Entry) =>
  v.strictObject({
    entries: v.pipe(v.array(entry), v.minLength(1), v.maxLength(ENTRIES_PER_CALL_MAX)),
  });

/** For the OpenAPI document. */
export const putEntriesRequest = entries(entryRequest);
export const removeEntriesRequest = entries(entryKeyRequest);
/** For the stage: each entry is checked by `parseEntries`, so that every wrong one is named. */
export const anyEntriesRequest = entries(v.unknown());

export const overrideRequest = v.strictObject({
  limit: v.exactOptional(v.number()),
  mode: v.exactOptional(v.picklist(["enforce", "shadow", "off"], 'Must be "enforce", "shadow" or "off"')),
  expiresInSeconds: seconds(OVERRIDE_MAX_SECONDS),
  reason,
});

/** Texts, as a query has them. */
const pageSize = v.pipe(
  v.optional(v.string(), String(PAGE_USUAL)),
  v.regex(/^\d{1,4}$/, `Must be a number from 1 to ${PAGE_MAX}`),
  v.toNumber(),
  v.minValue(1, `Must be a number from 1 to ${PAGE_MAX}`),
  v.maxValue(PAGE_MAX, `Must be a number from 1 to ${PAGE_MAX}`),
);

export const listQuery = v.pipe(
  v.strictObject({
    list: v.optional(list),
    subject: v.optional(subject),
    value: v.optional(v.string()),
    after: v.optional(v.string()),
    limit: pageSize,
  }),
  // A filter may be spelt like an entry; a text that is no such value matches nothing.
  v.transform((query) => {
    if (query.subject === undefined || query.value === undefined) return query;
    const canonical = parseEntryValue(query.subject, query.value);
    return "value" in canonical ? { ...query, value: canonical.value } : query;
  }),
);

export const auditQuery = v.strictObject({
  before: v.optional(v.pipe(v.string(), v.regex(/^\d{1,15}$/, "Must be an audit entry's number"), v.toNumber())),
  limit: pageSize,
});

/** Entries to put on the lists, in canonical form. Every wrong one is named; then none is taken. */
export function parseNewEntries(raw: readonly unknown[], now: number): Result<readonly NewEntry[]> {
  return parseEach(raw, entryRequest, ({ expiresAt, expiresInSeconds, ...entry }, canonical) => {
    const endsAt = expiresAt ?? (expiresInSeconds === undefined ? null : now + expiresInSeconds * 1000);
    if (endsAt !== null && endsAt <= now) return refused({ path: "expiresAt", message: "Must lie in the future" });
    return ok({ ...canonical, expiresAt: endsAt, reason: entry.reason });
  });
}

/** Entries to take off the lists, likewise. */
export function parseEntryKeys(raw: readonly unknown[]): Result<readonly EntryKey[]> {
  return parseEach(raw, entryKeyRequest, (_entry, canonical) => ok(canonical));
}

type Make<Parsed, Entry> = (parsed: Parsed, canonical: EntryKey) => Result<Entry, FieldError>;

function parseEach<Schema extends v.GenericSchema<unknown, EntryKey>, Entry>(
  raw: readonly unknown[],
  schema: Schema,
  make: Make<v.InferOutput<Schema>, Entry>,
): Result<readonly Entry[]> {
  const errors: FieldError[] = [];
  const made: Entry[] = [];
  for (const [index, one] of raw.entries()) {
    const entry = parseOne(one, schema, make);
    if (entry.ok) made.push(entry.value);
    else errors.push({ ...entry.refusal, path: joinPath(`entries.${index}`, entry.refusal.path) });
  }
  return errors.length === 0 ? ok(made) : refused({ code: "invalid-request", errors });
}

function parseOne<Schema extends v.GenericSchema<unknown, EntryKey>, Entry>(
  raw: unknown,
  schema: Schema,
  make: Make<v.InferOutput<Schema>, Entry>,
): Result<Entry, FieldError> {
  const parsed = v.safeParse(schema, raw);
  if (!parsed.success) return refused(fieldErrorOf(parsed.issues[0]));
  const { list: onList, subject: what, value: text } = parsed.output;
  const canonical = parseEntryValue(what, text);
  if ("problem" in canonical) return refused({ path: "value", message: canonical.problem });
  return make(parsed.output, { list: onList, subject: what, value: canonical.value });
}

export function fieldErrorOf(issue: v.BaseIssue<unknown>): FieldError {
  const path = v.getDotPath(issue) ?? "";
  if (issue.expected === "never") return { path, message: "Is not a known key" };
  if (issue.received === "undefined") return { path, message: "Is missing" };
  return { path, message: issue.message };
}

function joinPath(parent: string, path: string): string {
  return path === "" ? parent : `${parent}.${path}`;
}

const whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));

export const listResponse = v.strictObject({
  entries: v.array(
    v.strictObject({ ...key, expiresAt: v.nullable(time), reason: v.string(), addedAt: time, requestId: v.string() }),
  ),
  next: v.pipe(v.nullable(v.string()), v.description("For `after`: where the next page begins; null on the last")),
  total: v.pipe(whole, v.description("Entries in force, on all lists")),
  version: whole,
});

export const listChangeResponse = v.strictObject({ changed: whole, total: whole, version: whole });

export const overrideResponse = v.strictObject({
  policy: v.string(),
  limit: v.nullable(whole),
  mode: v.nullable(v.string()),
  expiresAt: time,
  reason: v.string(),
  setAt: time,
});

export const limitsResponse = v.strictObject({
  policies: v.array(v.looseObject({ name: v.string(), limit: whole, override: v.nullable(overrideResponse) })),
  /** Of policies that the configuration no longer has. */
  strayOverrides: v.array(overrideResponse),
});

export const controlAuditResponse = v.strictObject({
  entries: v.array(
    v.strictObject({ entry: whole, at: time, requestId: v.string(), action: v.string(), detail: v.unknown() }),
  ),
});
