/** What a fetch knows of one content on its way: its manifest, who delivers it, what has come. */

import { Parents } from "../../swarm/parents.ts";
import type { Clock } from "../../base/clock.ts";
import { codeOf, type ErrorCode, LabError, messageOf, RemoteError } from "../../base/errors.ts";
import { TIMEOUTS } from "../../base/limits.ts";
import { contentTitle, Layout } from "../../catalog/layout.ts";
import type { Holder } from "../../catalog/merge.ts";
import { printable } from "../../catalog/names.ts";
import type { CheckWhole, PartSpec } from "../../storage/part_spec.ts";
import type { HashFeed } from "../broadcast/hash_feed.ts";
import { contentFiles, type ContentPlan } from "./contents.ts";
import type { NamedManifest } from "./holders.ts";

/** Holders asked at once for one content; the others are kept for when one fails. */
const HOLDERS_AT_ONCE = 8;

/**
 * When nothing has come of a content for so long, milliseconds, others are asked for it, too: a holder may have fallen silent, or
 * deliver next to nothing. Twice as long each time its manifest is left for another one: the right holder may be slow.
 */
const PATIENCE = TIMEOUTS.pieceStall;

/** Faults of holders that may be back later. */
const AWAY: ReadonlySet<ErrorCode> = new Set(["unreachable", "timeout"]);

/** A file that has been fetched, or was there. */
export interface FetchedFile {
  name: string;
  /** Bytes taken from the network by this run. */
  bytes: number;
  seconds: number;
  /** Holders that delivered. */
  sources: number;
  sha256: string;
  path: string;
  /** It was there already. */
  present: boolean;
  /** Holders that delivered, by name: to be told apart when a claim turns out false. */
  from: string[];
  size: number;
}

/** Nobody could deliver a content. */
export class Undelivered extends LabError {
  override name = "Undelivered";

  /** @param absent holders that said that they don't have it. */
  constructor(code: ErrorCode, message: string, readonly absent: readonly string[]) {
    super(code, message);
  }
}

/** One content on its way. */
export class ContentRun {
  readonly layout: Layout;
  readonly title: string;
  readonly started: number;
  /** The manifest that is being followed. */
  manifest: NamedManifest | undefined;
  /** Holders whose manifest is the one followed: they may be asked for pieces. */
  readonly confirmed = new Set<string>();
  /** Holders not to be asked again, and why. */
  readonly banned = new Map<string, LabError>();
  /** Holders not asked yet. */
  standby: Holder[];
  /** GetRFCs under way. */
  asking = 0;
  /** While there is no manifest: asks one holder more for it. */
  askAnother: (() => void) | undefined;
  /** Counts beginnings: what was asked in an earlier round is no longer waited for. */
  round = 0;
  /** Holders disagree about the pieces: the whole is checked at the end. */
  disputed = false;
  /** Those who disagree with the manifest that is followed; their turn comes when it leads nowhere. */
  readonly dissenters = new Map<string, Holder>();
  /** How many of them gave each manifest. */
  readonly #dissents = new Map<string, number>();
  /** How often one manifest was left for another one. */
  #turns = 0;
  /** When a piece came last, or somebody was asked who might help. */
  #movedAt: number;
  /** Manifests that turned out false. */
  readonly falseManifests = new Set<string>();
  sawBadPiece = false;
  /** A holder that answers can't deliver it as a whole: perhaps one file of a pack has gone, or is locked. */
  declined = false;
  /** In a broadcast: who delivers which pieces. */
  readonly stripes: Parents<Holder> | undefined;
  /** In a broadcast: those who are asked, and for how many pieces. */
  readonly parents = new Map<string, number>();
  /** In a broadcast: another PC has our place, and we get what is left over. */
  demoted = false;
  /** A file that is being hashed yet: what is known of it. */
  readonly feed: HashFeed | undefined;
  /** In that case: pieces that may be asked for, as many from the first on. */
  reach = 0;
  /** An earlier run has left a part file. */
  resumes = false;
  /** Pieces from this one on come by multicast, or may: they are not asked for yet. */
  ceiling = Infinity;
  /** How often holders had forgotten the manifest and were asked for it again. */
  readonly reasked = new Map<string, number>();
  networkBytes = 0;
  readonly deliveredBy = new Set<string>();
  #fromNetwork = new Set<number>();
  #verifiedBytes = 0;
  #reported = { at: 0, bytes: 0 };

  constructor(readonly plan: ContentPlan, private clock: Clock) {
    this.layout = new Layout(contentFiles(plan), plan.pieceSize);
    this.title = contentTitle(plan.files);
    this.started = this.#movedAt = clock.monotonic();
    // Those above us in a broadcast have the manifest too.
    this.standby = [...plan.holders, ...new Set(plan.stripes?.flat())];
    this.feed = plan.feed;
    const { stripes, depths } = plan;
    const known = depths?.length === stripes?.length ? { depths: depths! } : {};
    this.stripes = stripes && new Parents(stripes, this.layout.pieceCount, this.started, known);
  }

  get id(): string {
    return this.manifest?.id ?? "";
  }
  /** Bytes of each piece. */
  pieceLengths(): number[] {
    const { layout } = this;
    return Array.from({ length: layout.pieceCount }, (_, i) => layout.pieceLength(layout.piece(i)));
  }
  get verifiedBytes(): number {
    return this.#verifiedBytes;
  }

  /** How many holders are asked at once: one is enough for a small content; a large one gains from more. */
  get holdersAtOnce(): number {
    // In a broadcast one after the other: the source first, and those above us only when it's gone.
    return this.stripes ? 1 : Math.min(HOLDERS_AT_ONCE, Math.max(1, Math.ceil(this.layout.pieceCount / 4)));
  }

  /** It comes by multicast, or may. */
  get isHeard(): boolean {
    return this.ceiling !== Infinity;
  }

  /** In a broadcast: nobody has to be asked yet, and there is somebody to be asked. */
  get needsNobody(): boolean {
    return this.isHeard || (this.parents.size === 0 && (this.stripes?.holders().length ?? 0) > 0);
  }

  /** Pieces that may be asked for now: this many, from the first on. */
  get askable(): number {
    return Math.min(this.feed ? this.reach : this.layout.pieceCount, this.ceiling);
  }

  /** The pieces that a holder may be asked for now, from `from` on. */
  piecesOf(peer: string, from = 0): "all" | number[] {
    return this.stripes?.piecesOf(peer, from, this.askable) ?? "all";
  }

  /** All pieces may be asked for, and the files are known by their SHA-256. */
  get isClosed(): boolean {
    return !this.feed || (this.feed.closing !== undefined && this.reach === this.layout.pieceCount);
  }

  /** What the part file is to hold, as workers are told it; the manifest must have come. */
  partSpec(): PartSpec {
    const { files, key, pieceSize } = this.plan;
    return {
      key,
      files: contentFiles(this.plan),
      pieceSize,
      hashes: this.manifest!.hashes,
      targets: files.map((file) => file.target),
      modified: files.map((file) => file.modified),
      present: files.map((file) => file.present),
    };
  }

  /** A holder's manifest is another one than that which is followed. */
  disagrees(holder: Holder, { id }: NamedManifest): void {
    this.disputed = true;
    this.dissenters.set(holder.peer, holder);
    this.#dissents.set(id, (this.#dissents.get(id) ?? 0) + 1);
    this.banned.set(
      holder.peer,
      new LabError("integrity", "its pieces differ from those of another holder"),
    );
  }

  /**
   * What is to be done where it gets nowhere, or more holders say that it is something else: others are asked, or those who
   * disagree are followed. Not in a broadcast, whose manifest the lab trusts.
   */
  doubt(): "ask" | "turn" | undefined {
    if (this.stripes) return undefined;
    if (this.manifest && Math.max(0, ...this.#dissents.values()) > this.confirmed.size) return "turn";
    const now = this.clock.monotonic();
    if (now - this.#movedAt < PATIENCE * 2 ** this.#turns) return undefined;
    this.#movedAt = now;
    if (this.standby.length > 0) return "ask";
    return this.manifest && this.dissenters.size > 0 ? "turn" : undefined;
  }

  /** A holder gives no manifest; one that answers perhaps has all but one of its files. */
  declines(peer: string, cause: unknown): void {
    this.banned.set(peer, new LabError(codeOf(cause), messageOf(cause)));
    this.declined ||= cause instanceof RemoteError && cause.code !== "busy";
  }

  /** A holder gave a manifest that turned out false. */
  lied(peer: string): void {
    this.banned.set(peer, new LabError("integrity", "its copy is not what it claims"));
  }

  /** The whole is not what it was claimed to be: begins again with those who didn't say so. */
  retract(): void {
    this.falseManifests.add(this.id);
    this.sawBadPiece = true;
    for (const peer of this.confirmed) this.lied(peer);
    this.restart(this.plan.holders.filter((holder) => !this.confirmed.has(holder.peer)));
  }

  /** Begins again with these holders: what had come so far was false. */
  restart(holders: Holder[]): void {
    this.round++;
    this.asking = 0;
    this.manifest = undefined;
    this.confirmed.clear();
    this.standby = holders;
    this.disputed = false;
    this.dissenters.clear();
    this.#dissents.clear();
    this.#movedAt = this.clock.monotonic();
    this.#fromNetwork.clear();
    this.#verifiedBytes = 0;
    this.#reported = { at: 0, bytes: 0 };
  }

  /** Begins again with those who disagreed. */
  followDissenters(): void {
    const holders = [...this.dissenters.values()];
    for (const { peer } of holders) this.banned.delete(peer);
    this.restart(holders);
    this.disputed = true;
  }

  /** The same while those who were followed are still there: they are the ones who disagree from now on. */
  turn(): void {
    const left = this.plan.holders.filter(({ peer }) => this.confirmed.has(peer));
    const unheard = this.plan.holders.filter(({ peer }) =>
      !this.confirmed.has(peer) && !this.banned.has(peer)
    );
    this.#turns++;
    this.followDissenters();
    this.standby.push(...unheard);
    for (const holder of left) {
      this.dissenters.set(holder.peer, holder);
      this.banned.set(holder.peer, new LabError("timeout", "it delivers next to nothing"));
    }
  }

  /** Pieces that an earlier run left, checked. */
  resumed(pieces: readonly number[]): void {
    for (const piece of pieces) {
      this.#verifiedBytes += this.layout.pieceLength(this.layout.piece(piece));
    }
  }

  /** A verified piece that was missing until now. */
  gained(piece: number, bytes: number): void {
    this.#fromNetwork.add(piece);
    this.#movedAt = this.clock.monotonic();
    this.#verifiedBytes += bytes;
    this.stripes?.gained(piece, this.clock.monotonic());
  }

  /**
   * Whether the whole is hashed once its pieces are right: where holders disagree, always. Not in a broadcast: the hashes
   * of pieces and whole have one author there, whom the lab trusts, and all PCs would be busy with it in the same moment.
   */
  get checkWhole(): CheckWhole {
    if (this.disputed) return "always";
    return this.stripes ? "never" : "small";
  }

  /** Progress to report now, or undefined when it was reported a moment ago. */
  progress(): { name: string; bytes: number; total: number; rate: number; sources: number } | undefined {
    const now = this.clock.monotonic();
    const total = this.layout.totalBytes;
    const news = this.#verifiedBytes - this.#reported.bytes;
    if (now - this.#reported.at < 100 && news < total / 20) return undefined;
    this.#reported = { at: now, bytes: this.#verifiedBytes };
    const seconds = Math.max(now - this.started, 1) / 1000;
    return {
      name: this.title,
      bytes: this.#verifiedBytes,
      total,
      rate: Math.round(this.networkBytes / seconds),
      sources: this.deliveredBy.size,
    };
  }

  /** The files, once they are in their places; `but` those that aren't, by their place in the content. */
  fetched(paths: readonly string[], but: ReadonlySet<number>): FetchedFile[] {
    const seconds = (this.clock.monotonic() - this.started) / 1000;
    const from = [...this.deliveredBy];
    const bytes = this.plan.files.length === 1 ? [this.networkBytes] : this.#bytesPerFile();
    return this.plan.files.flatMap((file, i) =>
      file.present || but.has(i) ? [] : [{
        name: file.name,
        size: file.size,
        bytes: bytes[i]!,
        seconds,
        sources: from.length,
        sha256: file.sha256,
        path: paths[i]!,
        present: false,
        from,
      }]
    );
  }

  /** Why this content can't be had. */
  failure(): LabError {
    const names = printable(this.title);
    // In a broadcast whoever had given it up, or had no time, may have lost the same source: it is worth a later try, and no reason.
    const isFault = (code: ErrorCode) => !this.stripes || code !== "not_found" && code !== "busy";
    const reasons = [...this.banned].toSorted(([, a], [, b]) =>
      Number(isFault(b.code)) - Number(isFault(a.code))
    )
      .map(([peer, error]) => `${printable(peer)}: ${error.message}`);
    const seen = [...new Set(reasons)].slice(0, 3).join("; ");
    if (this.sawBadPiece) {
      return new LabError(
        "integrity",
        `Cannot fetch ${names}: no good copy could be had (${seen}); try again, or another holder with --from`,
      );
    }
    const codes = [...this.banned.values()].map((error) => error.code);
    const faults = codes.filter(isFault);
    const isAway = codes.length === 0 || faults.length > 0 && faults.every((each) => AWAY.has(each));
    const code = isAway ? "unreachable" : codes.at(-1)!;
    const hint = code === "unreachable" ? "; see who is there with peer peers" : "";
    return new Undelivered(
      code === "protocol" ? "integrity" : code,
      `Cannot fetch ${names}: ${seen || "nobody holds it"}${hint}`,
      [...this.banned].filter(([, error]) => error.code === "not_found").map(([peer]) => peer),
    );
  }

  #bytesPerFile(): number[] {
    const bytes = this.plan.files.map(() => 0);
    for (const piece of this.#fromNetwork) {
      for (const span of this.layout.spans(this.layout.piece(piece))) bytes[span.file]! += span.length;
    }
    return bytes;
  }
}
