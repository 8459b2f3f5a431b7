/**
 * Those who wait for a unit to come back. Their pages look again and again; a look that sees nothing new decides nothing and is
 * counted by its rate (see rates.ts), one that sees a unit lets its buyer click.
 */
import { HAPPENING } from "./happenings.ts";
import type { World } from "./world.ts";

/** Who waits clicks so long after the page says that there is one, on average. Milliseconds. */
const CLICK_MS = 500;
/** A planned look stands as long as the rate of looks is right to this share. */
const RATE_ERROR = 0.1;

export class Waiters {
  readonly #world: World;
  readonly #leavesAt: Float64Array;
  readonly #waiting: number[] = [];
  #plan = 0;
  #rate = 0;
  /** People, not scripts, between a look at the page and their click. */
  thinking = 0;

  constructor(world: World) {
    this.#world = world;
    this.#leavesAt = new Float64Array(world.sale.crowd.buyers);
  }

  get count(): number {
    return this.#waiting.length;
  }

  /** Somebody heard that there is nothing now; he waits as long as his patience lasts, from the first time on. */
  join(now: number, buyer: number): void {
    this.#leavesAt[buyer] ||= now + this.#world.sale.crowd.patienceMs;
    if ((this.#leavesAt[buyer] ?? 0) <= now) return;
    this.#waiting.push(buyer);
    this.planLook(now);
  }

  /**
   * Plans the next look at a copy that says yes, after more or fewer copies say so, or more people wait. Planning anew loses
   * nothing: an exponential wait has no memory.
   */
  planLook(now: number): void {
    const { copies, heap, paces } = this.#world;
    const rate = (this.#waiting.length * copies.openShare) / paces.heldOut;
    if (rate === 0) {
      this.#plan++;
      this.#rate = 0;
      return;
    }
    if (Math.abs(rate - this.#rate) <= rate * RATE_ERROR) return;
    this.#rate = rate;
    heap.plan(now + this.#world.exponential(1 / rate), HAPPENING.LOOK, ++this.#plan);
  }

  look(now: number, plan: number): void {
    if (plan !== this.#plan) return;
    this.#rate = 0;
    const place = Math.floor(this.#world.random.next() * this.#waiting.length);
    const buyer = this.#waiting[place];
    if (buyer === undefined) return;
    this.#waiting[place] = this.#waiting.at(-1) ?? buyer;
    this.#waiting.pop();
    if ((this.#leavesAt[buyer] ?? 0) > now) {
      if (!this.#world.isScript(buyer)) this.thinking++;
      this.#world.heap.plan(now + this.#world.exponential(CLICK_MS), HAPPENING.CLICK, buyer);
    }
    this.planLook(now);
  }

  /** Those whose patience is over go. */
  letGo(now: number): void {
    let kept = 0;
    for (const buyer of this.#waiting) if ((this.#leavesAt[buyer] ?? 0) > now) this.#waiting[kept++] = buyer;
    this.#waiting.length = kept;
  }
}
