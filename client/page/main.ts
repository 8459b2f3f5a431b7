/**
 * The sale page: puts the library, the words and the document together. Everything that is decided is decided elsewhere.
 *
 * Query: `product` (default `demo`), `lang` (`en`, `zh`), and in the demo `buyer`.
 */
import { startClock } from "../clock.ts";
import { createGateway } from "../gateway.ts";
import { sessionMemory } from "../memory.ts";
import { browserPlatform } from "../platform.ts";
import { startSale } from "../sale.ts";
import { createAttention } from "./attention.ts";
import { findElements } from "./elements.ts";
import { formatTime } from "./formats.ts";
import { pageIdentity } from "./identity.ts";
import { decideLanguage, isLanguage, wordsFor } from "./language.ts";
import { decideScreen, type Screen } from "./screen.ts";
import { drawScreen, drawWords } from "./view.ts";

const query = new URLSearchParams(location.search);
const productId = query.get("product") ?? "demo";
let language = decideLanguage(query.get("lang"), navigator.languages);
let words = wordsFor(language, navigator.languages);

const elements = findElements();
const attention = createAttention(elements);
const platform = browserPlatform();
const clock = startClock(platform);
const shop = pageIdentity(clock.now, query.get("buyer"));
const gateway = createGateway({ platform, identity: shop.identity, language: () => language });
const sale = startSale({
  productId,
  gateway,
  clock,
  platform,
  memory: sessionMemory(`sluice:${productId}:${shop.memoryKey}`),
  solveChallenge: async (challenge) => {
    const { solve } = await loadChallenges();
    return solve(challenge, { language, now: clock.now });
  },
});

/** Loaded when a sale has challenges, or at the first that is put; built of client/challenge/solve.ts. */
const CHALLENGE_SCRIPT = "/challenge.js";

function loadChallenges(): Promise<typeof import("../challenge/solve.ts")> {
  // A name that is not a literal is left to the browser; the browser keeps what it loaded.
  return import(CHALLENGE_SCRIPT) as Promise<typeof import("../challenge/solve.ts")>;
}

/** So that the click does not wait for the script. */
const cancelWarmUp = sale.subscribe(() => {
  if ((sale.state().product?.challenges.length ?? 0) === 0) return;
  cancelWarmUp();
  loadChallenges().catch(() => {});
});

let shown: Screen | undefined;
let cancelTick = () => {};

function draw(): void {
  cancelTick();
  const now = clock.now();
  const screen = decideScreen(sale.state(), now, words);
  const { notice, lookFailure } = sale.state();
  if ([notice, lookFailure].some((failed) => failed?.refusal.code === "identity-invalid")) shop.forget();
  attention.before();
  drawScreen(elements, screen, screen.order === undefined ? undefined : payUrl(screen.order.id));
  drawClock(now);
  if (elements.dialog.open && screen.order?.canCancel !== true) elements.dialog.close();
  attention.after(shown, screen, words);
  shown = screen;
  if (now !== undefined && platform.isVisible()) cancelTick = platform.startTimer(untilNextTick(screen, now), draw);
}

/** Milliseconds until a number on the page changes: a countdown's next second, or the clock's. */
function untilNextTick(screen: Screen, now: number): number {
  const left = screen.countdown?.remainingMs ?? 0;
  return Math.min(left > 0 ? left % 1000 || 1000 : 1000, 1000 - (now % 1000)) + 1;
}

function drawClock(now: number | undefined): void {
  const uncertaintyMs = Math.ceil(clock.uncertaintyMs() ?? 0);
  const text =
    now === undefined ? words.gatewayClockUnknown : words.gatewayClock(formatTime(words.locale, now), uncertaintyMs);
  if (elements.gatewayClock.textContent !== text) elements.gatewayClock.textContent = text;
}

/** Where the shop takes payment, from `<meta name="sluice-pay" content="/pay/{orderId}">`; same origin or https only. */
function payUrl(orderId: string): string | undefined {
  const template = document.querySelector<HTMLMetaElement>('meta[name="sluice-pay"]')?.content ?? "";
  if (!template.startsWith("/") && !template.startsWith("https://")) return undefined;
  return template.replace("{orderId}", encodeURIComponent(orderId));
}

elements.buy.addEventListener("click", () => void sale.buy(Math.max(elements.quantity.selectedIndex, 0) + 1));
elements.cancel.addEventListener("click", () => elements.dialog.showModal());
elements.cancelNo.addEventListener("click", () => elements.dialog.close());
elements.cancelYes.addEventListener("click", () => {
  elements.dialog.close();
  void sale.cancel();
});
elements.languages.addEventListener("click", (event) => {
  const chosen = event.target instanceof HTMLElement ? event.target.dataset["language"] : undefined;
  if (!isLanguage(chosen)) return;
  language = chosen;
  words = wordsFor(language, navigator.languages);
  query.set("lang", chosen);
  history.replaceState(null, "", `?${query}`);
  drawWords(elements, words, language);
  // Not news: the same screen in other words is not announced.
  shown = decideScreen(sale.state(), clock.now(), words);
  draw();
});

drawWords(elements, words, language);
draw();
sale.subscribe(draw);
platform.onVisibilityChange(draw);
// The JWT is fetched when the page opens, at everybody's own moment, so that the click does not wait for it.
shop.identity().catch(() => {});
