import { describe, expect, it } from "vitest";
import { decideLanguage } from "../../../src/challenge/languages.ts";

describe("decideLanguage", () => {
  it.each([
    [undefined, undefined, "en"],
    [undefined, "zh-CN,zh;q=0.9,en;q=0.8", "zh"],
    [undefined, "fr, en;q=0.3, zh-Hant;q=0.7", "zh"],
    [undefined, "zh;q=0, en", "en"],
    [undefined, "fr", "en"],
    [undefined, "*", "en"],
    ["zh", "en", "zh"],
    ["en-GB", "zh", "en"],
    ["fr", "zh", "zh"],
    ["", ";;,,q=", "en"],
    [undefined, "x,".repeat(10_000), "en"],
  ])("of ?lang=%s and %.40s decides %s", (wanted, header, language) => {
    expect(decideLanguage(wanted, header)).toBe(language);
  });
});
