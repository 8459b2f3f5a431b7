/**
 * The operator's routes for what changes without a deploy: lists, overrides of limits, and the audit list of both.
 *
 * A change is told to the control object, and this isolate forgets its copy; the edge obeys within two seconds.
 */
import type { Context } from "hono";
import * as v from "valibot";
import type { ControlApi, EntryKey, OverrideEntry, PolicyOverride } from "../../durable-objects/control/protocol.ts";
import { readJson } from "../body.ts";
import type { AppEnv } from "../context.ts";
import { callControl } from "../control/control-calls.ts";
import {
  anyEntriesRequest,
  auditQuery,
  entryKeyRequest,
  fieldErrorOf,
  listQuery,
  overrideRequest,
  parseEntryKeys,
  parseNewEntries,
} from "../control/wire.ts";
import type { Policy } from "../limits/policy.ts";
import { refuse } from "../problem.ts";
import type { RefusalOf } from "../refusal.ts";
import { ok, refused, type Result } from "../result.ts";

export interface ControlRouteOptions {
  /** After a change: this isolate's next request asks the object. */
  readonly forgetControl: (env: Env) => void;
  /** What a policy lets an operator override; the limits know. */
  readonly parsePolicyOverride: (raw: unknown, policy: Policy) => Result<PolicyOverride, RefusalOf<"invalid-request">>;
}

type Handler = (c: Context<AppEnv>) => Promise<Response>;

/** GET /v1/admin/lists: entries in force, filtered, a page at a time. */
export function showLists(): Handler {
  return async function showListEntries(c) {
    const query = readQuery(c, listQuery);
    if (!query.ok) return refuse(c, query.refusal);
    const { list = null, subject = null, value = null, limit } = query.value;
    const after = query.value.after === undefined ? ok(null) : decodeCursor(query.value.after);
    if (!after.ok) return refuse(c, after.refusal);
    const wanted = { list, subject, value, after: after.value, limit };
    return answer(
      c,
      await callControl(c.env, (control) => control.list(wanted)),
      ({ entries, more, total, version }) => {
        const last = entries.at(-1);
        return { entries, next: more && last !== undefined ? encodeCursor(last) : null, total, version };
      },
    );
  };
}

/** POST /v1/admin/lists: entries are put on the lists, all or none; what stands there already is replaced. */
export function putListEntries({ forgetControl }: ControlRouteOptions): Handler {
  return async function putEntries(c) {
    const body = await readJson(c, anyEntriesRequest);
    if (!body.ok) return refuse(c, body.refusal);
    const entries = parseNewEntries(body.value.entries, Date.now());
    if (!entries.ok) return refuse(c, entries.refusal);
    const called = await changeControl(c, forgetControl, (control) => control.putEntries(entries.value, causeOf(c)));
    if (!called.ok) return refuse(c, called.refusal);
    return answer(c, called.value, (change) => change);
  };
}

/** POST /v1/admin/lists/remove: entries are taken off the lists; what is not there is passed over. */
export function removeListEntries({ forgetControl }: ControlRouteOptions): Handler {
  return async function removeEntries(c) {
    const body = await readJson(c, anyEntriesRequest);
    if (!body.ok) return refuse(c, body.refusal);
    const keys = parseEntryKeys(body.value.entries);
    if (!keys.ok) return refuse(c, keys.refusal);
    const called = await changeControl(c, forgetControl, (control) => control.removeEntries(keys.value, causeOf(c)));
    return answer(c, called, (change) => change);
  };
}

/** GET /v1/admin/limits: the policies as configured, each with its override in force. */
export function showLimits(): Handler {
  return async function showPolicies(c) {
    const { policies } = c.get("config").limits;
    return answer(c, await callControl(c.env, (control) => control.overrides()), (overrides) => {
      const byPolicy = new Map(overrides.map((override) => [override.policy, override]));
      const known = new Set(policies.map(({ name }) => name));
      return {
        policies: policies.map((policy) => ({ ...policy, override: byPolicy.get(policy.name) ?? null })),
        strayOverrides: overrides.filter(({ policy }) => !known.has(policy)),
      };
    });
  };
}

/** PUT /v1/admin/limits/{policy}: another limit or mode for a while. A second override replaces the first whole. */
export function putOverride({ forgetControl, parsePolicyOverride }: ControlRouteOptions): Handler {
  return async function overridePolicy(c) {
    const policy = c.get("config").limits.policies.find(({ name }) => name === c.req.param("policy"));
    if (policy === undefined) return refuse(c, { code: "not-found" });
    const body = await readJson(c, overrideRequest);
    if (!body.ok) return refuse(c, body.refusal);
    const { expiresInSeconds, reason, ...wanted } = body.value;
    const expiresAt = Date.now() + expiresInSeconds * 1000;
    const override = parsePolicyOverride({ ...wanted, expiresAt }, policy);
    if (!override.ok) return refuse(c, override.refusal);
    const entry: Omit<OverrideEntry, "setAt"> = {
      policy: policy.name,
      limit: override.value.limit ?? null,
      mode: override.value.mode ?? null,
      expiresAt,
      reason,
    };
    const called = await changeControl(c, forgetControl, (control) => control.setOverride(entry, causeOf(c)));
    return answer(c, called, (set) => set);
  };
}

/** DELETE /v1/admin/limits/{policy}: back to what is configured; also of a policy that is configured no more. */
export function deleteOverride({ forgetControl }: ControlRouteOptions): Handler {
  return async function restorePolicy(c) {
    const policy = c.req.param("policy") ?? "";
    const called = await changeControl(c, forgetControl, (control) => control.removeOverride(policy, causeOf(c)));
    if (!called.ok) return refuse(c, called.refusal);
    return called.value ? c.body(null, 204) : refuse(c, { code: "not-found" });
  };
}

/** GET /v1/admin/audit: who changed lists and limits, and when; the newest first. */
export function showControlAudit(): Handler {
  return async function showAuditOfControl(c) {
    const query = readQuery(c, auditQuery);
    if (!query.ok) return refuse(c, query.refusal);
    const { before = null, limit } = query.value;
    return answer(c, await callControl(c.env, (control) => control.audit(before, limit)), (entries) => ({ entries }));
  };
}

function causeOf(c: Context<AppEnv>) {
  return { requestId: c.get("requestId") };
}

async function changeControl<Value>(
  c: Context<AppEnv>,
  forgetControl: ControlRouteOptions["forgetControl"],
  change: (control: ControlApi) => Promise<Value>,
) {
  const called = await callControl(c.env, change);
  // Also when the answer was lost: the change may have been made.
  forgetControl(c.env);
  return called;
}

function answer<Value>(c: Context<AppEnv>, result: Result<Value>, tell: (value: Value) => object): Response {
  if (!result.ok) return refuse(c, result.refusal);
  c.header("Cache-Control", "no-store");
  return c.json(tell(result.value));
}

function readQuery<Schema extends v.GenericSchema>(c: Context<AppEnv>, schema: Schema): Result<v.InferOutput<Schema>> {
  const parsed = v.safeParse(schema, { ...c.req.query() });
  return parsed.success
    ? ok(parsed.output)
    : refused({ code: "invalid-request", errors: parsed.issues.map(fieldErrorOf) });
}

function encodeCursor({ list, subject, value }: EntryKey): string {
  const bytes = new TextEncoder().encode(JSON.stringify({ list, subject, value }));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

function decodeCursor(cursor: string): Result<EntryKey> {
  try {
    const bytes = Uint8Array.fromBase64(cursor, { alphabet: "base64url" });
    return ok(v.parse(entryKeyRequest, JSON.parse(new TextDecoder().decode(bytes))));
  } catch {
    return refused({
      code: "invalid-request",
      errors: [{ path: "after", message: "Must be `next` of the page before" }],
    });
  }
}
