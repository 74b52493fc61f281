/**
 * Telling the registration server of a broadcast and of its receipts, so that it outlives the command that sends it. Only
 * the beginning has to succeed: afterwards the server may go and come back, and is told what it missed.
 */

import { sleepOrLess } from "../../base/clock.ts";
import { codeOf, LabError, messageOf } from "../../base/errors.ts";
import { TIMEOUTS } from "../../base/limits.ts";
import { inPages } from "../../base/pages.ts";
import type { MessageOf, WireFile, WireReceipt } from "../../protocol/messages.ts";
import type { Connection, Handler } from "../../transport/connection.ts";
import type { Identity } from "../../transport/handshake.ts";
import type { PeerContext } from "../context.ts";
import type { RsAddress } from "../rs_address.ts";
import { connectRs } from "../rs_client.ts";
import type { Target } from "./broadcast.ts";

/** What is told of a broadcast. */
export interface RememberSetting {
  rs: RsAddress;
  identity: Identity;
  context: PeerContext;
  id: string;
  /** What people call it. */
  title: string;
  /** The sender's name, and its cookie if it is a peer. */
  name: string;
  cookie: string | undefined;
  /** None as long as the only one is being hashed: then those who come late don't get it yet. */
  files: readonly WireFile[];
  to: readonly string[] | undefined;
  /** How long it is kept, milliseconds. */
  expires: number;
  /** Is called when somebody withdraws it. */
  withdrawn: () => void;
}

/** Pause before a lost registration server is dialled again, milliseconds. */
const AGAIN = 1_000;
/** Between two words on how far each PC is, milliseconds: often enough for who watches. */
const PROGRESS = 1_000;
/** PCs in one such message. */
const PROGRESS_AT_ONCE = 2_000;
/** Receipts in one message: with reasons of 500 characters that stays under its cap. */
const RECEIPTS_AT_ONCE = 300;
/** The last receipts are waited for so long, milliseconds: the person waits, too. */
const LAST_WORD = 5_000;
/** The same where several servers share a registry: NATS, where it lies, may take 9 s to find another leader. */
const LAST_WORD_OF_SEVERAL = 25_000;

/** A broadcast that the registration server remembers. */
export class Remembered {
  #o: RememberSetting;
  #files: readonly WireFile[];
  #connection: Connection | undefined;
  /** What is to be told yet, by PC. */
  #news = new Map<string, WireReceipt>();
  #told = new Map<string, string>();
  /** Verified bytes of PCs under way; those that were told. */
  #bytes = new Map<string, number>();
  #toldBytes = new Map<string, number>();
  #stopProgress = () => {};
  #wake = () => {};
  #ending = new AbortController();
  /** Ends the wait for a server that isn't there. */
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  private constructor(setting: RememberSetting) {
    this.#o = setting;
    this.#files = setting.files;
  }

  /**
   * Tells the registration server of a broadcast that is about to begin.
   *
   * @param signal ends the attempt to reach it; what has begun to be told is told to its end.
   * @throws {LabError} "unreachable", "not_permitted", "interrupted", or what else the server says against it.
   */
  static async begin(setting: RememberSetting, signal: AbortSignal): Promise<Remembered> {
    const remembered = new Remembered(setting);
    const giveUp = () => remembered.#stop.abort(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      signal.throwIfAborted();
      await remembered.#dial();
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
    await remembered.tellFiles(remembered.#files);
    remembered.#running = remembered.#run();
    remembered.#stopProgress = setting.context.clock.every(PROGRESS, () => remembered.#tellProgress());
    return remembered;
  }

  /**
   * The file is hashed to its end, or the first time they are told.
   *
   * @throws {LabError} when the server isn't there; it is told when it comes back.
   */
  async tellFiles(files: readonly WireFile[]): Promise<void> {
    this.#files = files;
    const pages = [...inPages(files, ([name]) => 120 + 3 * name.length)];
    let at = 0;
    for (const [i, page] of pages.entries()) {
      const { whole } = await this.#request(this.#page(page, at, i < pages.length - 1));
      if (whole) return;
      at += page.length;
    }
    if (pages.length === 0) await this.#request(this.#page([], 0, true));
  }

  /** Tells what has changed, as soon as it can be told. */
  changed(targets: readonly Target[]): void {
    for (const target of targets) {
      if (target.state === "receiving") this.#bytes.set(target.name, target.bytes);
      if (target.off || this.#told.get(target.name) === target.state) continue;
      this.#told.set(target.name, target.state);
      this.#news.set(target.name, receiptOf(target));
    }
    if (this.#news.size > 0) this.#wake();
  }

  /** The command ends: tells what is left to tell, as far as the server listens. */
  async end(): Promise<void> {
    const { clock, log } = this.#o.context;
    this.#stopProgress();
    const several = this.#o.rs.others !== undefined;
    const cancel = clock.after(several ? LAST_WORD_OF_SEVERAL : LAST_WORD, () => {
      this.#stop.abort(new LabError("timeout", "The time is up"));
      this.#connection?.close();
    });
    this.#ending.abort();
    this.#wake();
    try {
      await this.#running;
      await this.#tellLast().catch((cause) => several ? this.#tellLastAgain(cause) : Promise.reject(cause));
    } catch (cause) {
      log.debug(`The registration server doesn't know how the broadcast ended: ${messageOf(cause)}`);
    } finally {
      cancel();
      this.#connection?.close();
    }
  }

  async #tellLast(): Promise<void> {
    if (!this.#connection || this.#connection.isClosed) await this.#claim();
    while (this.#news.size > 0) await this.#tell();
    await this.#request({ kind: "Receipts", id: this.#o.id, peers: [], over: true });
  }

  /** Another server may listen, or this one a moment later; until the time is up. */
  async #tellLastAgain(cause: unknown): Promise<void> {
    const { clock } = this.#o.context;
    while (!this.#stop.signal.aborted) {
      this.#connection?.close(cause);
      await clock.sleep(AGAIN, this.#stop.signal);
      if (await this.#tellLast().then(() => true, () => false)) return;
    }
    throw cause;
  }

  /** Nobody has it, nobody can get it: the server had better forget it. */
  async withdraw(): Promise<void> {
    await this.#request({ kind: "Withdraw", id: this.#o.id }).catch(() => {});
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#o.context;
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        if (!this.#connection || this.#connection.isClosed) await this.#claim();
        await this.#pause(TIMEOUTS.keepAlive);
        if (!signal.aborted) await this.#tell();
      } catch (cause) {
        log.debug(`Cannot tell the registration server of the broadcast: ${messageOf(cause)}`);
        await sleepOrLess(clock, AGAIN, signal);
      }
    }
  }

  /** Sends what there is; nothing is a sign of life. */
  async #tell(): Promise<void> {
    const some = [...this.#news].slice(0, RECEIPTS_AT_ONCE);
    await this.#request({ kind: "Receipts", id: this.#o.id, peers: some.map(([, receipt]) => receipt) });
    for (const [name, receipt] of some) if (this.#news.get(name) === receipt) this.#news.delete(name);
  }

  /** For whoever looks at the server's page: nothing depends on it, so nothing is told twice. */
  #tellProgress(): void {
    if (!this.#connection || this.#connection.isClosed) return;
    const news = [...this.#bytes].filter(([name, bytes]) => this.#toldBytes.get(name) !== bytes)
      .slice(0, PROGRESS_AT_ONCE);
    if (news.length === 0) return;
    for (const [name, bytes] of news) this.#toldBytes.set(name, bytes);
    this.#request({ kind: "Progress", id: this.#o.id, peers: news }).catch((cause) => {
      if (codeOf(cause) === "unsupported") this.#stopProgress();
    });
  }

  async #claim(): Promise<void> {
    await this.#dial();
    await this.tellFiles(this.#files);
  }

  async #dial(): Promise<void> {
    const { rs, identity, context } = this.#o;
    const handler: Handler = (message) => {
      if (message.kind === "Withdraw" && message.id === this.#o.id) return this.#o.withdrawn();
      throw new LabError("unsupported", "This program only sends");
    };
    this.#connection = await connectRs(rs, identity, context, { handler, signal: this.#stop.signal });
  }

  #page(files: WireFile[], at: number, more: boolean): MessageOf<"Broadcast"> {
    const { id, title, name, cookie, to, expires } = this.#o;
    return {
      ...{ kind: "Broadcast", id, name: title, peer: name, at, files, lasts: Math.ceil(expires / 1000) },
      ...(cookie === undefined ? {} : { cookie }),
      ...(to === undefined ? {} : { to: [...to] }),
      ...(more ? { more } : {}),
    };
  }

  async #request(message: Parameters<Connection["request"]>[0]): Promise<MessageOf<"Noted">> {
    const noted = await this.#connection!.request(message, "Noted");
    if (noted.withdrawn && message.kind !== "Withdraw") this.#o.withdrawn();
    return noted;
  }

  /** Waits for news, at most so long. */
  #pause(most: number): Promise<void> {
    if (this.#news.size > 0 || this.#ending.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#o.context.clock.after(most, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

function receiptOf({ name, state, seconds, code, reason }: Target): WireReceipt {
  return {
    name,
    state: state === "receiving" ? "waiting" : state,
    ...(seconds === undefined ? {} : { seconds }),
    ...(code === undefined ? {} : { code }),
    ...(reason === undefined ? {} : { reason: reason.slice(0, 500) }),
  };
}
