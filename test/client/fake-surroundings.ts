/** A browser and a gateway without either: time moves only when a test says so, and every request is answered by the test. */
import type { Cancel, Platform } from "../../client/platform.ts";

/** The gateway's time when the page's monotonic clock reads 0. Milliseconds since the epoch. */
export const GATEWAY_START = 1_795_304_393_000;

export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
  /** By the monotonic clock. */
  readonly at: number;
}

/** The answer to a request; `lost` stands for a connection that was cut. */
export type Reply = Response | "lost";

export class FakeSurroundings implements Platform {
  readonly sent: Sent[] = [];
  readonly replies = new Map<string, (sent: Sent) => Reply | Promise<Reply>>();
  visible = true;
  /** What `random` gives. */
  chance = 0;
  #now = 0;
  #timers: { readonly at: number; readonly task: () => void }[] = [];
  readonly #listeners = new Set<() => void>();

  constructor() {
    this.on("GET /v1/time", () => json(200, { now: this.gatewayNow() }));
  }

  on(call: string, reply: (sent: Sent) => Reply | Promise<Reply>): void {
    this.replies.set(call, reply);
  }

  gatewayNow(): number {
    return GATEWAY_START + this.#now;
  }

  count(call: string): number {
    return this.sent.filter(({ method, path }) => `${method} ${path}` === call).length;
  }

  /** Lets `ms` pass: every timer that is due runs at its own moment, and what it began goes as far as it can. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const next = this.#timers.toSorted((one, other) => one.at - other.at)[0];
      if (next === undefined || next.at > end) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.task();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  /** Moves the monotonic clock alone: what a slow answer does. */
  pass(ms: number): void {
    this.#now += ms;
  }

  show(visible: boolean): Promise<void> {
    this.visible = visible;
    for (const listener of this.#listeners) listener();
    return settle();
  }

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const method = init.method ?? "GET";
    const body = typeof init.body === "string" ? init.body : "";
    const sent = { method, path: url, headers: new Headers(init.headers), body, at: this.#now };
    this.sent.push(sent);
    const reply = await this.replies.get(`${method} ${url}`)?.(sent);
    if (reply === undefined) throw new Error(`No reply is set for ${method} ${url}`);
    if (reply === "lost") throw new TypeError("Failed to fetch");
    return reply;
  };
  readonly monotonicNow = (): number => this.#now;
  readonly startTimer = (delayMs: number, task: () => void): Cancel => {
    const timer = { at: this.#now + Math.max(delayMs, 0), task };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };
  readonly random = (): number => this.chance;
  readonly isVisible = (): boolean => this.visible;
  readonly onVisibilityChange = (listener: () => void): Cancel => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}

/** Everything that can go on without time passing has gone on: a turn of the event loop is after all promises. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
}

export function problem(
  status: number,
  code: string,
  fields: Readonly<Record<string, unknown>> = {},
  retryAfterSeconds?: number,
): Response {
  const headers = retryAfterSeconds === undefined ? undefined : { "Retry-After": String(retryAfterSeconds) };
  return json(status, { type: `/problems/${code}`, title: code, status, code, detail: "No", ...fields }, headers);
}
