/**
 * In a receive worker: takes the blocks of one content that come by multicast, puts pieces together, has them verified and
 * written like any other, and tells how it goes.
 */

import { type Bytes, fromHex } from "../base/bytes.ts";
import { messageOf } from "../base/errors.ts";
import { afterThisTurn, type Clock } from "../base/clock.ts";
import { decodeBlock, MULTICAST } from "../protocol/multicast.ts";
import type { PartFile } from "../storage/part_file.ts";
import { Blocks, type BlockTally } from "../swarm/blocks.ts";
import { type BlockSeal, blockSeal } from "../transport/block_seal.ts";
import { BlockListener, type Hearer } from "../transport/multicast.ts";
import type { ReceiveNews, ReceiveOrder } from "./receive_protocol.ts";

/**
 * Between two words on what has come: one for each piece would be much talk between threads, and with whoever sends. At least
 * so many milliseconds; then once so many blocks have come, which say enough of what is lost, or more are missing than may lie
 * unread on other ports; at last in any case.
 */
const TELL = { after: 200, blocks: 120, latest: 500 };

/**
 * Blocks gather while the thread stands still: what comes together costs less than what comes one after the other, most of
 * which is the runtime's work for an event. At most so many bytes, which is a quarter of what the sockets' buffers hold,
 * and so many milliseconds.
 */
const GATHER = { bytes: 512 * 1024, ms: 40 };
/** How much of the rate that was seen goes into the next guess. */
const NEWS = 0.3;

/** Once its end is heard on one port, those on the others are waited for so long, milliseconds: they may be lost. */
const END_WITHIN = 50;

/** Pieces that came whole and were wrong, after which nothing is believed any more: somebody sends blocks of their own. */
const MOST_BAD = 3;

/** What it works with. */
export interface TunedSetting {
  order: Extract<ReceiveOrder, { kind: "tune" }>;
  part: PartFile;
  clock: Clock;
  /** Has the thread stand still, milliseconds. */
  pause: (ms: number) => void;
  tell: (news: ReceiveNews) => void;
  /** Something of ours failed: the disk, a permission. */
  failed: (cause: unknown) => void;
  /** Joins the group; another way in tests. */
  listen?: (group: string, at: string, hearer: Hearer) => Promise<Pick<BlockListener, "close">>;
}

/** A content that is listened to. */
export class Tuned {
  #o: TunedSetting;
  #blocks: Blocks;
  #seal: BlockSeal;
  #session: Bytes;
  #listener: Pick<BlockListener, "close"> | undefined;
  #isClosed = false;
  #bad = 0;
  /** Pieces that are verified and written, and not told yet. */
  #came: number[] = [];
  /** Bytes that have come in this turn of the event loop; and per millisecond lately. */
  #turn = 0;
  #turnAt = 0;
  #rate = 0;
  #cancelTurn: (() => void) | undefined;
  #ends = 0;
  #cancelEnd: (() => void) | undefined;
  #toldAt = -Infinity;
  #told: BlockTally = { got: 0, lost: 0 };

  constructor(setting: TunedSetting) {
    const { order, part: { layout } } = setting;
    this.#o = setting;
    this.#seal = blockSeal(order.key);
    this.#session = fromHex(order.session);
    this.#blocks = new Blocks({
      pieceCount: layout.pieceCount,
      lengthOf: (piece) => layout.pieceLength(layout.piece(piece)),
      blockBytes: MULTICAST.blockBytes,
      disorder: MULTICAST.ports,
    });
  }

  /** Begins to listen; that it listens, or can't, is told. */
  async open(): Promise<void> {
    const { group, at } = this.#o.order;
    try {
      const listen = this.#o.listen ?? BlockListener.open;
      const listener = await listen(group, at, {
        heard: (datagram) => this.#heard(datagram),
        failed: () => this.#end("A socket failed"),
      });
      if (this.#isClosed) return listener.close();
      this.#listener = listener;
      this.#tell();
    } catch (cause) {
      this.#end(`Cannot listen: ${messageOf(cause)}`);
    }
  }

  /** Listens no longer; what is on the disk by now is told, or it would come again. */
  close(): void {
    this.#isClosed = true;
    this.#cancelEnd?.();
    this.#cancelTurn?.();
    this.#listener?.close();
    this.#seal.end();
    if (this.#came.length > 0) this.#tell();
  }

  #heard(datagram: Uint8Array): void {
    const block = this.#isClosed ? undefined : decodeBlock(datagram, this.#session);
    if (!block) return;
    const { piece, offset, number } = block;
    const bytes = this.#seal.open(datagram, number);
    if (!bytes) return;
    if (piece === undefined) return this.#heardEnd();
    this.#turn += datagram.length;
    this.#cancelTurn ??= afterThisTurn(() => this.#gather());
    const whole = this.#blocks.take({ piece, offset, number }, bytes);
    if (whole) this.#accept(piece, whole);
    if (!this.#isClosed && this.#isWorthTelling()) this.#tell();
  }

  #isWorthTelling(): boolean {
    const since = this.#o.clock.monotonic() - this.#toldAt;
    if (since < TELL.after) return false;
    const { got, lost } = this.#blocks.tally;
    const isMissing = lost > this.#told.lost + MULTICAST.ports;
    return since >= TELL.latest || got >= this.#told.got + TELL.blocks || isMissing;
  }

  /** All that had come has been dealt with. */
  #gather(): void {
    this.#cancelTurn = undefined;
    const { clock, pause } = this.#o;
    const now = clock.monotonic();
    const rate = this.#turn / Math.max(1, now - this.#turnAt);
    this.#rate = this.#turnAt === 0 ? 0 : this.#rate + NEWS * (rate - this.#rate);
    this.#turn = 0;
    this.#turnAt = now;
    if (this.#rate > 0 && this.#ends === 0) pause(Math.min(GATHER.ms, GATHER.bytes / this.#rate));
  }

  /** Said on each port by itself: until all have been read to it, blocks may lie there. */
  #heardEnd(): void {
    if (++this.#ends >= MULTICAST.ports) return this.#end("It has ended");
    this.#cancelEnd ??= this.#o.clock.after(END_WITHIN, () => this.#end("It has ended"));
  }

  #accept(piece: number, whole: Uint8Array): void {
    const { part, failed } = this.#o;
    // What came before its hash is had from others.
    if (!part.knows(piece)) return;
    try {
      if (part.accept(piece, whole)) {
        this.#came.push(piece);
        // That it is over is not to wait.
        if (piece === part.layout.pieceCount - 1) this.#tell();
        return;
      }
    } catch (cause) {
      this.close();
      return failed(cause);
    }
    if (++this.#bad >= MOST_BAD) this.#end(`${MOST_BAD} pieces were not what they should be`);
  }

  #end(why: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#tell(why);
  }

  #tell(why?: string): void {
    this.#toldAt = this.#o.clock.monotonic();
    const { passed, tally } = this.#blocks;
    const { content } = this.#o.order;
    const more = { pieces: this.#came, ...(why === undefined ? {} : { why }) };
    this.#came = [];
    this.#told = tally;
    this.#o.tell({ kind: "multicast", content, passed, ...tally, ...more });
  }
}
