/**
 * Who can't deliver a broadcast to whom, as late attempts have shown. Pure.
 *
 * Rules: what somebody couldn't deliver to a PC is not asked of it again for that PC, until it is another than it was
 * then (`stamp`): it has registered again, or more of its files are there. What a PC says counts for itself only.
 */

/** Who couldn't deliver what to whom. */
export class Vain {
  /** By broadcast, and by the cookie of who wanted it: the stamps of those who couldn't. */
  #broadcasts = new Map<string, Map<string, Map<string, number>>>();

  /** @param by a holder's cookie, or another word for who it is. */
  note(id: string, receiver: string, by: string, stamp: number): void {
    const receivers = this.#broadcasts.get(id) ?? new Map<string, Map<string, number>>();
    const holders = receivers.get(receiver) ?? new Map<string, number>();
    this.#broadcasts.set(id, receivers.set(receiver, holders.set(by, stamp)));
  }

  /** Tells whether it would be in vain to ask the same again. */
  has(id: string, receiver: string, by: string, stamp: number): boolean {
    return this.#broadcasts.get(id)?.get(receiver)?.get(by) === stamp;
  }

  /** It's over for one PC, or for all. */
  forget(id: string, receiver?: string): void {
    if (receiver === undefined) this.#broadcasts.delete(id);
    else this.#broadcasts.get(id)?.delete(receiver);
  }

  /** Keeps only these broadcasts. */
  keepOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#broadcasts.keys()) if (!ids.has(id)) this.#broadcasts.delete(id);
  }
}
