/**
 * Draws a `Screen` into the document. It decides nothing; it writes only what changed, so that neither a screen reader nor a
 * selection is disturbed by a tick, and it uses text and properties only (the page's CSP allows no inline style or script).
 */
import type { CellName, Elements } from "./elements.ts";
import { splitRemaining } from "./formats.ts";
import type { Screen } from "./screen.ts";
import type { Words } from "./words.ts";

/** The texts that depend on the language alone. */
export function drawWords(elements: Elements, words: Words, language: string): void {
  document.documentElement.lang = words.locale;
  elements.languages.ariaLabel = words.languageSwitch;
  for (const button of elements.languages.querySelectorAll<HTMLButtonElement>("[data-language]")) {
    button.ariaPressed = String(button.dataset["language"] === language);
  }
  for (const name of ["days", "hours", "minutes", "seconds"] as const) {
    setText(elements.cells[name].unit, words.unitNames[name]);
  }
  setText(elements.orderTerm, words.orderId);
  setText(elements.quantityLabel, words.quantity);
  setText(elements.pay, words.pay);
  setText(elements.cancel, words.cancel);
  setText(elements.cancelQuestion, words.cancelQuestion);
  setText(elements.cancelWarning, words.cancelWarning);
  setText(elements.cancelYes, words.cancelYes);
  setText(elements.cancelNo, words.cancelNo);
}

/** `payUrl`: where this order is paid, if the shop says so. */
export function drawScreen(elements: Elements, screen: Screen, payUrl: string | undefined): void {
  elements.sale.dataset["tone"] = screen.tone;
  elements.sale.dataset["phase"] = screen.phase;
  elements.sale.ariaBusy = String(screen.phase === "loading");
  setText(elements.badge, screen.badge);
  setText(elements.title, screen.title);
  setText(elements.price, screen.price);
  setText(elements.status, screen.status);
  document.title = `${screen.badge} · ${screen.title}`;
  drawRows(elements.facts, screen.facts, "bare");
  drawCountdown(elements, screen);
  drawOrder(elements, screen, payUrl);
  drawNotice(elements, screen);
  drawBuy(elements, screen);
}

function drawCountdown(elements: Elements, { countdown, holdShare }: Screen): void {
  elements.countdown.hidden = countdown === undefined;
  elements.holdBar.hidden = holdShare === undefined;
  if (holdShare !== undefined) elements.holdPart.style.setProperty("--share", holdShare.toFixed(3));
  if (countdown === undefined) return;
  const remaining = splitRemaining(countdown.remainingMs);
  setText(elements.countdownLabel, countdown.label);
  elements.daysCell.hidden = remaining.days === 0;
  elements.hoursCell.hidden = remaining.days === 0 && remaining.hours === 0;
  for (const name of ["days", "hours", "minutes", "seconds"] satisfies CellName[]) {
    setText(elements.cells[name].number, String(remaining[name]).padStart(name === "days" ? 1 : 2, "0"));
  }
}

function drawOrder(elements: Elements, { order }: Screen, payUrl: string | undefined): void {
  elements.order.hidden = order === undefined;
  if (order === undefined) return;
  setText(elements.orderId, order.id);
  drawRows(elements.orderRows, order.rows, "grouped");
  elements.pay.hidden = payUrl === undefined || !order.payable;
  if (payUrl !== undefined) elements.pay.href = payUrl;
  elements.cancel.hidden = !order.canCancel;
}

function drawNotice(elements: Elements, { notice }: Screen): void {
  elements.notice.hidden = notice === undefined;
  setText(elements.noticeText, notice?.text ?? "");
  setText(elements.noticeWait, notice?.wait ?? "");
  setText(elements.noticeReference, notice?.reference ?? "");
  elements.noticeReference.hidden = notice?.reference === undefined;
}

function drawBuy(elements: Elements, { buy }: Screen): void {
  elements.buyBlock.hidden = buy === undefined;
  const enabled = buy?.enabled === true;
  elements.buy.disabled = !enabled;
  elements.buy.ariaDisabled = String(!enabled);
  elements.buy.ariaBusy = String(buy?.busy === true);
  if (buy === undefined) return;
  setText(elements.buy, buy.label);
  setText(elements.reason, buy.reason);
  elements.choice.hidden = buy.choice === "none";
  elements.quantity.disabled = buy.choice !== "free";
  if (elements.quantity.options.length !== buy.mostUnits) {
    const units = Array.from({ length: buy.mostUnits }, (_, index) => new Option(String(index + 1)));
    const chosen = Math.max(elements.quantity.selectedIndex, 0);
    elements.quantity.replaceChildren(...units);
    elements.quantity.selectedIndex = Math.min(chosen, buy.mostUnits - 1);
  }
}

/** `bare`: terms and descriptions side by side in the list; `grouped`: each pair in a `div` of its own. */
function drawRows(list: HTMLElement, rows: Screen["facts"], shape: "bare" | "grouped"): void {
  const described = list.querySelectorAll("dd");
  const terms = list.querySelectorAll("dt");
  if (described.length !== rows.length) {
    const pairs = rows.map(([term, description]) => {
      const pair = [document.createElement("dt"), document.createElement("dd")] as const;
      pair[0].textContent = term;
      pair[1].textContent = description;
      return pair;
    });
    if (shape === "bare") return list.replaceChildren(...pairs.flat());
    return list.replaceChildren(
      ...pairs.map((pair) => {
        const group = document.createElement("div");
        group.append(...pair);
        return group;
      }),
    );
  }
  rows.forEach(([term, description], index) => {
    setText(terms[index], term);
    setText(described[index], description);
  });
}

function setText(element: Element | undefined, text: string): void {
  if (element !== undefined && element.textContent !== text) element.textContent = text;
}
