/** Which language the page speaks: `?lang` first, then the browser's list, then English. */
import type { Words } from "./words.ts";
import { ENGLISH } from "./words-en.ts";
import { CHINESE } from "./words-zh.ts";

export const LANGUAGES = { en: ENGLISH, zh: CHINESE } as const satisfies Readonly<Record<string, Words>>;
export type Language = keyof typeof LANGUAGES;

export function isLanguage(value: unknown): value is Language {
  return typeof value === "string" && Object.hasOwn(LANGUAGES, value);
}

/** The language's words, with numbers and times as the buyer's region writes them: `en-GB` rather than `en`. */
export function wordsFor(language: Language, preferred: readonly string[]): Words {
  const words = LANGUAGES[language];
  const regional = preferred.find((tag) => tag.toLowerCase().split("-")[0] === language);
  return { ...words, locale: regional ?? words.locale };
}

/** `wanted`: the query's word, if any; `preferred`: BCP 47 tags, best first. */
export function decideLanguage(wanted: string | null, preferred: readonly string[]): Language {
  for (const tag of [wanted ?? "", ...preferred]) {
    const primary = tag.toLowerCase().split("-")[0];
    if (isLanguage(primary)) return primary;
  }
  return "en";
}
