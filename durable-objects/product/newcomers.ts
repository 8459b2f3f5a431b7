/**
 * Who certainly has no order in the object, so that his hold need not read what he did before: a filter over the tokens, buyers and clients of
 * all orders that are there, kept in memory (decision 0040).
 *
 * It errs on one side only: whoever has an order is never new. Who is not new may still have none (the filter's error, an order that left,
 * one that was taken back), and then the rows say so. A new instance takes everybody for known, and learns from the rows, some after
 * each commit, until it has seen them all. What it gives up: 8 to 16 bytes of memory an order, 4 MiB at the most.
 */
import { SeenFilter } from "./seen-filter.ts";

/** What of an order later holds are judged by. */
export interface OrderKeys {
  readonly jti: string;
  readonly buyerId: string;
  readonly client: string | null;
}

export interface KeyedOrder extends OrderKeys {
  readonly orderId: string;
}

export interface NewcomersOptions {
  /** About how many orders are in the object. */
  readonly count: () => number;
  /** At most `limit` of the object's orders behind this one, by their ids. */
  readonly readBehind: (orderId: string, limit: number) => readonly KeyedOrder[];
}

/** For three keys of an order: one newcomer in 35 is taken for known when the filter is full, one in 390 when it is half full. */
const BYTES_PER_ORDER = 4;
/** Orders that the smallest filter takes; each larger one takes twice as many. */
const ORDERS_LEAST = 4096;
/** Of the largest filter, 4 MiB: with more orders it gets less exact, not larger. */
const ORDERS_MOST = 1_048_576;
/** Orders that are read after a commit while there are more to be learned: a hold that is answered behind it waits for that. */
export const LEARNED_AT_ONCE = 512;

interface Filled {
  readonly filter: SeenFilter;
  /** Orders that it was told, also of those that left since. */
  orders: number;
  /** With more than so many another one is begun, of those that are here then. */
  renewedBeyond: number;
}

export class Newcomers {
  readonly #options: NewcomersOptions;
  /** Has every order; null: none does yet. */
  #known: Filled | null = null;
  /** Is on its way to have every order; null: that has not begun, or `#known` has room. */
  #learning: Filled | null = null;
  /** The last order that `#learning` was told from the rows. */
  #learnedThrough = "";

  constructor(options: NewcomersOptions) {
    this.#options = options;
  }

  /** True: no order has this token, this buyer or this client. */
  isNew({ jti, buyerId, client }: OrderKeys): boolean {
    const filter = this.#known?.filter;
    return (
      filter !== undefined &&
      !filter.mayHave(jti) &&
      !filter.mayHave(buyerId) &&
      (client === null || !filter.mayHave(client))
    );
  }

  /** An order is being written. Also where the step then fails: the filter may have too much, never too little. */
  add(order: OrderKeys): void {
    if (this.#known !== null) fill(this.#known, order);
    if (this.#learning !== null) fill(this.#learning, order);
    this.#renewIfFull();
  }

  /** Reads on, where not every order was seen yet. After a commit, when what is read is there to stay. */
  learn(): void {
    if (this.#known !== null && this.#learning === null) return;
    this.#learning ??= makeFilled(this.#options.count());
    const read = this.#options.readBehind(this.#learnedThrough, LEARNED_AT_ONCE);
    for (const order of read) fill(this.#learning, order);
    this.#learnedThrough = read.at(-1)?.orderId ?? this.#learnedThrough;
    if (read.length < LEARNED_AT_ONCE) {
      this.#known = this.#learning;
      this.#learning = null;
    }
    this.#renewIfFull();
  }

  /** What is known meanwhile gets less exact. */
  #renewIfFull(): void {
    const filled = this.#learning ?? this.#known;
    if (filled === null || filled.orders <= filled.renewedBeyond) return;
    const orders = this.#learning === null ? this.#options.count() : filled.orders;
    if (orders > ORDERS_MOST / 2) filled.renewedBeyond *= 2;
    else {
      this.#learning = makeFilled(orders);
      this.#learnedThrough = "";
    }
  }
}

/** For that many orders, and as many more. */
function makeFilled(orders: number): Filled {
  let capacity = ORDERS_LEAST;
  while (capacity < 2 * orders && capacity < ORDERS_MOST) capacity *= 2;
  return { filter: new SeenFilter(capacity * BYTES_PER_ORDER), orders: 0, renewedBeyond: capacity };
}

function fill(filled: Filled, { jti, buyerId, client }: OrderKeys): void {
  filled.filter.add(jti);
  filled.filter.add(buyerId);
  if (client !== null) filled.filter.add(client);
  filled.orders += 1;
}
