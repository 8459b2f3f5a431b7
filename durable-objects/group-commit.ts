/**
 * Group commit: commands that arrive while a commit is on its way to disk are gathered and committed together.
 *
 * An idle object commits at once, so a lone command waits for nobody; under load the disk sets the pace, and whoever says so by `restAfter`.
 * Answers are handed out as soon as the commit is written: the object's output gate keeps them back until it is on disk
 * (https://developers.cloudflare.com/durable-objects/reference/in-memory-state/). This class knows nothing of what is
 * committed: `commit` must be synchronous and all or nothing.
 */

export interface GroupCommitOptions<Command, Answer> {
  /** Applies the commands in order within one transaction, and returns an answer for each. Throwing must change nothing. */
  readonly commit: (commands: readonly Command[]) => readonly Answer[];
  /** Resolves when everything written so far is on disk: `ctx.storage.sync()`. */
  readonly durable: () => Promise<void>;
  /** What else to wait for, after a commit of so many commands, before the next one begins. @default nothing */
  readonly restAfter?: (commands: number) => Promise<void> | undefined;
  /** The most commands in one transaction: bounds how long the object is deaf. */
  readonly maxBatch: number;
  /** The most commands waiting; one more is not taken. */
  readonly maxWaiting: number;
}

interface Waiting<Command, Answer> {
  readonly command: Command;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (fault: unknown) => void;
}

export class GroupCommit<Command, Answer> {
  readonly #options: GroupCommitOptions<Command, Answer>;
  #waiting: Waiting<Command, Answer>[] = [];
  #running = false;

  constructor(options: GroupCommitOptions<Command, Answer>) {
    this.#options = options;
  }

  /** The command's answer, or undefined when too many are waiting already: nothing was done then. */
  submit(command: Command): Promise<Answer> | undefined {
    if (this.#waiting.length >= this.#options.maxWaiting) return undefined;
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#waiting.push({ command, resolve, reject });
    });
    if (!this.#running) void this.#run();
    return answer;
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#waiting.splice(0, this.#options.maxBatch);
        this.#commitTogether(batch);
        await this.#options.durable();
        const rest = this.#options.restAfter?.(batch.length);
        if (rest !== undefined) await rest;
      }
    } catch (fault) {
      // The disk failed: the platform resets the object. Whoever still waits is told rather than left hanging.
      for (const waiting of this.#waiting.splice(0)) waiting.reject(fault);
    } finally {
      this.#running = false;
    }
  }

  /** One transaction for all; if that fails, one for each, so that a command that cannot be applied fails alone. */
  #commitTogether(batch: readonly Waiting<Command, Answer>[]): void {
    let answers: readonly Answer[];
    try {
      answers = this.#options.commit(batch.map((waiting) => waiting.command));
    } catch (fault) {
      if (batch.length > 1) for (const waiting of batch) this.#commitTogether([waiting]);
      else batch[0]?.reject(fault);
      return;
    }
    batch.forEach((waiting, index) => waiting.resolve(answers[index] as Answer));
  }
}
