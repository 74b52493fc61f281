/**
 * The sending side of a broadcast: offers it to every PC at once, hears how far each is, and offers it again to those whose
 * connection broke. A PC counts as done when it has verified the whole and said so.
 */

import { sleepOrLess } from "../../base/clock.ts";
import { codeOf, LabError, messageOf } from "../../base/errors.ts";
import { TIMEOUTS } from "../../base/limits.ts";
import type { HostPort } from "../../base/units.ts";
import { printable } from "../../catalog/names.ts";
import type { MessageOf, WireFile } from "../../protocol/messages.ts";
import { Budget } from "../../transport/budget.ts";
import type { Connection } from "../../transport/connection.ts";
import type { Exchange } from "../../transport/exchange.ts";
import { connect } from "../../transport/connect.ts";
import type { Interface } from "../../protocol/discovery/addresses.ts";
import type { Throttle } from "../../transport/rate.ts";
import type { SendFile } from "../send_files.ts";
import { inPages } from "../../base/pages.ts";
import { Comeback } from "./comeback.ts";
import type { HashFeed } from "./hash_feed.ts";
import { Multicaster } from "./multicaster.ts";
import { Receivers, type ReceiversSetting } from "./receivers.ts";
import { whenStill } from "./still.ts";

/** How it stands with one PC. */
export interface Target {
  name: string;
  state: "waiting" | "receiving" | "done" | "failed";
  /** Verified bytes, as it says. */
  bytes: number;
  /** What it says it sends at most, bytes per second; nothing where it has no limit. */
  limit?: number;
  /** Why it failed, or why it waits. */
  reason?: string;
  /** The kind of fault, when it failed. */
  code?: string;
  /** It is not there now: the registration server sees to it when it comes. */
  off?: true;
  /** Seconds from the beginning until it was done. */
  seconds?: number;
}

/** What a broadcast needs. */
export interface BroadcastSetting extends ReceiversSetting {
  /** Milliseconds after which those who are not done have failed. */
  timeout: number;
  /** Makes way for other traffic. */
  background?: boolean;
  /** To be sent by multicast too, where that is worth while: out of one of these interfaces, as fast as this allows. */
  multicast?: { interfaces: readonly Interface[]; limiter: Throttle } | undefined;
  /** Where the files can be fetched. */
  port: number;
  /** Hears at which address of ours a PC will look for that port, before it is told of it. */
  reachedAt?: (local: HostPort) => void;
  /** Hears each change. */
  changed: (targets: readonly Target[]) => void;
}

/** Pause before a PC whose connection broke is offered again, milliseconds. */
const AGAIN = 1_000;

/** Between two messages with hashes of a file that is being hashed, milliseconds: one for each piece would be a flood. */
const HASHES_EVERY = 100;

/** Between two words on how far all are, milliseconds. */
const TELL_EVERY = 100;

/**
 * Messages a second that are read of a PC: five tell how far it is, and it may tell what it has got of many files; one that
 * lies is not to hold up all others.
 */
const HEARD = 5_000;

/** When the file fails, receivers are told so for this long, milliseconds, before their connections end. */
const LAST_WORD = 2_000;

/** A fault of these kinds may pass; any other is the end for that PC. */
const PASSING = new Set(["unreachable", "timeout", "busy", "protocol", "interrupted"]);

/**
 * PCs are greeted level by level, so many milliseconds apart: where it begins, nobody below gains anything by it when all are
 * greeted at once, and the two from whom all get their pieces wait among them. A piece takes longer to come down a level
 * than this at 100 Mbit/s.
 */
const LEVEL_AFTER = 40;

/** A running broadcast. */
export class Broadcast {
  readonly id: string;
  readonly targets: Target[] = [];
  #files: readonly SendFile[];
  #o: BroadcastSetting;
  #bytes: number;
  #receivers: Receivers;
  #began: number;
  #stop = new AbortController();
  #multicaster: Multicaster | undefined;
  #comeback: Comeback | undefined;
  /** Ends the look whether anything moves. */
  #unwatch: (() => void) | undefined;
  /** Keeps what has come from being told. */
  #hush: (() => void) | undefined;

  constructor(files: readonly SendFile[], setting: BroadcastSetting) {
    this.#files = files;
    this.#o = setting;
    this.#receivers = new Receivers(setting);
    this.#bytes = files.reduce((sum, file) => sum + file.size, 0);
    this.id = setting.context.random.id(8);
    this.#began = setting.context.clock.monotonic();
  }

  /** Those who get pieces from us first of all: no other PC is above them. */
  children(): HostPort[] {
    return this.#receivers.children();
  }

  /** Size of all files together. */
  get bytes(): number {
    return this.#bytes;
  }

  /** PCs that are off now, and get it when they register. */
  get away(): number {
    return this.#o.to ? this.targets.filter(({ off }) => off).length : this.#receivers.away.size;
  }

  /** Some of it went by multicast. */
  get isMulticast(): boolean {
    return this.#multicaster?.hasSent ?? false;
  }

  /**
   * Runs until every PC is done or has failed.
   *
   * @throws {LabError} when there is nobody to send to, or the registration server can't be asked.
   */
  async run(): Promise<void> {
    const { context, timeout } = this.#o;
    const { wanted, order } = await this.#receivers.find();
    if (wanted.length === 0) throw new LabError("not_found", "Cannot broadcast: no other peer is active now");
    for (const name of order) this.targets.push({ name, state: "waiting", bytes: 0 });
    for (const name of new Set(wanted)) {
      if (order.includes(name)) continue;
      const [state, reason] = this.#receivers.away.has(name)
        ? ["waiting" as const, "off now; it gets it when it registers"]
        : ["failed" as const, "no active peer has that name, see rs peers; it gets it if it registers"];
      this.targets.push({ name, state, bytes: 0, reason, off: true });
    }
    this.#tell();
    const stop = this.#stop;
    const deadline = context.clock.after(
      timeout,
      () => stop.abort(new LabError("timeout", "the time is up")),
    );
    const signal = AbortSignal.any([this.#o.signal, stop.signal]);
    const feed = this.#feed;
    this.#multicaster = this.#planMulticast(order);
    const multicasting = this.#multicaster?.run(signal);
    const receivers = this.#receivers;
    const lookUp = () => receivers.lookUp();
    this.#comeback = new Comeback({ clock: context.clock, lookUp, at: (name) => receivers.at(name) });
    let lastWord = () => {};
    feed?.closed().catch((fault) => lastWord = context.clock.after(LAST_WORD, () => stop.abort(fault)));
    try {
      await Promise.all(this.targets.filter(({ off }) => !off).map((each) => this.#serve(each, signal)));
    } finally {
      this.#comeback.end();
      this.#multicaster?.end();
      await multicasting;
      deadline();
      lastWord();
      this.#unwatch?.();
      this.#unwatch = () => {};
      this.#hush?.();
    }
    this.#o.signal.throwIfAborted();
    if (feed?.fault) throw feed.fault;
  }

  /**
   * The files are not what they were, and some of it can't be had from here any more. PCs that have all of it among them go
   * on; once nothing moves it is the end for those who are not done. Who has all of it and puts it on its disk, which may
   * take longer than anybody is silent on the way, is waited for.
   */
  spoiled(fault: LabError): void {
    const moved = () => this.targets.reduce((sum, { bytes }) => sum + bytes, 0);
    const isFinishing = () =>
      this.targets.some(({ state, bytes }) => state === "receiving" && bytes >= this.#bytes);
    this.#unwatch ??= whenStill(this.#o.context.clock, moved, () => {
      if (!isFinishing()) this.#stop.abort(fault);
    });
  }

  /** Of the file that is being hashed yet. */
  get #feed(): HashFeed | undefined {
    return this.#files[0]?.hashing?.feed;
  }

  #planMulticast(order: readonly string[]): Multicaster | undefined {
    const { context, multicast, background } = this.#o;
    const file = this.#files[0]?.hashing;
    if (!multicast || !file || background) return undefined;
    const receivers = order.map((name) => this.#receivers.at(name)!);
    return Multicaster.plan({ ...multicast, context, file, receivers });
  }

  /** Sees one PC through to its end. */
  async #serve(target: Target, signal: AbortSignal): Promise<void> {
    const { context } = this.#o;
    // By multicast all get the first piece at once.
    const level = this.#multicaster ? 0 : Math.min(...this.#receivers.depthsOf(target.name));
    if (level > 0) await sleepOrLess(context.clock, level * LEVEL_AFTER, signal);
    /** What kept it waiting last. */
    let fault: string | undefined;
    while (target.state !== "done" && target.state !== "failed") {
      const before = target.bytes;
      try {
        await this.#offer(target, signal);
        target.state = "done";
        target.seconds = (context.clock.monotonic() - this.#began) / 1000;
        delete target.reason;
      } catch (cause) {
        // While it is asked once more it still stands where it stood.
        const last = target.state === "waiting" || target.bytes === before ? fault : undefined;
        target.reason = signal.aborted ? whyEnded(signal.reason, last) : messageOf(cause);
        fault = target.reason;
        target.state = signal.aborted || !PASSING.has(codeOf(cause)) ? "failed" : "waiting";
        if (target.state === "failed") target.code = codeOf(signal.aborted ? signal.reason : cause);
      }
      this.#multicaster?.gone(target.name);
      this.#tell();
      if (target.state !== "waiting") return;
      await sleepOrLess(context.clock, AGAIN, signal);
      // It may have come back at another address; without the server the old one is tried.
      await this.#receivers.lookUp().catch(() => {});
    }
  }

  async #offer(target: Target, signal: AbortSignal): Promise<void> {
    const { context, identity } = this.#o;
    const peer = this.#receivers.at(target.name);
    if (!peer) throw new LabError("unreachable", "it is not registered now");
    const { address: host, port, id } = peer;
    const at = { host, port, id, isAnother: (name: string) => this.#receivers.isAnother(name, target.name) };
    const options = { ...context, signal, idle: TIMEOUTS.manifest, budget: new Budget(HEARD) };
    const { connection } = await connect(at, identity, options);
    const end = () => connection.close(signal.reason);
    signal.addEventListener("abort", end, { once: true });
    const watched = this.#comeback!.watch(target.name, (reason) => connection.close(reason));
    try {
      this.#o.reachedAt?.(connection.local);
      await this.#talk(target, connection, watched.heard);
    } finally {
      watched.end();
      signal.removeEventListener("abort", end);
      await connection.finish();
    }
  }

  /** @param heard is called when it says anything. */
  async #talk(target: Target, connection: Connection, heard: () => void): Promise<void> {
    const wire = this.#files.map((file): WireFile => [file.offered, file.size, file.sha256]);
    const pages = [...inPages(wire, ([name]) => 120 + 3 * name.length)];
    const exchange = connection.open(this.#message(target, pages, 0));
    for (let i = 1; i < pages.length; i++) {
      await exchange.expect("OfferNext");
      await exchange.send(this.#message(target, pages, i));
    }
    target.state = "receiving";
    this.#tell();
    if (this.#feed) this.#tellHashes(this.#feed, exchange).catch(() => {});
    while (true) {
      const incoming = await exchange.next(TIMEOUTS.manifest);
      heard();
      if (incoming.kind === "OfferProgress") {
        target.bytes = Math.min(incoming.bytes, this.#bytes);
        if (incoming.limit !== undefined) target.limit = incoming.limit;
        this.#multicaster?.heard(target.name, incoming.multicast);
      }
      if (incoming.kind === "Receipt" && !incoming.more) break;
      this.#tellSoon();
    }
    target.bytes = this.#bytes;
  }

  /** Tells the pieces' hashes as they become known. When the connection ends, whoever reads from it sees that. */
  async #tellHashes(feed: HashFeed, exchange: Exchange): Promise<void> {
    for (let told = 0;;) {
      await feed.more(told);
      for (let hashes = feed.page(told); hashes.length > 0; hashes = feed.page(told)) {
        await exchange.send({ kind: "PieceHashes", at: told, hashes });
        told += hashes.length;
      }
      if (feed.fault) return await exchange.fail(feed.fault);
      if (feed.closing) return await exchange.send({ kind: "OfferClose", ...feed.closing });
      await this.#o.context.clock.sleep(HASHES_EVERY, exchange.signal);
    }
  }

  #message(target: Target, pages: WireFile[][], i: number): MessageOf<"Offer"> {
    const { name, port, cookie } = this.#o;
    return {
      kind: "Offer",
      purpose: "broadcast",
      id: this.id,
      peer: name,
      port,
      files: pages[i]!,
      bytes: this.#bytes,
      stripes: this.#receivers.stripesOf(target.name),
      depths: this.#receivers.depthsOf(target.name),
      ...(this.#o.background ? { background: true } : {}),
      ...(this.#feed ? { provisional: true } : {}),
      ...this.#multicaster?.offerTo(target.name, this.#receivers.at(target.name)!.address),
      ...(cookie === undefined ? {} : { cookie }),
      ...(i < pages.length - 1 ? { more: true } : {}),
    };
  }

  #tell(): void {
    this.#hush?.();
    this.#hush = undefined;
    this.#o.changed(this.targets);
  }

  /** That somebody has a little more is told with what others have. */
  #tellSoon(): void {
    this.#hush ??= this.#o.context.clock.after(TELL_EVERY, () => this.#tell());
  }
}

/** Why nothing more is tried; what kept a PC waiting until the time was up says more than that it was. */
function whyEnded(reason: unknown, fault: string | undefined): string {
  const isLate = codeOf(reason) === "timeout" && fault !== undefined;
  return isLate ? `${messageOf(reason)}; the last try: ${fault}` : messageOf(reason);
}

/** Tells a reason in one line for a table. */
export function reasonOf(target: Target): string {
  return target.reason === undefined ? "" : printable(target.reason);
}
