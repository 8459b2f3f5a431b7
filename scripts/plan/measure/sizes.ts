/** How much is measured: enough for figures, or just enough to see that everything that is measured is answered as expected. */

export interface Sizes {
  /** Nothing else may be under way while something is measured: what went before is waited for, and one gateway runs at a time. */
  readonly undisturbed: boolean;
  /** Calls of each kind together: reads and refusals, calls that a buyer can make once, calls with a challenge. */
  readonly reads: number;
  readonly buyers: number;
  readonly solvers: number;
  /** Looks at orders that have left their object, and orders for that. */
  readonly archivedReads: number;
  readonly archivedOrders: number;
  /** Calls one right after the other, calls with a pause before each; calls before all, that wake the objects and the compiler. */
  readonly alone: number;
  readonly rested: number;
  readonly warmUp: number;
  /** Calls inside the gateway, of which single holds and batches; objects of the limiter that write, and how often. */
  readonly inner: number;
  readonly singleHolds: number;
  readonly singleBatches: number;
  readonly flushingObjects: number;
  readonly flushes: number;
  /**
   * Orders whose rows are counted, of which so many are held one after the other; and how long their holds run: none may end before it is
   * paid or counted, on a busy machine too.
   */
  readonly orders: number;
  readonly loneOrders: number;
  readonly holdSeconds: number;
}

/** With ticks of 10 ms this makes the CPU of a call known to about two per cent. Of rows few are enough: the counts are exact. */
export const FULL: Sizes = {
  undisturbed: true,
  reads: 8000,
  buyers: 3000,
  solvers: 800,
  archivedReads: 500,
  archivedOrders: 64,
  alone: 300,
  rested: 150,
  warmUp: 600,
  inner: 6000,
  singleHolds: 1500,
  singleBatches: 200,
  flushingObjects: 128,
  flushes: 8,
  orders: 300,
  loneOrders: 60,
  holdSeconds: 12,
};

/** Every operation is done, none often: what comes out are no figures. */
export const QUICK: Sizes = {
  undisturbed: false,
  reads: 4,
  buyers: 4,
  solvers: 2,
  archivedReads: 4,
  archivedOrders: 2,
  alone: 2,
  rested: 2,
  warmUp: 2,
  inner: 8,
  singleHolds: 2,
  singleBatches: 2,
  flushingObjects: 2,
  flushes: 1,
  orders: 8,
  loneOrders: 2,
  holdSeconds: 6,
};
