/**
 * When to leave a parent. A PC gets the stripes of a broadcast from different parents at the same pace: a stripe that falls
 * behind the others has a slow, stuck or starving parent, whichever it is and whatever the rate of the network. Where all
 * stripes are slow it is the source or our own link, and another parent would help nobody.
 *
 * All that hangs below a fault falls behind. Only those right below it are to act: so who is behind tells those who ask it,
 * before they lose patience, and they hold and pass it on. Whose parent is behind in all stripes, or in none, hears
 * nothing and leaves it.
 */

/** How far a stripe may fall behind. */
export interface LagLimits {
  /** Pieces behind, right below the source. */
  pieces: number;
  /** Further pieces for each PC between the source and us: those above are to notice first. */
  piecesPerLevel: number;
  /** It stays that far behind for so many milliseconds: disks and programs hiccup. */
  pause: number;
  /** How long we hold when told, milliseconds. */
  hold: number;
}

/**
 * 8 pieces are a third of a second at 100 Mbit/s. Less, and TCP's moods and busy PCs look like faults: STATE.md has the
 * figures. Those who are told to hold are told again every 100 ms.
 */
const LAG_LIMITS: LagLimits = { pieces: 8, piecesPerLevel: 1, pause: 200, hold: 300 };

/** News that have passed through so many PCs go round in a circle: there are 16 levels below 100,000 PCs. */
export const FURTHEST = 20;

/**
 * Falling behind by the limit counts within so many times the limit: only who brings less than a third of what the others
 * bring is left. Another one would have to share its uplink, so the cure costs more than a parent that is somewhat slow.
 */
const WINDOW = 1.5;

/** How much further a stripe may be behind before its first piece has come. */
const FIRST_PIECE = 2;

/**
 * And only while nothing comes of it for so many times as long as the others take for a piece: who has caught its breath is
 * as good as any other, however far it has fallen behind.
 */
const SILENT = 3;

/** From saying that we are behind to leaving: so many pieces more. */
const SURE = 2;

/** What is to be done about a stripe. */
export type Verdict =
  /** Nothing. */
  | { kind: "fine" }
  /** It is behind: those who ask us for it are to hold. `hops` is to go with that news. */
  | { kind: "behind"; hops: number }
  /** Its parent is to be left for another. */
  | { kind: "leave" };

interface Gauge {
  /** PCs between the source and us. */
  depth: number;
  /** Pieces that have come. */
  gained: number;
  /** How far it was behind lately, and how far the others were; begins anew when another parent is asked. */
  recent: { front: number; behind: number }[];
  /** When the last piece came, milliseconds. */
  gainedAt: number;
  /** No piece is missing. */
  isWhole: boolean;
  /** Since when it has been too far behind, milliseconds. */
  behindSince: number;
  /** We hold until then. */
  heldUntil: number;
  /** PCs between us and the one who said first that it's behind. */
  hops: number;
}

/** How the stripes of one content get on, each against the others. */
export class Lag {
  #gauges: Gauge[];

  /**
   * @param depths for each stripe, PCs between the source and us.
   * @param began milliseconds.
   */
  constructor(
    private depths: readonly number[],
    private began: number,
    private limits: LagLimits = LAG_LIMITS,
  ) {
    this.#gauges = this.#fresh();
  }

  /** What has come until now came by another way, and says nothing of those who are asked from now on. */
  begin(now: number): void {
    this.began = now;
    this.#gauges = this.#fresh();
  }

  #fresh(): Gauge[] {
    const { depths, began } = this;
    // How much later it comes down its tree than the others down theirs is no fault.
    const ahead = (stripe: number) => Math.min(...depths.filter((_, i) => i !== stripe));
    return depths.map((depth, stripe) => ({
      depth,
      gained: 0,
      recent: [{ front: 0, behind: depths.length > 1 ? depth - ahead(stripe) : 0 }],
      gainedAt: began,
      isWhole: false,
      behindSince: Infinity,
      heldUntil: -Infinity,
      hops: 0,
    }));
  }

  /** A piece of this stripe has come. */
  gained(stripe: number, now: number): void {
    const gauge = this.#gauges[stripe]!;
    gauge.gained++;
    gauge.gainedAt = now;
    // A link that is slow itself gets all stripes at once, however far they have come.
    if (gauge.gained === 1) {
      const front = this.#front(gauge, now);
      gauge.recent = [{ front, behind: Math.min(front - 1, Math.max(0, gauge.recent[0]!.behind)) }];
    }
  }

  /** The last piece of this stripe has come; from now on it counts as if it went on at the pace it had. */
  whole(stripe: number): void {
    this.#gauges[stripe]!.isWhole = true;
  }

  /** Another parent is asked for this stripe: it gets a fresh allowance. */
  changed(stripe: number, now: number): void {
    const gauge = this.#gauges[stripe]!;
    // Whoever stands in may be a leaf: it has each piece later than the parent had it by a piece per level.
    const later = Math.max(...this.#gauges.map(({ depth }) => depth));
    const front = this.#front(gauge, now);
    gauge.recent = [{ front, behind: front - gauge.gained + later }];
    gauge.behindSince = Infinity;
    gauge.heldUntil = -Infinity;
  }

  /** Whom we ask for this stripe is behind with it itself. */
  hold(stripe: number, hops: number, now: number): void {
    if (hops >= FURTHEST) return;
    const gauge = this.#gauges[stripe]!;
    gauge.heldUntil = now + this.limits.hold;
    gauge.hops = hops + 1;
  }

  /** How it stands with a stripe. Ask with each piece that comes, and ten times a second. */
  look(stripe: number, now: number): Verdict {
    const gauge = this.#gauges[stripe]!;
    if (gauge.isWhole) return { kind: "fine" };
    if (now < gauge.heldUntil) return { kind: "behind", hops: gauge.hops };
    if (gauge.heldUntil > -Infinity) this.changed(stripe, now);
    const { pieces, piecesPerLevel, pause } = this.limits;
    // Until the first piece has come, those above may not have theirs either, and nobody can tell.
    const limit = (pieces + piecesPerLevel * gauge.depth) * (gauge.gained === 0 ? FIRST_PIECE : 1);
    const lost = this.#lost(gauge, WINDOW * (limit + SURE), now);
    if (lost < limit) {
      gauge.behindSince = Infinity;
      return { kind: "fine" };
    }
    gauge.behindSince = Math.min(gauge.behindSince, now);
    const isSure = lost >= limit + SURE && now - gauge.behindSince >= pause && this.#isSilent(gauge, now);
    return isSure ? { kind: "leave" } : { kind: "behind", hops: 0 };
  }

  /** Pieces by which it has fallen behind while the others got so many. */
  #lost(gauge: Gauge, pieces: number, now: number): number {
    const { recent } = gauge;
    const front = this.#front(gauge, now);
    const behind = front - gauge.gained;
    const last = recent.at(-1);
    if (last?.behind !== behind || last.front !== front) recent.push({ front, behind });
    while (recent[0]!.front < front - pieces) recent.shift();
    return behind - Math.min(...recent.map((each) => each.behind));
  }

  #isSilent(gauge: Gauge, now: number): boolean {
    const each = (now - this.began) / Math.max(1, this.#front(gauge, now));
    return now - gauge.gainedAt >= SILENT * each;
  }

  /** Where the others are. */
  #front(gauge: Gauge, now: number): number {
    return Math.max(
      0,
      ...this.#gauges.filter((each) => each !== gauge).map((each) => this.#paced(each, now)),
    );
  }

  #paced({ gained, gainedAt, isWhole }: Gauge, now: number): number {
    if (!isWhole || gained === 0) return gained;
    return Math.floor(gained * (now - this.began) / Math.max(1, gainedAt - this.began));
  }
}
