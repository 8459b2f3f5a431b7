/** What the page shows and says, without a document. */
import { describe, expect, test } from "vitest";
import { GATEWAY_CODES } from "../../client/outcome.ts";
import { decideAnnouncement } from "../../client/page/attention.ts";
import {
  decideSpokenMark,
  formatDuration,
  formatMoment,
  formatPrice,
  formatTime,
  splitRemaining,
} from "../../client/page/formats.ts";
import { decideLanguage, LANGUAGES, wordsFor } from "../../client/page/language.ts";
import { decideScreen } from "../../client/page/screen.ts";
import { INITIAL_STATE, type SaleState } from "../../client/sale-state.ts";
import { ORDER, PRODUCT, refusal } from "./documents.ts";

const NOW = PRODUCT.opensAt + 10_000;
const EN = LANGUAGES.en;

function screen(change: Partial<SaleState> = {}, now: number = NOW) {
  return decideScreen({ ...INITIAL_STATE, product: PRODUCT, ...change }, now, EN);
}

test.each([
  [0, { days: 0, hours: 0, minutes: 0, seconds: 0 }],
  [1, { days: 0, hours: 0, minutes: 0, seconds: 1 }],
  [1_000, { days: 0, hours: 0, minutes: 0, seconds: 1 }],
  [1_001, { days: 0, hours: 0, minutes: 0, seconds: 2 }],
  [90_061_000, { days: 1, hours: 1, minutes: 1, seconds: 1 }],
  [-5_000, { days: 0, hours: 0, minutes: 0, seconds: 0 }],
])("splitRemaining of %d ms", (remainingMs, expected) => {
  expect(splitRemaining(remainingMs)).toEqual(expected);
});

test("splitRemaining shows a second until its very end: 0 only at the moment itself", () => {
  expect(splitRemaining(1).seconds).toBe(1);
  expect(splitRemaining(0).seconds).toBe(0);
});

test.each([
  ["en", 1999, "EUR", "€19.99"],
  ["en", 1999, "JPY", "¥1,999"],
  ["en", 1999, "KWD", "KWD 1.999"],
  ["zh-CN", 9900, "CNY", "¥99.00"],
  ["en", 5, "no currency", "5 no currency"],
])("formatPrice in %s of %d %s", (locale, price, currency, expected) => {
  expect(formatPrice(locale, price, currency).replaceAll("\u00a0", " ")).toBe(expected);
});

test.each([
  ["en", 0, "0 seconds"],
  ["en", 1, "1 second"],
  ["en", 300, "5 minutes"],
  ["en", 5_400, "1 hour 30 minutes"],
  ["zh-CN", 300, "5分钟"],
])("formatDuration in %s of %d s", (locale, seconds, expected) => {
  expect(formatDuration(locale, seconds)).toBe(expected);
});

test.each([
  [undefined, 59_000, undefined],
  [61_000, 60_000, 60],
  [60_000, 59_000, undefined],
  [10_500, 9_500, 10],
  // A page that slept says the last mark that it passed, not all of them.
  [700_000, 25_000, 30],
  [11_000, 0, undefined],
])("decideSpokenMark from %s to %s ms", (previousMs, remainingMs, expected) => {
  expect(decideSpokenMark(previousMs, remainingMs)).toBe(expected);
});

test.each([
  ["zh", ["en"], "zh"],
  ["zh-TW", ["en"], "zh"],
  [null, ["de", "zh-CN", "en"], "zh"],
  [null, ["de"], "en"],
  ["constructor", [], "en"],
])("decideLanguage of %j and %j", (wanted, preferred, expected) => {
  expect(decideLanguage(wanted, preferred)).toBe(expected);
});

test("wordsFor writes numbers and times as the buyer's region does", () => {
  expect(wordsFor("en", ["zh-CN", "en-GB"]).locale).toBe("en-GB");
  expect(wordsFor("zh", ["en-GB"]).locale).toBe("zh-CN");
});

describe.each(["en", "zh"] as const)("words: %s", (language) => {
  test("every code has words of its own kind", () => {
    for (const code of [...GATEWAY_CODES, "network", "unexpected"] as const) {
      expect(LANGUAGES[language].refusal[code].length).toBeGreaterThan(2);
    }
  });
});

describe("decideScreen", () => {
  test("upcoming: a grey button that says when it lights, and a countdown", () => {
    const shown = screen({ product: { ...PRODUCT, state: "upcoming", opensAt: NOW + 61_000 } });
    expect(shown.buy).toMatchObject({ enabled: false, label: EN.notOpen });
    expect(shown.countdown).toMatchObject({ kind: "opening", remainingMs: 61_000 });
  });

  test("open: the button, and units to choose as far as the round allows", () => {
    expect(screen().buy).toMatchObject({ enabled: true, label: EN.buy, mostUnits: 2 });
    expect(screen({ product: { ...PRODUCT, perBuyerLimit: 500 } }).buy?.mostUnits).toBe(10);
  });

  test.each([
    ["held-out", "free"],
    ["sold-out", "none"],
    ["paused", "fixed"],
    ["closed", "none"],
  ] as const)("%s: grey, told as what it is, and its units %s", (state, choice) => {
    const shown = screen({ product: { ...PRODUCT, state } });
    expect(shown.buy?.enabled).toBe(false);
    expect(shown.badge).toBe(EN.badge[state]);
    expect(shown.status).toBe(EN.status[state]);
    expect(shown.buy?.choice).toBe(choice);
  });

  test.each([
    ["sold-out", "Sold out", "已售罄"],
    ["closed", "Closed", "已结束"],
  ] as const)("%s: the button says so, in both languages", (state, english, chinese) => {
    const sale: SaleState = { ...INITIAL_STATE, product: { ...PRODUCT, state } };
    expect(screen(sale).buy?.label).toBe(english);
    expect(decideScreen(sale, NOW, LANGUAGES.zh).buy?.label).toBe(chinese);
  });

  test("fewer left than asked for: told so, with a lit button and no more to choose than there are", () => {
    const few: Partial<SaleState> = {
      unitsLeft: 1,
      notice: { refusal: refusal("sold-out", { httpStatus: 410, available: 1 }) },
    };
    const shown = screen(few);
    expect(shown.notice?.text).toBe("Only 1 is left: choose fewer.");
    expect(shown.status).toBe(EN.status.open);
    expect(shown.buy).toMatchObject({ enabled: true, mostUnits: 1, choice: "free" });
    const chinese = decideScreen({ ...INITIAL_STATE, product: PRODUCT, ...few }, NOW, LANGUAGES.zh);
    expect(chinese.notice?.text).toBe("仅剩 1 件，请减少数量。");
    expect(EN.fewerLeft(2)).toBe("Only 2 are left: choose fewer.");
  });

  test("nothing to choose where the round sells one each", () => {
    expect(screen({ product: { ...PRODUCT, perBuyerLimit: 1 } }).buy?.choice).toBe("none");
  });

  test.each([
    ["cancelled", "open", 1, "Your order is cancelled. The unit went back on sale."],
    ["cancelled", "open", 2, "Your order is cancelled. The 2 units went back on sale."],
    ["cancelled", "closed", 1, "Your order is cancelled. The sale is over."],
    ["cancelled", "paused", 1, "Your order is cancelled. The shop has paused the sale. It may go on at any moment."],
    ["expired", "sold-out", 1, "The time to pay is over. Nothing is left."],
  ] as const)("an order that is %s while the sale is %s (%d units)", (status, state, quantity, words) => {
    const shown = screen({ order: { ...ORDER, status, quantity }, product: { ...PRODUCT, state } });
    expect(shown.status).toBe(words);
    expect(shown.buy?.enabled).toBe(state === "open");
    expect(shown.buy?.label === EN.buyAgain).toBe(state === "open");
  });

  test("an opening on another day is told with its date", () => {
    const opensAt = PRODUCT.opensAt;
    const reasonAt = [opensAt - 3 * 86_400_000, opensAt - 1].map(
      (now) => screen({ product: { ...PRODUCT, state: "upcoming" } }, now).buy?.reason,
    );
    expect(reasonAt).toEqual([formatMoment("en", opensAt), formatTime("en", opensAt)].map(EN.reason.upcoming));
  });

  test("buying: grey and busy", () => {
    expect(screen({ activity: "buying" }).buy).toMatchObject({ enabled: false, busy: true, label: EN.buying });
  });

  test("held: the order in place of the button, the time that is left, and whether the shop has it", () => {
    const shown = screen({ order: ORDER }, ORDER.holdExpiresAt - 75_000);
    expect(shown.buy).toBeUndefined();
    expect(shown.countdown).toMatchObject({ kind: "hold", remainingMs: 75_000 });
    expect(shown.holdShare).toBe(0.25);
    expect(shown.order).toMatchObject({ id: "ord_1", canCancel: true, payable: true });
    expect(shown.order?.rows).toContainEqual([EN.received, EN.receivedNotYet]);
  });

  test("held past its time: no promise any more, until the gateway says what became of it", () => {
    const shown = screen({ order: ORDER }, ORDER.holdExpiresAt);
    expect(shown.status).toBe(EN.holdOver);
    expect(shown.order).toMatchObject({ canCancel: false, payable: false });
  });

  test("a refusal in words, with the true Retry-After counted down", () => {
    const notice = { refusal: refusal("rate-limited"), retryAt: NOW + 42_000 };
    expect(screen({ notice }).notice).toMatchObject({ wait: EN.retryIn("42 seconds") });
    expect(screen({ notice }, NOW + 1_001).notice).toMatchObject({ wait: EN.retryIn("41 seconds") });
    expect(screen({ notice }).buy?.enabled).toBe(false);
    expect(screen({ notice }, NOW + 42_000).notice).not.toHaveProperty("wait");
    expect(screen({ notice }, NOW + 42_000).buy?.enabled).toBe(true);
  });

  test("no longer a wait than the gateway told, when its time is better known a moment later", () => {
    const notice = { refusal: refusal("rate-limited", { retryAfterMs: 3_000 }), retryAt: NOW + 3_000 };
    expect(screen({ notice }, NOW - 20).notice).toMatchObject({ wait: EN.retryIn("3 seconds") });
  });

  test("the buyer's limit is named", () => {
    const notice = { refusal: refusal("buyer-limit", { perBuyerLimit: 2 }) };
    expect(screen({ notice }).notice?.text).toBe(EN.buyerLimit(2));
  });
});

const upcoming = (now: number) => screen({ product: { ...PRODUCT, state: "upcoming", opensAt: NOW + 100_000 } }, now);

describe("decideAnnouncement", () => {
  test("a new phase is said once", () => {
    expect(decideAnnouncement(undefined, screen(), EN)).toEqual([EN.status.open]);
    expect(decideAnnouncement(screen(), screen(), EN)).toEqual([]);
  });

  test("a countdown is said at its marks and nowhere else", () => {
    const said = Array.from({ length: 99 }, (_, second) =>
      decideAnnouncement(upcoming(NOW + second * 1_000), upcoming(NOW + (second + 1) * 1_000), EN),
    ).flat();
    expect(said).toEqual(["1 minute", "30 seconds", "10 seconds"].map(EN.announceOpening));
  });

  test("a refusal is said once, with its wait as it was then", () => {
    const notice = { refusal: refusal("rate-limited"), retryAt: NOW + 42_000 };
    expect(decideAnnouncement(screen(), screen({ notice }), EN)).toEqual([
      `${EN.refusal["rate-limited"]} ${EN.retryIn("42 seconds")}`,
    ]);
    expect(decideAnnouncement(screen({ notice }), screen({ notice }, NOW + 1_000), EN)).toEqual([]);
  });
});
