/**
 * The least object that counts exactly: how often each owner came in this minute, in memory.
 *
 * What it gives up beside a limiter object: a window that slides, several policies of one owner, giving back, and every count
 * when the object's memory ends. So no limiter on this platform that is asked by a call can cost less.
 */
import { DurableObject } from "cloudflare:workers";

const WINDOW_MS = 60_000;

export class FloorCounts extends DurableObject {
  readonly #counts = new Map<string, number>();
  #windowEndsAt = 0;
  #taken = 0;

  /** Whether there was room; then one unit is taken. */
  take(owner: string, limit: number): boolean {
    const now = Date.now();
    if (now >= this.#windowEndsAt) {
      this.#counts.clear();
      this.#windowEndsAt = now + WINDOW_MS;
    }
    const count = this.#counts.get(owner) ?? 0;
    if (count >= limit) return false;
    this.#counts.set(owner, count + 1);
    this.#taken++;
    return true;
  }

  /** Units taken since the object began: what the bench holds against the answers. */
  taken(): number {
    return this.#taken;
  }
}
