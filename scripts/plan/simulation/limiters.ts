/** Limiter objects of one kind of owner: each does one call at a time, and owners are spread over them. */
import { mixed } from "../../../src/fnv1a.ts";
import { Processor } from "./processor.ts";

/** A number from 0 to `places` - 1 for an owner: spread as by chance, and always the same (murmur3's last mixing). */
export function spread(owner: number, places: number): number {
  return mixed(owner) % places;
}

/**
 * A call that would wait longer for its object is refused at once, as overloaded. The platform queues and then refuses, and does
 * not publish from when on: this is an assumption. Milliseconds.
 */
export const OBJECT_QUEUE_MS = 5000;

export class Limiters {
  readonly #callMs: number;
  readonly #processors: readonly Processor[];
  readonly #seconds: Int32Array;
  readonly #counts: Int32Array;
  readonly #unwritten: Uint8Array;
  readonly #planFlush: (at: number, object: number) => void;
  /** The calls of the busiest object in its busiest second. */
  peakPerSecond = 0;

  /**
   * @param callMs what a call takes of its object's time.
   * @param planFlush is told of the first count of an object that has none to write.
   */
  constructor(objects: number, callMs: number, planFlush: (at: number, object: number) => void) {
    this.#callMs = callMs;
    this.#planFlush = planFlush;
    this.#unwritten = new Uint8Array(objects);
    this.#processors = Array.from({ length: objects }, () => new Processor());
    this.#seconds = new Int32Array(objects).fill(-1);
    this.#counts = new Int32Array(objects);
  }

  /** The object writes what it counted, in `ms` of its time. */
  flush(at: number, object: number, ms: number): void {
    this.#unwritten[object] = 0;
    this.#processors[object]?.done(at, ms);
  }

  /** When the owner's object has done a call that comes at `at`; never, when too many wait for it. */
  take(at: number, owner: number): number {
    const object = spread(owner, this.#processors.length);
    const second = Math.floor(at / 1000);
    this.#counts[object] = this.#seconds[object] === second ? (this.#counts[object] ?? 0) + 1 : 1;
    this.#seconds[object] = second;
    this.peakPerSecond = Math.max(this.peakPerSecond, this.#counts[object] ?? 0);
    const processor = this.#processors[object];
    if (processor === undefined || processor.waitMs(at) > OBJECT_QUEUE_MS) return Number.POSITIVE_INFINITY;
    if (this.#unwritten[object] === 0) {
      this.#unwritten[object] = 1;
      this.#planFlush(at, object);
    }
    return processor.done(at, this.#callMs);
  }
}
