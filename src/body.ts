/**
 * Bodies: strict JSON, checked against a schema that knows every key. How long one may be the edge sees to as it arrives.
 *
 * Unknown keys are refused, also those that every JavaScript object seems to have (`__proto__`, `constructor`).
 */
import type { Context } from "hono";
import * as v from "valibot";
import type { AppEnv } from "./context.ts";
import type { FieldError, RefusalOf } from "./refusal.ts";
import { ok, refused, type Result } from "./result.ts";

/** No call needs more than some hundred bytes; the cap leaves room for challenges and long reasons. */
export const BODY_BYTES_MAX = 8192;
/** Faults told at once: enough to mend a request, no more than a client can read. */
const ERRORS_TOLD_MAX = 16;
/**
 * Objects and lists inside one another, the body itself not counted: twice what the deepest call takes (a proof of work's
 * answer has four). Without a bound a body of brackets alone is deeper than the stack.
 */
const NESTING_MAX = 8;

/** Made once: making one takes longer than decoding a body. */
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** Of a body whose sender stopped in the middle, or framed it wrongly: his fault, and not ours. */
export const BROKEN_BODY: RefusalOf<"invalid-request"> = {
  code: "invalid-request",
  errors: [{ path: "", message: "The body did not arrive whole" }],
};

/** The body as JSON of the schema's shape. `emptyIs` stands for a body that is not there. */
export async function readJson<Schema extends v.GenericSchema>(
  c: Context,
  schema: Schema,
  emptyIs?: unknown,
): Promise<Result<v.InferOutput<Schema>>> {
  const bytes = await readBytes(c);
  return bytes.ok ? parseJson(bytes.value, schema, emptyIs) : bytes;
}

/** The body as it came, for whoever asks. Kept here: hono's own keeping costs as much as the reading (decision 0036). */
export async function readBytes(c: Context): Promise<Result<Uint8Array>> {
  const known = bodyOf(c);
  if (known !== undefined) return ok(known);
  try {
    const bytes = new Uint8Array(await c.req.raw.arrayBuffer());
    keepBody(c, bytes);
    return ok(bytes);
  } catch (fault) {
    // Somebody read it past this: a defect.
    if (fault instanceof TypeError) throw fault;
    return refused(BROKEN_BODY);
  }
}

// Apart, because the compiler knows the variables of a context only where its kind is named.
function bodyOf(c: Context<AppEnv>): Uint8Array | undefined {
  return c.get("body");
}

function keepBody(c: Context<AppEnv>, bytes: Uint8Array): void {
  c.set("body", bytes);
}

export function parseJson<Schema extends v.GenericSchema>(
  bytes: Uint8Array,
  schema: Schema,
  emptyIs?: unknown,
): Result<v.InferOutput<Schema>> {
  let body: unknown;
  try {
    const text = DECODER.decode(bytes);
    body = text === "" && emptyIs !== undefined ? emptyIs : JSON.parse(text);
  } catch {
    return invalid([{ path: "", message: "The body is not JSON in UTF-8" }]);
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return invalid([{ path: "", message: "The body is not a JSON object" }]);
  }
  const foreign = foreignKeys(body, "", 0);
  if (foreign.length > 0) return invalid(foreign);
  const parsed = v.safeParse(schema, body);
  return parsed.success ? ok(parsed.output) : invalid(parsed.issues.map(toFieldError));
}

function invalid(errors: readonly FieldError[]): Result<never> {
  return refused({ code: "invalid-request", errors: errors.slice(0, ERRORS_TOLD_MAX) });
}

/** Keys that a schema's own lookup would take for known, because every object inherits them; and what lies deeper than any call goes. */
function foreignKeys(value: unknown, path: string, depth: number): FieldError[] {
  if (typeof value !== "object" || value === null) return [];
  if (depth > NESTING_MAX) return [{ path, message: "Is nested too deeply" }];
  return Object.entries(value).flatMap(([key, child]) => {
    const childPath = path === "" ? key : `${path}.${key}`;
    if (key in Object.prototype) return [{ path: childPath, message: "Is not a known key" }];
    return foreignKeys(child, childPath, depth + 1);
  });
}

function toFieldError(issue: v.BaseIssue<unknown>): FieldError {
  const path = v.getDotPath(issue) ?? "";
  if (issue.expected === "never") return { path, message: "Is not a known key" };
  if (issue.received === "undefined") return { path, message: "Is missing" };
  return { path, message: issue.message };
}
