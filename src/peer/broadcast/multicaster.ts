/**
 * Sends a broadcast's pieces by multicast beside the trees: each block once, to all PCs of the subnet at the same time. Whoever
 * can't hear it, or loses some, gets that from those above it in the trees, as without multicast; so nothing depends on it,
 * and what it spares is that every PC receives and sends everything.
 *
 * It begins when those who are to listen do, and ends when the file does, when few listen, or when most lose too much.
 */

import type { Clock } from "../../base/clock.ts";
import { type Bytes, fromHex } from "../../base/bytes.ts";
import { LabError, messageOf } from "../../base/errors.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import { type Interface, isNear } from "../../protocol/discovery/addresses.ts";
import { MULTICAST, writeBlockHeader } from "../../protocol/multicast.ts";
import type { BlockTally } from "../../swarm/blocks.ts";
import { MulticastPace } from "../../swarm/multicast_pace.ts";
import { type BlockSeal, blockSeal } from "../../transport/block_seal.ts";
import { BlockSender, SENDERS } from "../../transport/multicast.ts";
import type { Throttle } from "../../transport/rate.ts";
import type { PeerContext } from "../context.ts";
import type { PieceReader } from "../serve/content_store.ts";
import type { HashedFile } from "./hashed_file.ts";

/** With fewer listeners the trees are as good: two who exchange halves cost the source no more. */
const FEWEST = 3;
/** A smaller file is there before all have joined a group, bytes. */
const SMALLEST = 8 * 1024 * 1024;
/** Once enough listen, and nobody has begun to for so long, those who don't are not waited for, milliseconds. */
const STRAGGLERS = 200;
/** Nor are they after so long in all; and with too few listeners by then there won't be more, milliseconds. */
const READY_WITHIN = 1_500;
/** A piece goes out so long after its hash was known, milliseconds: receivers are told hashes every 100. */
const HASHES_FIRST = 250;
/** Between two looks whether the next hash is known, milliseconds. */
const LOOK = 20;
/** A shorter wait is no wait, milliseconds: timers are no more exact than that. */
const SHORTEST_WAIT = 3;
/** That it has ended is said so many times, so many milliseconds apart. */
const ENDS = { times: 3, apart: 30 };

/** Names the blocks of a broadcast: the file's provisional name is random, and known to all of its receivers. */
export function sessionOf(provisional: string): string {
  return provisional.slice(0, 16);
}

/** What it takes. */
export interface MulticasterSetting {
  context: Pick<PeerContext, "clock" | "random" | "log" | "security">;
  file: HashedFile;
  /** What the process may send. */
  limiter: Throttle;
  /** Opens the way out; another in tests. */
  open?: (from: string, group: string) => Pick<BlockSender, "send" | "finish">;
}

/** One broadcast by multicast. */
export class Multicaster {
  #o: MulticasterSetting;
  #clock: Clock;
  #group: string;
  #key: string | undefined;
  #seal: BlockSeal;
  #session: Bytes;
  /** Datagrams, used in turn: those that are being sent, and the one that is being made. */
  #rooms = Array.from(
    { length: SENDERS + 1 },
    () => new Uint8Array(MULTICAST.headerBytes + MULTICAST.blockBytes),
  );
  #pace: MulticastPace;
  /** Those who can hear it and have a part of the file to come, and whether they listen. */
  #receivers = new Map<string, boolean>();
  #ready = Promise.withResolvers<void>();
  /** Ends the wait for those who don't listen yet, and how many did when it began. */
  #stopWaiting = () => {};
  #waitedWith = 0;
  #state: "waiting" | "running" | "over" = "waiting";
  #stop = new AbortController();
  /** Hashes that were known at a time, and are being told. */
  #known: { pieces: number; at: number }[] = [];
  /** Pieces whose hashes receivers know by now. */
  #toldPieces = 0;
  #piece = 0;
  #number = 0;

  private constructor(setting: MulticasterSetting, private from: Interface, names: readonly string[]) {
    const { context: { clock, random, security } } = setting;
    this.#o = setting;
    this.#clock = clock;
    const [a, b] = [random.next(), random.next()].map((part) => Math.floor(part * 256));
    this.#group = `239.255.${a}.${b}`;
    this.#key = security ? random.id(16) : undefined;
    this.#seal = blockSeal(this.#key);
    this.#session = fromHex(sessionOf(setting.file.feed.id));
    this.#pace = new MulticastPace(clock.monotonic());
    for (const name of names) this.#receivers.set(name, false);
    // What is known by now is told with the offers; what comes later takes its time.
    this.#toldPieces = setting.file.feed.known;
  }

  /**
   * Sees whether multicast is worth while, and out of which interface.
   *
   * @param receivers their names and addresses.
   */
  static plan(
    setting: MulticasterSetting & {
      interfaces: readonly Interface[];
      receivers: readonly { name: string; address: string }[];
    },
  ): Multicaster | undefined {
    const { interfaces, receivers, file } = setting;
    if (file.feed.file.size < SMALLEST) return undefined;
    const reached = interfaces.map((from) => ({
      from,
      names: receivers.filter(({ address }) => isNear(address, from)).map(({ name }) => name),
    }));
    const [best] = reached.toSorted((a, b) => b.names.length - a.names.length);
    return best && best.names.length >= FEWEST ? new Multicaster(setting, best.from, best.names) : undefined;
  }

  /** What a receiver's offer says of it; nothing for one that can't hear it, or would only hear its end. */
  offerTo(name: string, address: string): Pick<MessageOf<"Offer">, "multicast"> {
    if (this.#state === "over" || !isNear(address, this.from)) return {};
    this.#receivers.set(name, false);
    const key = this.#key === undefined ? {} : { key: this.#key };
    return { multicast: { group: this.#group, ...key, piece: this.#piece } };
  }

  /** A receiver tells how it goes. */
  heard(name: string, tally: BlockTally | undefined): void {
    this.#lookAtHashes();
    if (!this.#receivers.has(name)) return;
    this.#receivers.set(name, tally !== undefined);
    this.#pace.heard(name, tally);
    this.#lookWhoListens();
  }

  /** A receiver has it, or is gone. */
  gone(name: string): void {
    this.#receivers.delete(name);
    this.#pace.heard(name, undefined);
    this.#lookWhoListens();
  }

  /** A block has gone out. */
  get hasSent(): boolean {
    return this.#number > 0;
  }

  /** Nobody needs it any more. */
  end(): void {
    this.#stop.abort(new LabError("interrupted", "The broadcast is over"));
  }

  /**
   * Runs to its end; never throws, for nothing depends on it.
   *
   * @param outer ends it early.
   */
  async run(outer: AbortSignal): Promise<void> {
    const { log, security } = this.#o.context;
    // Who is a member no longer has the key: what it is for ends.
    const stopHearing = security?.onRevoked(() => this.end());
    const signal = AbortSignal.any([outer, this.#stop.signal]);
    let sender: Pick<BlockSender, "send" | "finish"> | undefined;
    const open = this.#o.open ?? ((from, group) => new BlockSender(from, group));
    try {
      sender = open(this.from.address, this.#group);
      await this.#whenReady(signal);
      this.#state = "running";
      log.debug(`Multicast to ${this.#group}: ${this.#listeners} PCs listen`);
      await this.#sendAll(sender, signal);
    } catch (cause) {
      if (!signal.aborted) log.debug(`Multicast has ended: ${messageOf(cause)}`);
    } finally {
      this.#state = "over";
      stopHearing?.();
      if (sender) await this.#sendEnds(sender).catch(() => {});
      this.#seal.end();
      await sender?.finish();
    }
  }

  get #listeners(): number {
    return [...this.#receivers.values()].filter((listens) => listens).length;
  }

  #lookWhoListens(): void {
    const listeners = this.#listeners;
    if (this.#state !== "waiting" || listeners < FEWEST) return;
    if (listeners === this.#receivers.size) return this.#ready.resolve();
    if (listeners <= this.#waitedWith) return;
    this.#waitedWith = listeners;
    this.#stopWaiting();
    this.#stopWaiting = this.#clock.after(STRAGGLERS, () => this.#ready.resolve());
  }

  async #whenReady(signal: AbortSignal): Promise<void> {
    const { reject, promise } = this.#ready;
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    const cancel = this.#clock.after(READY_WITHIN, () => {
      if (this.#listeners >= FEWEST) return this.#ready.resolve();
      reject(new LabError("timeout", `${this.#listeners} PCs listen, which is too few`));
    });
    try {
      await promise;
    } finally {
      cancel();
      this.#stopWaiting();
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #sendAll(sender: Pick<BlockSender, "send">, signal: AbortSignal): Promise<void> {
    const { file } = this.#o;
    const { layout, id } = file.feed;
    for (; this.#piece < layout.pieceCount; this.#piece++) {
      await this.#whenHashed(this.#piece, signal);
      const reader = file.piece(id, this.#piece)!;
      for (let offset = 0; offset < reader.length; offset += MULTICAST.blockBytes) {
        signal.throwIfAborted();
        await this.#send(sender, reader, offset, signal);
      }
      if (this.#listeners < FEWEST - 1) throw new LabError("interrupted", "Hardly anybody listens");
      if (this.#pace.isHopeless) throw new LabError("interrupted", "Most blocks are lost");
    }
  }

  async #send(
    sender: Pick<BlockSender, "send">,
    reader: PieceReader,
    offset: number,
    signal: AbortSignal,
  ): Promise<void> {
    const number = this.#number++;
    const length = Math.min(MULTICAST.blockBytes, reader.length - offset);
    const datagram = this.#rooms[number % this.#rooms.length]!.subarray(0, MULTICAST.headerBytes + length);
    writeBlockHeader(datagram, this.#session, { piece: this.#piece, offset, number });
    reader.fill(datagram.subarray(MULTICAST.headerBytes), offset);
    this.#seal.close(datagram, number);
    const wait = Math.max(
      this.#o.limiter.take(datagram.length),
      this.#pace.take(datagram.length, this.#clock.monotonic()),
    );
    if (wait >= SHORTEST_WAIT) await this.#clock.sleep(wait, signal);
    await sender.send(datagram, number);
  }

  /** Waits until a piece's hash has been known for so long that receivers know it, too. */
  async #whenHashed(piece: number, signal: AbortSignal): Promise<void> {
    while (true) {
      this.#lookAtHashes();
      if (piece < this.#toldPieces) return;
      const { fault } = this.#o.file.feed;
      if (fault) throw fault;
      await this.#clock.sleep(LOOK, signal);
      this.#pace.paused(this.#clock.monotonic());
    }
  }

  #lookAtHashes(): void {
    const { feed } = this.#o.file;
    const now = this.#clock.monotonic();
    if (feed.known > (this.#known.at(-1)?.pieces ?? this.#toldPieces)) {
      this.#known.push({ pieces: feed.known, at: now });
    }
    while (this.#known.length > 0 && now - this.#known[0]!.at >= HASHES_FIRST) {
      this.#toldPieces = this.#known.shift()!.pieces;
    }
  }

  /** On every port, for each is read by itself, and more than once, for it may be lost. */
  async #sendEnds(sender: Pick<BlockSender, "send">): Promise<void> {
    const datagram = new Uint8Array(MULTICAST.headerBytes);
    const number = this.#number;
    writeBlockHeader(datagram, this.#session, { piece: undefined, offset: 0, number });
    this.#seal.close(datagram, number);
    for (let i = 0; i < ENDS.times; i++) {
      if (i > 0) await this.#clock.sleep(ENDS.apart);
      for (let port = 0; port < MULTICAST.ports; port++) await sender.send(datagram, port);
    }
  }
}
