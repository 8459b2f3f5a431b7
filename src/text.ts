/** Text that every part of the way can keep: Postgres stores no U+0000, and no text with half a surrogate pair. */
export function isStorable(text: string): boolean {
  return !text.includes("\u0000") && text.isWellFormed();
}
