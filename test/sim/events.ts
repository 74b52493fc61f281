/** What happens when, in virtual time: a binary heap; of what happens at the same time, what was planned first comes first. */

interface Planned {
  at: number;
  order: number;
  run: () => void;
}

/** A clock that jumps from event to event. */
export class Events {
  /** Milliseconds since the beginning. */
  now = 0;
  #heap: Planned[] = [];
  #order = 0;

  /** How many have been carried out. */
  count = 0;

  /** Plans something for later. */
  after(ms: number, run: () => void): void {
    this.at(this.now + ms, run);
  }

  /** Plans something for a moment that is not before now. */
  at(at: number, run: () => void): void {
    const heap = this.#heap;
    const item = { at, order: this.#order++, run };
    let i = heap.length;
    heap.push(item);
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (!isBefore(item, heap[up]!)) break;
      heap[i] = heap[up]!;
      i = up;
    }
    heap[i] = item;
  }

  /** Carries out what comes next. @returns false when there is nothing. */
  step(): boolean {
    const heap = this.#heap;
    const next = heap[0];
    if (!next) return false;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    this.now = next.at;
    this.count++;
    next.run();
    return true;
  }

  #sink(item: Planned): void {
    const heap = this.#heap;
    let i = 0;
    while (true) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, item)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = item;
  }
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
