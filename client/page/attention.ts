/**
 * Where the buyer's attention goes: what a screen reader hears, and where the keyboard's focus is.
 *
 * One polite live region hears of new phases, new refusals and a few marks of a countdown, never of every second. Focus moves
 * only when the element that had it went away, or when the buyer's own step has come to its end.
 */
import type { Elements } from "./elements.ts";
import { decideSpokenMark, formatDuration } from "./formats.ts";
import type { Screen } from "./screen.ts";
import type { Words } from "./words.ts";

/** A hold of which more than this share is left has just been told in its own words; its mark would talk over them. */
const FRESH_HOLD_SHARE = 0.98;

/** What is worth saying when `next` follows `previous`; an empty list is silence. Pure. */
export function decideAnnouncement(previous: Screen | undefined, next: Screen, words: Words): readonly string[] {
  const said: string[] = [];
  // A tick may end a phase without any other change; the words are what the buyer notices.
  if (next.phase !== "loading" && (previous?.phase !== next.phase || previous.status !== next.status)) {
    said.push(next.status);
  }
  if (next.notice !== undefined && next.notice.text !== previous?.notice?.text) {
    said.push([next.notice.text, next.notice.wait].filter((text) => text !== undefined).join(" "));
  }
  const { countdown } = next;
  if (countdown !== undefined && previous?.countdown?.kind === countdown.kind) {
    const mark = decideSpokenMark(previous.countdown.remainingMs, countdown.remainingMs);
    const remaining = mark === undefined ? undefined : formatDuration(words.locale, mark);
    if (remaining !== undefined && countdown.kind === "opening") said.push(words.announceOpening(remaining));
    const isFresh = (next.holdShare ?? 0) > FRESH_HOLD_SHARE;
    if (remaining !== undefined && countdown.kind === "hold" && !isFresh) said.push(words.announceHold(remaining));
  }
  return said;
}

export interface Attention {
  /** Before the document is drawn: remembers who has the focus. */
  readonly before: () => void;
  /** After it was drawn. */
  readonly after: (previous: Screen | undefined, next: Screen, words: Words) => void;
}

export function createAttention(elements: Elements): Attention {
  let hadFocus: Element | null = null;
  /** The buyer pressed the button and has not been answered: the answer gets the focus. */
  let isAwaited = false;

  return {
    before: () => {
      hadFocus = document.activeElement;
    },
    after: (previous, next, words) => {
      const said = decideAnnouncement(previous, next, words);
      if (said.length > 0) elements.announcer.textContent = said.join(" ");

      const wasUnderWay = previous?.phase === "buying" || previous?.phase === "cancelling";
      const isUnderWay = next.phase === "buying" || next.phase === "cancelling";
      if (isUnderWay && !wasUnderWay) {
        isAwaited = hadFocus === elements.buy || elements.order.contains(hadFocus) || hadFocus === document.body;
      }
      if (wasUnderWay && !isUnderWay && isAwaited) {
        isAwaited = false;
        if (next.notice !== undefined && next.buy?.enabled === true) elements.buy.focus({ preventScroll: true });
        else if (next.notice !== undefined) elements.notice.focus();
        else elements.status.focus();
        return;
      }
      // The element that had the focus was hidden, for example the cancel button of an order that was just paid.
      const isLost = hadFocus instanceof HTMLElement && hadFocus !== document.body && !hadFocus.checkVisibility();
      if (isLost && !elements.dialog.open) elements.status.focus();
    },
  };
}
