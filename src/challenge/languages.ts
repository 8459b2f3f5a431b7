/** In which language a question is put: `?lang` first, then the browser's list, then English. */
import { parseAccept } from "hono/utils/accept";

export const LANGUAGES = ["en", "zh"] as const;

export type Language = (typeof LANGUAGES)[number];

/** A browser's list is short; of a longer one the beginning counts. In characters. */
const HEADER_LENGTH_MAX = 256;

/** `wanted`: the query's word, if any; `header`: Accept-Language (RFC 9110, section 12.5.4), if any. */
export function decideLanguage(wanted: string | undefined, header: string | undefined): Language {
  const accepted = parseAccept((header ?? "").slice(0, HEADER_LENGTH_MAX)).filter(({ q }) => q > 0);
  for (const tag of [wanted ?? "", ...accepted.map(({ type }) => type)]) {
    const primary = tag.toLowerCase().split("-")[0];
    const known = LANGUAGES.find((language) => language === primary);
    if (known !== undefined) return known;
  }
  return "en";
}
