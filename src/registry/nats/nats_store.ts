/**
 * The store that several registration servers share: key-value buckets in NATS with JetStream, three copies of each.
 *
 * Rules: a promise is kept once most of the copies have it. Everything passes through one bucket, so everybody hears of all
 * changes in one order; what we wrote ourselves is in our memory already. When NATS is away, calls fail with
 * "unreachable" after some seconds, and it isn't known what became of them: what turns out to be there after all is told
 * like the change of somebody else.
 */

import type { Clock } from "../../base/clock.ts";
import { LabError, messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { KeptRecord } from "../rules.ts";
import type { Fellow, HoldingsChange, SharedNews, SharedStore, Store, StoredHolding } from "../store.ts";
import { NatsBroadcasts } from "./broadcasts.ts";
import { NatsHoldings } from "./holdings.ts";
import { Copies } from "./copies.ts";
import { Conflict, DEAF, NatsLink, Unanswered, unheard } from "./link.ts";
import { Order } from "./order.ts";
import { NatsPeers, type Setting } from "./peers.ts";
import type { NatsPlace } from "./place.ts";
import type { Entry, Reading } from "./reading.ts";
import { keyWord, readLab, type SharedLab } from "./records.ts";
import { NatsServers } from "./servers.ts";

/** What a shared store needs. */
export interface NatsStoreOptions {
  place: NatsPlace;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Names this server's data folder, over restarts. */
  folderId: string;
}

/** Where each server writes when it wants to know that it has heard everything; behind it, the name of its folder. */
const MARK = "mark";
const LAB = "lab";
/** How often what NATS didn't take is tried again, milliseconds. */
const PAY_BACK = 2_000;
/** How often it is looked whether NATS is there, milliseconds. */
const LOOK = 500;
/** How often it is looked whether what is written reaches us, milliseconds. */
const LISTEN = 5_000;
/** How often it is looked whether all copies tell the same, those too that nobody reads, milliseconds. */
const COMPARE = 600_000;
/** Who hasn't heard for so long what is known to be there tells an old story, milliseconds; a newcomer waits 10 s for an answer. */
const UNHEARD = 8_000;

/**
 * Opens a shared registry, and makes it if it isn't there.
 *
 * @throws {LabError} "unreachable" when NATS or most of its servers aren't there; "not_permitted".
 */
export async function openNatsStore(options: NatsStoreOptions): Promise<NatsStore> {
  const { place, log } = options;
  const link = await NatsLink.open(options);
  try {
    const bucket = place.registry;
    await link.openBuckets([
      { name: bucket },
      { name: `${bucket}-files` },
      { name: `${bucket}-servers`, ttl: 20_000 },
    ]);
    const setting: Setting = { link, log, bucket, order: new Order() };
    const store = new NatsStore(setting, options);
    await store.open();
    return store;
  } catch (thrown) {
    await link.close();
    throw thrown;
  }
}

/** Somebody waits until a number has been heard. */
interface Waiting {
  seq: number;
  resolve: () => void;
  reject: (why: LabError) => void;
}

/** Hears of other things that lie in the registry: members, invitations. */
export type OtherNews = (entry: Entry) => void;

/** A registry in NATS. */
export class NatsStore implements Store, SharedStore {
  readonly broadcasts: NatsBroadcasts;
  readonly shared: SharedStore = this;
  readonly self: string;
  #peers: NatsPeers;
  #holdings: NatsHoldings;
  #servers: NatsServers;
  #copies: Copies;
  /** Writings that we reported as failed, and that may be there all the same. */
  #doubtful = new Set<string>();
  #reading: Reading | undefined;
  /** What was read at the start, until something changes. */
  #first: { entries: readonly Entry[]; writings: number } | undefined;
  /** Everything up to here was read. */
  #begin = 0;
  #news: SharedNews | undefined;
  #others: OtherNews | undefined;
  #othersRestart: (() => void) | undefined;
  /** What was heard before anybody wanted to know. */
  #early: Entry[] = [];
  /** NATS was away, and not everything has been heard yet that came meanwhile. */
  #isBehind = false;
  #isCatchingUp = false;
  #waiting: Waiting[] = [];
  #isListening = false;
  #stops: (() => void)[] = [];
  #closed = false;

  constructor(readonly setting: Setting, private o: NatsStoreOptions) {
    this.self = setting.link.run;
    this.#peers = new NatsPeers({ ...setting, self: this.self });
    this.#holdings = new NatsHoldings(setting, this.#peers);
    this.broadcasts = new NatsBroadcasts(setting, o.folderId, () => this.#readAll());
    this.#servers = new NatsServers({ ...setting, self: this.self, clock: o.clock });
    const { link, bucket } = setting;
    this.#copies = new Copies({
      ...{ link, bucket, key: `${MARK}.${keyWord(o.folderId)}` },
      clock: o.clock,
      log: o.log,
    });
  }

  /** Learns who is there. */
  async open(): Promise<void> {
    await this.#servers.open();
    const entries = await this.#snapshot();
    for (const entry of entries) if (entry.key.startsWith("p.")) this.#peers.take(entry);
    this.#first = { entries, writings: this.setting.link.writings };
  }

  /** Everything up to now; what was read at the start, for those who load before anything is changed. */
  async #readAll(): Promise<readonly Entry[]> {
    await this.setting.order.idle();
    const first = this.#first?.writings === this.setting.link.writings ? this.#first : undefined;
    return first?.entries ?? await this.#snapshot();
  }

  async #snapshot(): Promise<readonly Entry[]> {
    const { link, bucket } = this.setting;
    const mark = await this.#copies.mark();
    this.#begin ||= mark;
    return await link.readAll(bucket, mark, this.#copies);
  }

  get isAway(): boolean {
    return this.#servers.isAway || this.#isBehind;
  }
  get fellows(): ReadonlyMap<string, Fellow> {
    return this.#servers.fellows;
  }
  ownerOf(cookie: string): string | undefined {
    return this.#peers.get(cookie)?.at;
  }

  async loadPeers(): Promise<KeptRecord[]> {
    const entries = await this.#readAll();
    return entries.filter(({ key }) => key.startsWith("p."))
      .flatMap((entry) => this.#peers.take(entry)?.record ?? []);
  }

  async loadHoldings(): Promise<StoredHolding[]> {
    return this.#holdings.load((await this.#readAll()).filter(({ key }) => key.startsWith("h.")));
  }

  async savePeers(records: readonly KeptRecord[]): Promise<void> {
    await all(records.map((record) => this.#doubt(this.#peers.save(record))));
  }

  async forgetPeer(cookie: string): Promise<void> {
    await this.#peers.forget(cookie);
    this.#holdings.forget(cookie);
  }

  changeHoldings(change: HoldingsChange): Promise<void> {
    return this.#doubt(this.#holdings.change(change));
  }

  follow(news: SharedNews): void {
    this.#news = news;
    this.#first = undefined;
    this.#peers.news = ({ record, at }) => news.peer(record, at);
    this.broadcasts.news = news;
    this.#servers.follow((gone) => news.fellows(gone));
    for (const entry of this.#early.splice(0)) this.#tell(entry);
    this.#read();
    const { link, bucket } = this.setting;
    this.#stops.push(
      link.hear(this.#renewals, (text) => this.#renewed(text, news)),
      this.o.clock.every(PAY_BACK, () => this.isAway || this.#payBack()),
      this.o.clock.every(LOOK, () => void this.#look()),
      this.o.clock.every(LISTEN, () => void this.#listen()),
      this.o.clock.every(COMPARE, () => this.isAway || this.#copies.look()),
    );
    this.setting.log.debug(`Watching the registry ${bucket} from ${this.#begin}`);
  }

  /** Members and invitations. */
  async loadOthers(): Promise<readonly Entry[]> {
    return (await this.#readAll()).filter(({ key }) => /^[min]\./.test(key));
  }

  /** Which lab this registry is of; undefined when it's new. */
  async lab(): Promise<SharedLab | undefined> {
    const { link, bucket } = this.setting;
    const entry = await link.read(bucket, LAB);
    return entry && readLab(entry);
  }

  /**
   * Says which lab this registry is of.
   *
   * @throws {LabError} "not_permitted" when it is of another.
   */
  async claimLab(lab: SharedLab): Promise<void> {
    const { link, bucket } = this.setting;
    try {
      await link.write(bucket, LAB, lab, 0);
    } catch (thrown) {
      if (!(thrown instanceof Conflict)) throw thrown;
      demandSameLab(thrown.current && readLab(thrown.current), lab);
    }
  }

  /** Hears of members and invitations, from now on. @param restarts what was heard had wrong numbers: it will be heard again. */
  followOthers(news: OtherNews, restarts?: () => void): void {
    this.#others = news;
    this.#othersRestart = restarts;
    this.#read();
  }

  async catchUp(): Promise<void> {
    await this.#heardUpTo(await this.#copies.mark());
  }

  present(self: Omit<Fellow, "id">): void {
    this.#servers.present(self);
  }

  tellRenewed(cookies: readonly string[]): void {
    this.setting.link.tell(this.#renewals, { by: this.self, cookies });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stops) stop();
    for (const { reject } of this.#waiting) reject(unheard());
    // What was asked for is done first, unless nobody is there to do it.
    if (!this.isAway) await this.setting.order.idle();
    this.#reading?.close();
    this.#copies.close();
    await this.#servers.close();
    await this.setting.link.close();
    await this.#copies.idle();
  }

  get #renewals(): string {
    return `${this.setting.bucket}.renewed`;
  }

  #read(): void {
    const { link, bucket } = this.setting;
    this.#reading ??= link.follow({
      ...{ bucket, filter: ">", after: this.#begin },
      heard: (entry) => this.#heard(entry),
      proof: this.#copies,
      restarts: () => {
        this.#peers.renumber();
        this.#othersRestart?.();
      },
    });
  }

  /** NATS is there: what it didn't take is written, and what isn't known is read. */
  #payBack(): void {
    this.#peers.payBack();
    const { link, bucket, log } = this.setting;
    const { unsure } = this.broadcasts;
    for (const key of unsure) {
      unsure.delete(key);
      link.read(bucket, key).then((entry) => entry && this.#tell(entry)).catch((thrown) => {
        unsure.add(key);
        log.debug(`Cannot read ${key}: ${messageOf(thrown)}`);
      });
    }
  }

  /** Whoever was away knows an old story until it has heard what came meanwhile. */
  async #look(): Promise<void> {
    if (this.#servers.isAway) this.#isBehind = true;
    if (!this.#isBehind || this.#servers.isAway || this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    try {
      await this.catchUp();
      this.#isBehind = false;
    } catch {
      /* it will be tried again */
    } finally {
      this.#isCatchingUp = false;
    }
  }

  /** A copy that stands still says nothing of it: it shows in what was written, and doesn't come. */
  async #listen(): Promise<void> {
    if (this.isAway || this.#isListening) return;
    this.#isListening = true;
    try {
      const seq = await this.#copies.mark();
      this.#reading?.compare();
      await this.#heardUpTo(seq).catch(() => this.#isBehind = true);
    } catch {
      /* NATS is away */
    } finally {
      this.#isListening = false;
    }
  }

  /** @throws {Unanswered} when that isn't heard in time. */
  async #heardUpTo(seq: number): Promise<void> {
    const reading = this.#reading;
    if (!reading || reading.seq >= seq) return;
    if (this.#closed) throw unheard();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = { seq, resolve, reject };
    this.#waiting.push(waiting);
    const { clock } = this.o;
    const stops = [
      clock.after(UNHEARD, () => reject(unheard())),
      clock.every(DEAF, () => reading.again(seq)),
    ];
    try {
      await promise;
    } finally {
      for (const stop of stops) stop();
      this.#waiting = this.#waiting.filter((each) => each !== waiting);
    }
  }

  #heard(entry: Entry): void {
    try {
      if (!this.#isOurs(entry)) this.#tell(entry);
    } catch (thrown) {
      this.setting.log.error(`Cannot take over a change of the registry: ${messageOf(thrown)}`);
    }
    const reached = this.#waiting.filter(({ seq }) => seq <= entry.seq);
    if (reached.length === 0) return;
    this.#waiting = this.#waiting.filter(({ seq }) => seq > entry.seq);
    for (const { resolve } of reached) resolve();
  }

  #isOurs({ writer }: Entry): boolean {
    return writer.startsWith(`${this.self}-`) && !this.#doubtful.delete(writer);
  }

  #tell(entry: Entry): void {
    const news = this.#news;
    if (!news && /^[phbr]\./.test(entry.key)) return void this.#early.push(entry);
    switch (entry.key.slice(0, 2)) {
      case "p.":
        return this.#tellPeer(entry);
      case "h.": {
        const part = this.#holdings.take(entry);
        const cookie = part && this.#holdings.cookieOf(entry);
        if (cookie !== undefined) news?.holdings({ cookie, ...part! });
        return;
      }
      case "b.": {
        const head = this.broadcasts.takeHead(entry);
        if (head) news?.head(head);
        else if (!entry.value) news?.headForgotten(entry.key.slice(2));
        return;
      }
      case "r.": {
        const receipt = this.broadcasts.takeReceipt(entry);
        if (receipt) news?.receipt(receipt);
        return;
      }
      default:
        this.#others?.(entry);
    }
  }

  #tellPeer(entry: Entry): void {
    const before = this.#peers.cookieAt(entry.key);
    const peer = this.#peers.take(entry);
    if (before !== undefined && before !== peer?.record.cookie && !this.#peers.get(before)) {
      this.#holdings.forget(before);
      this.#news?.forgotten(before);
    }
    if (!peer) return;
    this.#peers.overtaken(peer.record.cookie);
    this.#news?.peer(peer.record, peer.at);
  }

  #renewed(text: string, news: SharedNews): void {
    try {
      const { by, cookies } = JSON.parse(text) as { by: unknown; cookies: unknown };
      if (by === this.self || !Array.isArray(cookies)) return;
      news.renewed(cookies.filter((each) => typeof each === "string"));
    } catch { /* somebody else's message */ }
  }

  /** Remembers which writing isn't known to have failed. */
  async #doubt<T>(writing: Promise<T>): Promise<T> {
    try {
      return await writing;
    } catch (thrown) {
      if (thrown instanceof Unanswered && thrown.writer !== "") this.#doubtful.add(thrown.writer);
      throw thrown;
    }
  }
}

function demandSameLab(there: SharedLab | undefined, ours: SharedLab): void {
  if (there?.mode === ours.mode && there.authority === ours.authority) return;
  const seen = there?.mode === "open"
    ? "it is open to anybody, and this server is not; choose another registry, as in nats://HOST:PORT/NAME"
    : ours.mode === "open"
    ? "it is of a secured lab, and this server is open; start it without --open"
    : "it is of a lab with another authority; copy authority.json from the data folder of one of its servers";
  throw new LabError("not_permitted", `Cannot use the registry in NATS: ${seen}`);
}

/** Waits for all of them, also when one fails. */
async function all(works: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(works)) if (result.status === "rejected") throw result.reason;
}
