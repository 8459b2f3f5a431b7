/**
 * A page of list entries as one text: made once by the object and handed to many isolates, because one long text crosses between
 * them at the cost of a copy, and twenty thousand objects do not. A rule only.
 */
import type { ListedEntry, ListKind, ListSubject } from "./protocol.ts";

type Row = readonly [ListKind, ListSubject, string, number | null];

export function encodePage(entries: readonly ListedEntry[]): string {
  return JSON.stringify(
    entries.map(({ list, subject, value, expiresAt }) => [list, subject, value, expiresAt] satisfies Row),
  );
}

/** @param page made by `encodePage`: it comes from the object, and is not checked again. */
export function decodePage(page: string): readonly ListedEntry[] {
  return (JSON.parse(page) as readonly Row[]).map(([list, subject, value, expiresAt]) => ({
    list,
    subject,
    value,
    expiresAt,
  }));
}
