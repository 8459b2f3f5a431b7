/**
 * Requests that wait for the one thread of the one machine, first come, first served: what they meet is what is so when the
 * thread comes to them, not when they came.
 */
import type { EventHeap } from "./event-heap.ts";
import { HAPPENING } from "./happenings.ts";
import type { Processor } from "./processor.ts";

type Work = (now: number) => void;

export class Thread {
  readonly #processor: Processor;
  readonly #heap: EventHeap;
  #waiting: Work[] = [];
  #first = 0;
  #isPlanned = false;

  constructor(processor: Processor, heap: EventHeap) {
    this.#processor = processor;
    this.#heap = heap;
  }

  /** Does the work now, or when the thread is free and nobody else was before. */
  run(now: number, work: Work): void {
    if (this.#first === this.#waiting.length && this.#processor.waitMs(now) === 0) return work(now);
    this.#waiting.push(work);
    return this.#plan(now);
  }

  /** The thread is free, unless something took it meanwhile. */
  next(now: number): void {
    this.#isPlanned = false;
    if (this.#processor.waitMs(now) === 0) {
      const work = this.#waiting[this.#first++];
      if (this.#first === this.#waiting.length) {
        this.#waiting = [];
        this.#first = 0;
      }
      work?.(now);
    }
    if (this.#first < this.#waiting.length) this.#plan(now);
  }

  #plan(now: number): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#heap.plan(now + this.#processor.waitMs(now), HAPPENING.THREAD, 0);
  }
}
