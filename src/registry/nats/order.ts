/** Calls about one thing in the order in which they were made; those about different things side by side. */

/** Keeps an order for each key. */
export class Order {
  #last = new Map<string, Promise<unknown>>();

  /** Tells whether something about this key is being done, or waits. */
  isBusy(key: string): boolean {
    return this.#last.has(key);
  }

  /** Does the work when all that was asked for before, about the same key, has ended, however it ended. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const done = before ? before.then(work, work) : work();
    this.#last.set(key, done);
    const over = () => {
      if (this.#last.get(key) === done) this.#last.delete(key);
    };
    done.then(over, over);
    return done;
  }

  /** Resolves when nothing is being done any more. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.allSettled(this.#last.values());
  }
}
