/**
 * The gateway's clock in the browser, the only one that decides (promise 9, F10).
 *
 * `GET /v1/time` is asked several times; the sample with the smallest round trip is the one whose error is bounded best
 * (Cristian, "Probabilistic clock synchronization", 1989; NTP's clock filter, RFC 5905 section 10, does the same). Between
 * samples the monotonic clock carries the time on, so that setting the system clock changes nothing. Some systems stop
 * that clock while they sleep: it is set again when the page is seen again.
 *
 * What it gives up: half a round trip. That errs on the safe side, since a request sent at the estimated time arrives a
 * whole way later.
 */
import { parseTime } from "./documents.ts";
import { type Cancel, NOTHING_TO_CANCEL, pause, type Platform } from "./platform.ts";

/** One question and its answer; `sentAt` and `receivedAt` by the monotonic clock, `serverNow` by the gateway's. */
export interface TimeSample {
  readonly sentAt: number;
  readonly receivedAt: number;
  readonly serverNow: number;
}

export interface ClockOffset {
  /** What is added to the monotonic clock to get the gateway's time, in milliseconds. */
  readonly offsetMs: number;
  /** The true offset lies within this distance, in milliseconds: half of the round trip. */
  readonly uncertaintyMs: number;
}

/** The offset by the sample with the smallest round trip; the first of equals. Undefined without a sample. */
export function decideOffset(samples: readonly TimeSample[]): ClockOffset | undefined {
  let best: ClockOffset | undefined;
  for (const { sentAt, receivedAt, serverNow } of samples) {
    const uncertaintyMs = (receivedAt - sentAt) / 2;
    if (uncertaintyMs < 0) continue;
    if (best === undefined || uncertaintyMs < best.uncertaintyMs) {
      best = { offsetMs: serverNow - (sentAt + uncertaintyMs), uncertaintyMs };
    }
  }
  return best;
}

/** Samples of one synchronisation: the first pays for the connection, the rest give the network a chance to be quick. */
const SAMPLES = 4;
/** Between two samples, so that one hiccup does not spoil them all. Milliseconds. */
const SAMPLE_GAP_MS = 120;
/** Quartz drifts by up to 100 ppm: 30 ms in this time, a page's share of the round trip. Milliseconds. */
const RESYNC_MS = 5 * 60_000;
/** After a synchronisation without any answer, then doubled up to `RESYNC_MS`. Milliseconds. */
const FIRST_RETRY_MS = 1_000;
/** An answer slower than this is of no use as a sample. Milliseconds. */
const SAMPLE_TIMEOUT_MS = 4_000;

export interface Clock {
  /** The gateway's time in milliseconds since the epoch; undefined before the first sample. */
  readonly now: () => number | undefined;
  readonly uncertaintyMs: () => number | undefined;
  /** Asks the gateway now; resolves when done, whether or not it answered. Joins one that is under way. */
  readonly synchronise: () => Promise<void>;
  /** Called whenever the offset was set. */
  readonly onChange: (listener: () => void) => Cancel;
  /** Ends all synchronisation. */
  readonly stop: () => void;
}

/** Starts a clock that keeps itself in time. `baseUrl` is the gateway's origin, or empty for the page's own. */
export function startClock(platform: Platform, baseUrl = ""): Clock {
  const listeners = new Set<() => void>();
  let offset: ClockOffset | undefined;
  let running: Promise<void> | undefined;
  let cancelTimer = NOTHING_TO_CANCEL;
  let failures = 0;
  let stopped = false;

  async function sample(): Promise<TimeSample | undefined> {
    const sentAt = platform.monotonicNow();
    try {
      const response = await platform.fetch(`${baseUrl}/v1/time`, {
        cache: "no-store",
        signal: AbortSignal.timeout(SAMPLE_TIMEOUT_MS),
      });
      const receivedAt = platform.monotonicNow();
      const serverNow = response.ok ? parseTime(await response.json()) : undefined;
      return serverNow === undefined ? undefined : { sentAt, receivedAt, serverNow };
    } catch {
      return undefined;
    }
  }

  async function run(): Promise<void> {
    const samples: TimeSample[] = [];
    for (let count = 0; count < SAMPLES; count += 1) {
      if (count > 0) await pause(platform, SAMPLE_GAP_MS);
      const answer = stopped ? undefined : await sample();
      if (answer === undefined) break;
      samples.push(answer);
      const best = decideOffset(samples);
      if (best === undefined || stopped) continue;
      offset = best;
      for (const listener of listeners) listener();
    }
    failures = samples.length === 0 ? failures + 1 : 0;
  }

  function synchronise(): Promise<void> {
    if (stopped) return Promise.resolve();
    running ??= run().finally(() => {
      running = undefined;
      cancelTimer();
      const delayMs = failures === 0 ? RESYNC_MS : Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), RESYNC_MS);
      // Spread over half of the time again: many pages were opened in the same minute.
      if (!stopped) cancelTimer = platform.startTimer(delayMs * (1 + platform.random() / 2), () => void synchronise());
    });
    return running;
  }

  const cancelVisibility = platform.onVisibilityChange(() => {
    if (platform.isVisible()) void synchronise();
  });
  void synchronise();

  return {
    now: () => (offset === undefined ? undefined : platform.monotonicNow() + offset.offsetMs),
    uncertaintyMs: () => offset?.uncertaintyMs,
    synchronise,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => {
      stopped = true;
      cancelTimer();
      cancelVisibility();
    },
  };
}
