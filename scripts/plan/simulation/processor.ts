/** Something that does one thing at a time, in the order in which it is asked: an object, or a machine with one thread. */
export class Processor {
  #freeAt = 0;
  /** Milliseconds of work done so far. */
  busyMs = 0;

  /** When work that comes at `at` and takes `ms` is done. */
  done(at: number, ms: number): number {
    this.#freeAt = Math.max(this.#freeAt, at) + ms;
    this.busyMs += ms;
    return this.#freeAt;
  }

  /** When work that is done before all else that waits is done; what waits comes later by so much. */
  interrupt(at: number, ms: number): number {
    this.#freeAt = Math.max(this.#freeAt, at) + ms;
    this.busyMs += ms;
    return at + ms;
  }

  /** How long there has been nothing to do at `at`; 0 where there is. */
  idleMs(at: number): number {
    return Math.max(0, at - this.#freeAt);
  }

  /** How long work that comes at `at` waits before it is begun. */
  waitMs(at: number): number {
    return Math.max(0, this.#freeAt - at);
  }
}
