/** How often somebody may try a join code: a few times a minute from one address. Pure. */

/** Failed tries from one address in one minute. Somebody who mistypes needs two; a lab behind one NAT a few more. */
export const TRIES = 10;
const WINDOW = 60_000;
/** Addresses remembered; beyond, the oldest is forgotten. */
const ADDRESSES = 10_000;

/** Counts failed tries. */
export class Tries {
  #failed = new Map<string, number[]>();

  /** Tells whether an address may try now. */
  mayTry(address: string, now: number): boolean {
    return this.#lately(address, now).length < TRIES;
  }

  /** A try from there failed. */
  failed(address: string, now: number): void {
    const lately = [...this.#lately(address, now), now];
    this.#failed.delete(address);
    this.#failed.set(address, lately);
    if (this.#failed.size > ADDRESSES) this.#failed.delete(this.#failed.keys().next().value!);
  }

  #lately(address: string, now: number): number[] {
    return (this.#failed.get(address) ?? []).filter((at) => at > now - WINDOW);
  }
}
