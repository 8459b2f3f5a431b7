/**
 * What the gateway writes into its log: one JSON object a line, tagged by `event`. `docs/operations.md` names them all.
 *
 * Never a token, a secret, a body or a connection string: of a fault only its name and message, of a request its id.
 */

export type LogLevel = "info" | "warn" | "error";

export function logEvent(level: LogLevel, event: string, fields: Readonly<Record<string, unknown>> = {}): void {
  console[level](JSON.stringify({ level, event, ...fields }));
}

/** A fault as the log has it. */
export function describeFault(fault: unknown): string {
  return fault instanceof Error ? `${fault.name}: ${fault.message}` : String(fault);
}
