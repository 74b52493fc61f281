/**
 * Whom a PC sends to first. The plan gives each uplink just as much as it can carry, so whoever asks on top of that, because
 * its own parent failed it, would slow down all that hangs below us. So those whom the plan sends here come first; who comes
 * instead of one of them takes that one's place; all others get what is left over.
 *
 * One who has lost its place goes on getting what is left over, and must be told: it may not take the place of others in turn,
 * or a single fault would wander up to the source.
 */

/** Members that one member sends to first: in two trees with two children each, every uplink is full with two. */
const PLACES = 2;

/** Names that are remembered because they lost their place: more PCs than one ever sends to. */
const MOST_DEMOTED = 4_000;

/** What an asker says of itself. */
export interface Claim {
  /** Those whom the plan gave it for this and who failed it; empty for one whom the plan sends here. */
  instead: readonly string[];
  /** It has lost a place itself: it may have what is left over. */
  demoted?: boolean;
}

/** Who comes first at one PC, for one broadcast. */
export class Precedence {
  #first = new Set<string>();
  #demoted = new Set<string>();

  /**
   * Somebody asks for pieces.
   *
   * @returns whether it comes first, and who has lost its place to it.
   */
  joins(name: string, { instead, demoted = false }: Claim): { isFirst: boolean; loser?: string } {
    if (demoted || this.#demoted.has(name)) return { isFirst: false };
    const loser = instead.find((each) => this.#first.has(each));
    if (loser === undefined && (instead.length === 0 || this.#first.size < PLACES)) {
      this.#first.add(name);
      // They may come yet, late: their place is taken.
      for (const each of instead) this.#demote(each);
      return { isFirst: true };
    }
    if (loser === undefined) return { isFirst: false };
    this.#first.delete(loser);
    this.#demote(loser);
    this.#first.add(name);
    return { isFirst: true, loser };
  }

  /** Names that are remembered because they lost their place. */
  get remembered(): number {
    return this.#demoted.size;
  }

  /** True for one who comes first. */
  isFirst(name: string): boolean {
    return this.#first.has(name);
  }

  #demote(name: string): void {
    if (this.#demoted.size < MOST_DEMOTED) this.#demoted.add(name);
  }

  /** It doesn't ask any more. */
  leaves(name: string): void {
    this.#first.delete(name);
  }
}
