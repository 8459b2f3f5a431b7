/**
 * The attackers' computers: so many cores for all their accounts. Proofs are solved one after the other, each by all cores
 * together (counters can be tried apart), which is the most that a farm can make of them. Time is handed in.
 */
export class Farm {
  readonly cores: number;
  #freeAt = 0;

  constructor(cores: number) {
    this.cores = cores;
  }

  /**
   * Takes a proof on, unless it would be ready too late to be of use.
   *
   * @param coreMs what it takes one core, in milliseconds.
   * @returns when it is ready; null: not in time, and nothing was done. All moments by one clock, in milliseconds.
   */
  takeOn(coreMs: number, now: number, latest: number): number | null {
    const readyAt = Math.max(now, this.#freeAt) + coreMs / this.cores;
    if (readyAt > latest) return null;
    this.#freeAt = readyAt;
    return readyAt;
  }
}
