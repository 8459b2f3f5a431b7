/**
 * What happens next: a binary heap of events, the earliest first, those of one moment in the order in which they were planned.
 *
 * Events are two numbers beside their time, kept in typed arrays: a sale of a million buyers plans some millions of them.
 */

const FIRST_CAPACITY = 1024;
/** Kinds that there may be. */
const KINDS = 256;

export class EventHeap {
  #at = new Float64Array(FIRST_CAPACITY);
  #order = new Float64Array(FIRST_CAPACITY);
  /** Kind and subject as one number: a place less to be moved. */
  #what = new Float64Array(FIRST_CAPACITY);
  #size = 0;
  #planned = 0;
  /** Of the event that `next` has taken out. Milliseconds. */
  at = 0;
  kind = 0;
  subject = 0;

  get size(): number {
    return this.#size;
  }

  /** When the next event is; infinite when there is none. */
  get nextAt(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#at[0] ?? 0);
  }

  /** @param at milliseconds; @param kind 0 to 255; @param subject what it is about, a whole number from 0 to 2^32. */
  plan(at: number, kind: number, subject: number): void {
    if (this.#size === this.#at.length) this.#grow();
    let hole = this.#size++;
    const order = this.#planned++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (!this.#isAfter(parent, at, order)) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#put(hole, at, order, subject * KINDS + kind);
  }

  /** Takes the next event out into `at`, `kind` and `subject`; false when there is none. */
  next(): boolean {
    if (this.#size === 0) return false;
    this.at = this.#at[0] ?? 0;
    const first = this.#what[0] ?? 0;
    this.kind = first % KINDS;
    this.subject = (first - this.kind) / KINDS;
    const last = --this.#size;
    const at = this.#at[last] ?? 0;
    const order = this.#order[last] ?? 0;
    const what = this.#what[last] ?? 0;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= last) break;
      const right = child + 1;
      if (right < last && this.#isAfter(child, this.#at[right] ?? 0, this.#order[right] ?? 0)) child = right;
      if (this.#isAfter(child, at, order)) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#put(hole, at, order, what);
    return true;
  }

  #isAfter(place: number, at: number, order: number): boolean {
    const there = this.#at[place] ?? 0;
    return there > at || (there === at && (this.#order[place] ?? 0) > order);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#at[from] ?? 0, this.#order[from] ?? 0, this.#what[from] ?? 0);
  }

  #put(place: number, at: number, order: number, what: number): void {
    this.#at[place] = at;
    this.#order[place] = order;
    this.#what[place] = what;
  }

  #grow(): void {
    const capacity = this.#at.length * 2;
    this.#at = grown(this.#at, capacity);
    this.#order = grown(this.#order, capacity);
    this.#what = grown(this.#what, capacity);
  }
}

function grown(before: Float64Array<ArrayBuffer>, capacity: number): Float64Array<ArrayBuffer> {
  const after = new Float64Array(capacity);
  after.set(before);
  return after;
}
