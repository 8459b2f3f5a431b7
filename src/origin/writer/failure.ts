/** What kind of failure an error from the database is: what to do next depends on nothing else. */

/**
 * `data`: this content can never be, or cannot be yet; other events may pass. `conflict`: the same again may well pass.
 * `unavailable`: Postgres is away, overloaded or not set up; nothing would pass now.
 */
export type FailureKind = "data" | "conflict" | "unavailable";

/** What the failure is about, without anything that could be a secret or a buyer's. */
export interface Failure {
  readonly kind: FailureKind;
  /** SQLSTATE, or the driver's or the runtime's code or name. */
  readonly code: string;
  /** The constraint that was violated, if one was. */
  readonly constraint: string | undefined;
}

/** A row was not as it had been read, although it was locked: somebody writes without asking for the lock. */
export class WriteConflict extends Error {
  override readonly name = "WriteConflict";
  readonly code = "WRITE_CONFLICT";
}

/** SQLSTATE classes (https://www.postgresql.org/docs/current/errcodes-appendix.html) that mean the content. */
const DATA_CLASSES = new Set([
  "22", // data exception
  "23", // integrity constraint violation
  "54", // program limit exceeded, as by a key that is too long
]);

/** Transaction rollback: serialisation failure, deadlock. */
const CONFLICT_CLASS = "40";

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** Tells what an error means. Anything unknown is `unavailable`: trying again later is never wrong. */
export function classifyFailure(error: unknown): Failure {
  const code = readText(error, "code") ?? (error instanceof Error ? error.name : "unknown");
  const constraint = readText(error, "constraint_name");
  return { kind: decideKind(error, code), code, constraint };
}

function decideKind(error: unknown, code: string): FailureKind {
  if (error instanceof WriteConflict) return "conflict";
  // Only the server's own errors have a severity; codes of the driver and of the runtime may look like any other.
  if (readText(error, "severity") === undefined || !SQLSTATE.test(code)) return "unavailable";
  const sqlClass = code.slice(0, 2);
  if (DATA_CLASSES.has(sqlClass)) return "data";
  return sqlClass === CONFLICT_CLASS ? "conflict" : "unavailable";
}

function readText(error: unknown, key: string): string | undefined {
  if (typeof error !== "object" || error === null || !(key in error)) return undefined;
  const value: unknown = Reflect.get(error, key);
  return typeof value === "string" && value !== "" ? value : undefined;
}
