/**
 * Many small changes, one transaction: what is asked for in one turn of the event loop is committed together, and nobody is
 * answered before. A commit costs about the same for one change and for a hundred.
 *
 * Rules: work is done in the order in which it was asked for; each is all or nothing, so when one of a group fails, the
 * group is undone and each is done again in a transaction of its own. Work must bear that.
 */

/** Where transactions are made. */
export interface Transactions {
  begin(): void;
  commit(): void;
  /** Undoes what was begun, if it wasn't undone already. */
  rollback(): void;
}

/** More in one transaction would keep the others waiting: about 10 ms. */
const GROUP_MAX = 1_000;

interface Asked {
  work: () => void;
  resolve: () => void;
  reject: (reason: unknown) => void;
}

/** Commits in groups. */
export class GroupCommit {
  #waiting: Asked[] = [];
  #cancel: (() => void) | undefined;

  /** @param soon calls back a little later, once others have asked too, unless the function that it returns is called first. */
  constructor(
    private transactions: Transactions,
    private soon: (callback: () => void) => () => void,
  ) {}

  /** Has the work done; resolves when it's committed, and rejects when it had no effect. */
  add(work: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject });
      this.#cancel ??= this.soon(() => this.flush());
    });
  }

  /** Does what waits, now: before something is read, and at the end. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, GROUP_MAX);
      if (this.#tries(group) === undefined) { for (const { resolve } of group) resolve(); }
      else for (const one of group) this.#alone(one);
    }
  }

  #alone(one: Asked): void {
    const fault = this.#tries([one]);
    if (fault === undefined) one.resolve();
    else one.reject(fault.reason);
  }

  #tries(group: readonly Asked[]): { reason: unknown } | undefined {
    try {
      this.transactions.begin();
      for (const { work } of group) work();
      this.transactions.commit();
      return undefined;
    } catch (reason) {
      this.transactions.rollback();
      return { reason };
    }
  }
}
