/**
 * What happens next: a binary heap of events, the earliest first, those of one moment in the order in which they were planned.
 *
 * Events are two numbers beside their time, kept in typed arrays: a sale of a million buyers plans some millions of them.
 */

const FIRST_CAPACITY = 1024;

export class EventHeap {
  #at = new Float64Array(FIRST_CAPACITY);
  #order = new Float64Array(FIRST_CAPACITY);
  #kind = new Uint8Array(FIRST_CAPACITY);
  #subject = new Int32Array(FIRST_CAPACITY);
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

  /** @param at milliseconds; @param kind 0 to 255; @param subject what it is about, a 32-bit integer. */
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
    this.#put(hole, at, order, kind, subject);
  }

  /** Takes the next event out into `at`, `kind` and `subject`; false when there is none. */
  next(): boolean {
    if (this.#size === 0) return false;
    this.at = this.#at[0] ?? 0;
    this.kind = this.#kind[0] ?? 0;
    this.subject = this.#subject[0] ?? 0;
    const last = --this.#size;
    const [at, order] = [this.#at[last] ?? 0, this.#order[last] ?? 0];
    const [kind, subject] = [this.#kind[last] ?? 0, this.#subject[last] ?? 0];
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
    this.#put(hole, at, order, kind, subject);
    return true;
  }

  #isAfter(place: number, at: number, order: number): boolean {
    const there = this.#at[place] ?? 0;
    return there > at || (there === at && (this.#order[place] ?? 0) > order);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#at[from] ?? 0, this.#order[from] ?? 0, this.#kind[from] ?? 0, this.#subject[from] ?? 0);
  }

  #put(place: number, at: number, order: number, kind: number, subject: number): void {
    this.#at[place] = at;
    this.#order[place] = order;
    this.#kind[place] = kind;
    this.#subject[place] = subject;
  }

  #grow(): void {
    const capacity = this.#at.length * 2;
    const [at, order] = [new Float64Array(capacity), new Float64Array(capacity)];
    const [kind, subject] = [new Uint8Array(capacity), new Int32Array(capacity)];
    at.set(this.#at);
    order.set(this.#order);
    kind.set(this.#kind);
    subject.set(this.#subject);
    this.#at = at;
    this.#order = order;
    this.#kind = kind;
    this.#subject = subject;
  }
}
