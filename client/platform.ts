/**
 * Everything that the library takes from its surroundings, in one place: tests hand in fakes, browsers the real things.
 *
 * There is no wall clock here on purpose. A buyer's system clock may be wrong and may jump while the page is open; time
 * is the gateway's, carried on by the monotonic clock (see `clock.ts`).
 */

/** Ends a timer or a subscription; calling it again does nothing. */
export type Cancel = () => void;

/** What ends a timer that was never started. */
export const NOTHING_TO_CANCEL: Cancel = () => {};

export interface Platform {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Milliseconds that only ever count up, from an arbitrary start. */
  readonly monotonicNow: () => number;
  /** Runs `task` once after `delayMs`. */
  readonly startTimer: (delayMs: number, task: () => void) => Cancel;
  /** At least 0, below 1. Spreads requests; nothing secret comes of it. */
  readonly random: () => number;
  /** Whether anybody can see the page. */
  readonly isVisible: () => boolean;
  readonly onVisibilityChange: (listener: () => void) => Cancel;
}

/** Browsers keep a timer's delay in 32 bits: a longer one would fire at once. Milliseconds, about 24.8 days. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** The real surroundings of a page. */
export function browserPlatform(): Platform {
  return {
    fetch: (url, init) => fetch(url, init),
    monotonicNow: () => performance.now(),
    startTimer: (delayMs, task) => {
      const timer = setTimeout(task, Math.min(Math.max(delayMs, 0), LONGEST_TIMER_MS));
      return () => clearTimeout(timer);
    },
    random: () => Math.random(),
    isVisible: () => document.visibilityState === "visible",
    onVisibilityChange: (listener) => {
      // A page that comes back from the back/forward cache was frozen, whatever its visibility was.
      const onPageShow = (event: PageTransitionEvent): void => {
        if (event.persisted) listener();
      };
      document.addEventListener("visibilitychange", listener);
      window.addEventListener("pageshow", onPageShow);
      return () => {
        document.removeEventListener("visibilitychange", listener);
        window.removeEventListener("pageshow", onPageShow);
      };
    },
  };
}

/** Resolves after `delayMs`. */
export function pause(platform: Platform, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    platform.startTimer(delayMs, resolve);
  });
}
