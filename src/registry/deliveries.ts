/**
 * Delivering what was broadcast to those who were off, came late, or fell out: the registration server offers it to them
 * on their registration connection, and names who has it; they fetch it like any file.
 *
 * Rules: to one PC one broadcast at a time, the oldest first; a name that a newer broadcast has too is left to that one.
 * Of one broadcast not more at once than a few for each that has it already, so that a whole lab that is switched on
 * doesn't fetch everything from one: those who are done serve the next. While the command that sends it is running, the
 * PCs that it says it is at are left to it. What may pass is tried again with growing pauses, anything else when the PC
 * registers again, or somebody asks for it. Nothing is offered that nobody can deliver: whose connection isn't there, or
 * who has said that it isn't there with them, is not named; as soon as somebody else is there, it is offered.
 */

import { codeOf, LabError, messageOf } from "../base/errors.ts";
import { TIMEOUTS } from "../base/limits.ts";
import { inPages } from "../base/pages.ts";
import { nameKey, printable } from "../catalog/names.ts";
import type { MessageOf } from "../protocol/messages.ts";
import type { Connection } from "../transport/connection.ts";
import type { BroadcastFile, BroadcastHead, Receipt } from "./broadcast_store.ts";
import { holds, isFor, isManyByName } from "./broadcasts.ts";
import { LateSources, type Sources } from "./late_sources.ts";
import type { PeerRecord } from "./rules.ts";
import type { AtWork, Registry } from "./state.ts";

/** Deliveries of one broadcast at once for each that has it: then the number that has it triples. */
const FOR_EACH_HOLDER = 2;
/** Deliveries of all broadcasts at once: each holds a connection that is there anyway, and a list of files. */
const AT_ONCE = 64;
/**
 * Looking who can be offered what is put off for so many times what it took last, if that was longer than so many
 * milliseconds: of a lab it takes less, of a campus that is switched on, one look for each PC would leave no time for the PCs.
 */
const REST = { times: 20, after: 0.25 };
/** Pauses before a PC is offered the same again after a fault that may pass, milliseconds. */
const PAUSE = { first: 1_000, growth: 3, most: 5 * 60_000 };

/** Faults that may pass by themselves; after any other it is the PC's turn, or a person's. */
const PASSING = new Set([
  ...["unreachable", "timeout", "busy", "protocol", "interrupted", "not_found", "integrity", "changed"],
]);

/** What deliveries need of the server. */
export interface DeliverySetting {
  registry: Omit<Registry, "atWork">;
  clock: Connection["clock"];
  log: { info(line: string): void; warn(line: string): void; error(line: string): void };
  /** The registration connection of a peer. */
  connectionOf: (cookie: string) => Connection | undefined;
  /** How many of its files lie in our own share. */
  here: (id: string) => number;
  /** A file that does. */
  isHere: (sha256: string, name: string) => boolean;
  /** The command that sends it has its connection at another server that shares the registry. */
  claimedElsewhere?: (id: string) => boolean;
  /** Whoever has this cookie was put out for good. */
  isRevoked?: (cookie: string) => boolean;
  /** Is told when commands come or go. */
  claimsChanged?: () => void;
  /** Our own port: what lies in our share can be fetched there. */
  port: () => number;
}

/** A PC that waits until it's offered a broadcast again. */
interface Pause {
  id: string;
  cookie: string;
  ms: number;
  cancel: () => void;
}

/** A broadcast on its way to one PC. */
interface Delivery {
  id: string;
  cookie: string;
  stop: AbortController;
}

/** Deliveries under way, and those to come. */
export class Deliveries implements AtWork {
  #o: DeliverySetting;
  /** Cookies of those who wait for their turn, by broadcast. */
  #due = new Map<string, Set<string>>();
  /** By the receiver's cookie. */
  #running = new Map<string, Delivery>();
  #pauses = new Map<string, Pause>();
  #sources: LateSources;
  /** The connections of the commands that are sending. */
  #claims = new Map<string, Connection>();
  /** Ends the waits for commands that may come back. */
  #graces = new Set<() => void>();
  #closed = false;
  /** Ends the time in which nobody looks, and whether somebody wanted to. */
  #stopRest: (() => void) | undefined;
  #isAsked = false;
  /** The version of the index at the last look. */
  #looked = -1;

  constructor(setting: DeliverySetting) {
    this.#o = setting;
    this.#sources = new LateSources({ ...setting, learnt: () => this.#pump() });
  }

  isClaimed(id: string): boolean {
    return this.#claims.has(id) || this.#o.claimedElsewhere?.(id) === true;
  }

  /** Ids of the broadcasts whose commands have their connections here. */
  get claims(): string[] {
    return [...this.#claims.keys()];
  }

  /** Who sent it comes back no more; but somebody may still bring the file in another way. */
  whyStuck(head: BroadcastHead): string | undefined {
    if (head.cookie === undefined || !this.#o.isRevoked?.(head.cookie)) return undefined;
    if (this.#sources.areKnown(head)) return undefined;
    return `no PC has it whole, and ${
      printable(head.peer)
    }, which sent it, was revoked; withdraw it, or broadcast it ` +
      "again from a PC that has it";
  }

  isReceiving(id: string, peer: string): boolean {
    const cookie = this.#o.registry.members.byName(peer)?.cookie;
    return cookie !== undefined && this.#running.get(cookie)?.id === id;
  }

  /** A peer is there: what it missed is its due. */
  registered(record: PeerRecord): void {
    for (const head of this.#o.registry.broadcasts.holding(this.#o.clock.now())) {
      this.#forgetPause(head.id, record.cookie);
      this.#add(head, record);
    }
    this.came(record);
  }

  /** A peer is there, maybe at another server: those who miss what it has wait no longer. */
  came(record: PeerRecord): void {
    const { broadcasts, members } = this.#o.registry;
    for (const { id, cookie, cancel } of this.#pauses.values()) {
      const head = broadcasts.get(id);
      const receiver = members.byCookie(cookie);
      if (!head || !receiver || broadcasts.receipt(id, record)?.state !== "done") continue;
      cancel();
      this.#add(head, receiver);
    }
    this.#pump();
  }

  /** Another server tells of it. Its command may be over already, and whoever wants it registered: claims come another way. */
  heard(id: string): void {
    this.#addAll(id, ({ state }) => state === "waiting");
  }

  /** A command sends this broadcast, and says so on this connection. */
  claimed(id: string, connection: Connection): void {
    if (this.#claims.get(id) === connection) return;
    this.#claims.set(id, connection);
    this.#o.claimsChanged?.();
    connection.closed.then(() => {
      if (this.#closed || this.#claims.get(id) !== connection) return;
      // It may have lost the connection only, and come back.
      const cancel = this.#o.clock.after(TIMEOUTS.grace, () => {
        this.#graces.delete(cancel);
        if (this.#claims.get(id) === connection) this.over(id);
      });
      this.#graces.add(cancel);
    });
  }

  /** The command has ended: those it didn't reach are ours. */
  over(id: string): void {
    if (this.#claims.delete(id)) this.#o.claimsChanged?.();
    if (!this.#closed && !this.isClaimed(id)) {
      this.#addAll(id, ({ state, code }) => state === "waiting" || PASSING.has(code ?? ""));
    }
    this.#pump();
  }

  /** Somebody wants those who are not done to get it now. */
  retry(id: string): void {
    this.#sources.forget(id);
    this.#addAll(id, () => true);
  }

  /** More have it now than before. */
  news(): void {
    this.#pump();
  }

  /** Called again and again: peers may have come by it in another way. */
  look(): void {
    const { version } = this.#o.registry.holdings;
    if (version === this.#looked) return;
    this.#looked = version;
    this.#pump();
  }

  /** It no longer holds: nobody is to get it, nor to go on getting it. */
  withdrawn(id: string): void {
    this.#due.delete(id);
    this.#sources.forget(id);
    tellWithdrawn(this.#claims.get(id), id);
    if (this.#claims.delete(id)) this.#o.claimsChanged?.();
    for (const delivery of this.#running.values()) {
      if (delivery.id === id) delivery.stop.abort(new LabError("interrupted", "It was withdrawn"));
    }
    for (const { cookie } of this.#o.registry.members.list()) tellWithdrawn(this.#o.connectionOf(cookie), id);
    this.#pump();
  }

  /** Forgets what is about broadcasts that hold no longer. */
  tidy(): void {
    const holding = [...this.#o.registry.broadcasts.holding(this.#o.clock.now())];
    const ids = new Set(holding.map(({ id }) => id));
    this.#sources.keepOnly(ids);
    for (const id of this.#due.keys()) if (!ids.has(id)) this.#due.delete(id);
    for (const { id, cookie } of [...this.#pauses.values()]) if (!ids.has(id)) this.#forgetPause(id, cookie);
  }

  /** Ends what is under way. */
  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#pauses.values()) cancel();
    for (const cancel of this.#graces) cancel();
    this.#stopRest?.();
    for (const { stop } of this.#running.values()) stop.abort(new LabError("interrupted", "Closed"));
  }

  #addAll(id: string, fits: (receipt: Receipt) => boolean): void {
    const { broadcasts, members } = this.#o.registry;
    const head = broadcasts.get(id);
    if (!head || !holds(head, this.#o.clock.now())) return;
    for (const record of members.list()) {
      const receipt = broadcasts.receipt(id, record);
      if (receipt && !fits(receipt)) continue;
      this.#forgetPause(id, record.cookie);
      this.#add(head, record);
    }
    this.#pump();
  }

  #add(head: BroadcastHead, record: PeerRecord): void {
    if (!this.#isDue(head, record)) return;
    const due = this.#due.get(head.id) ?? new Set();
    this.#due.set(head.id, due.add(record.cookie));
  }

  #isDue(head: BroadcastHead, record: PeerRecord): boolean {
    if (!record.active || !isFor(head, record)) return false;
    const receipt = this.#o.registry.broadcasts.receipt(head.id, record);
    if (receipt?.state === "done") return false;
    return !(receipt?.state === "waiting" && this.isClaimed(head.id));
  }

  /** Begins what can be begun: now, or after a rest. */
  #pump(): void {
    this.#isAsked = true;
    if (this.#closed || this.#due.size === 0 || this.#stopRest) return;
    this.#isAsked = false;
    const { clock } = this.#o;
    const began = clock.monotonic();
    this.#beginAll();
    const took = clock.monotonic() - began;
    if (took <= REST.after) return;
    this.#stopRest = clock.after(REST.times * took, () => {
      this.#stopRest = undefined;
      if (this.#isAsked) this.#pump();
    });
  }

  #beginAll(): void {
    // In the order of the broadcasts' age: so that the newest of one name is the last to come.
    for (const head of this.#o.registry.broadcasts.holding(this.#o.clock.now())) {
      const due = this.#due.get(head.id);
      if (this.#running.size >= AT_ONCE) return;
      if (!due) continue;
      this.#beginOf(head, due);
      if (due.size === 0) this.#due.delete(head.id);
    }
  }

  #beginOf(head: BroadcastHead, due: Set<string>): void {
    const newer = this.#beingSent(head);
    const there = this.#sources.of(head);
    let room = this.#room(head, there.holders.length + (there.here > 0 ? 1 : 0));
    for (const cookie of due) {
      if (room <= 0) return;
      if (this.#running.has(cookie)) continue;
      const record = this.#o.registry.members.byCookie(cookie);
      const connection = this.#o.connectionOf(cookie);
      if (!record || !connection || connection.isClosed || !this.#isDue(head, record)) {
        due.delete(cookie);
        continue;
      }
      if (newer.some((each) => isFor(each, record))) continue;
      const sources = this.#sources.forPc(head.id, cookie, there);
      // Its turn comes when somebody is there who can deliver.
      if (!sources) continue;
      due.delete(cookie);
      room--;
      this.#begin(head, record, connection, sources);
    }
  }

  /** Newer ones of that name whose commands are at it: maybe their files are being hashed yet, and these are among them. */
  #beingSent({ id, name, began }: BroadcastHead): BroadcastHead[] {
    return this.claims.filter((each) => each !== id).map((each) => this.#o.registry.broadcasts.get(each))
      .filter((each) => each !== undefined)
      .filter((each) => !each.withdrawn && each.began >= began && nameKey(each.name) === nameKey(name));
  }

  #room(head: BroadcastHead, holders: number): number {
    const running = [...this.#running.values()].filter(({ id }) => id === head.id).length;
    return Math.min(FOR_EACH_HOLDER * holders - running, AT_ONCE - this.#running.size);
  }

  #begin(head: BroadcastHead, record: PeerRecord, connection: Connection, sources: Sources): void {
    const delivery = { id: head.id, cookie: record.cookie, stop: new AbortController() };
    this.#running.set(record.cookie, delivery);
    if (sources.byIndex && sources.holders.length === 0) this.#sources.asksItself(head.id, record);
    this.#deliver(head, record, connection, sources, delivery.stop.signal)
      .then(
        (isAll) => {
          if (isAll) return this.#note(head, record, { state: "done" });
          // What we don't have has to wait until somebody comes who does.
          this.#sources.gaveAll(head.id, record.cookie, sources.here);
          return this.#add(head, record);
        },
        (cause) => this.#failed(head, record, cause),
      )
      .catch((cause) => this.#o.log.error(`Cannot keep a receipt of ${record.name}: ${messageOf(cause)}`))
      .finally(() => {
        this.#running.delete(record.cookie);
        this.#pump();
      });
  }

  async #deliver(
    head: BroadcastHead,
    record: PeerRecord,
    connection: Connection,
    sources: Sources,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { holders, here, byIndex } = sources;
    const { all, takers } = await this.#filesFor(head, record);
    if (all.length === 0) this.#demandTaken(takers, record);
    const files = holders.length > 0 || byIndex
      ? all
      : all.filter(({ sha256, name }) => this.#o.isHere(sha256, name));
    const isAll = files.length === all.length;
    if (files.length === 0) return isAll;
    const from = `${holders.length} that ${byIndex ? "seem to " : ""}have it${
      here > 0 ? " and from here" : ""
    }`;
    this.#o.log.info(`Offer     ${record.name}: ${printable(head.name, 80)}, from ${from}`);
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    const pages = [...inPages(files, ({ name }) => 120 + 3 * name.length)];
    const offer = (i: number): MessageOf<"Offer"> => ({
      ...{ kind: "Offer", purpose: "broadcast", id: head.id, peer: head.peer, port: this.#o.port(), bytes },
      files: pages[i]!.map(({ name, size, sha256 }) => [name, size, sha256]),
      holders: this.#sources.toWire(holders, connection),
      ...(i < pages.length - 1 ? { more: true } : {}),
    });
    signal.throwIfAborted();
    const exchange = connection.open(offer(0));
    const end = () => exchange.end(signal.reason);
    signal.addEventListener("abort", end, { once: true });
    try {
      for (let i = 1; i < pages.length; i++) {
        await exchange.expect("OfferNext");
        await exchange.send(offer(i));
      }
      while (true) {
        const incoming = await exchange.next(TIMEOUTS.manifest);
        if (incoming.kind === "OfferProgress") {
          this.#o.registry.broadcasts.progress(head, record.name, incoming.bytes);
          this.#sources.without(head.id, record.cookie, sources, incoming.without ?? []);
        }
        if (incoming.kind === "Receipt" && !incoming.more) return isAll;
      }
    } finally {
      signal.removeEventListener("abort", end);
      connection.forget(exchange);
    }
  }

  /**
   * Without those whose names a newer broadcast has taken, else an old file would come after a new one; and the broadcasts
   * that took them.
   */
  async #filesFor(
    head: BroadcastHead,
    record: PeerRecord,
  ): Promise<{ all: BroadcastFile[]; takers: string[] }> {
    const { broadcasts, store } = this.#o.registry;
    const files = new Map((await store.broadcasts.files(head.id)).map((file) => [nameKey(file.name), file]));
    const takers: string[] = [];
    for (const newer of broadcasts.holding(this.#o.clock.now())) {
      if (newer.began <= head.began || newer.id === head.id || !isFor(newer, record)) continue;
      const names = (await store.broadcasts.files(newer.id)).map(({ name }) => nameKey(name));
      if (names.filter((name) => files.delete(name)).length > 0) takers.push(newer.id);
    }
    return { all: [...files.values()], takers };
  }

  /**
   * Of a broadcast nothing is left to deliver. Who has the newer files in their place is done with it; who hasn't, isn't.
   *
   * @throws {LabError} "busy" while a newer one is on its way, "failed" when it has failed.
   */
  #demandTaken(takers: readonly string[], record: PeerRecord): void {
    const { broadcasts } = this.#o.registry;
    for (const id of takers) {
      const receipt = broadcasts.receipt(id, record);
      if (receipt?.state === "done") continue;
      const by = `a newer broadcast, ${id.slice(0, 8)}, has taken its name`;
      const isToCome = this.#due.get(id)?.has(record.cookie) || this.#pauses.has(`${id} ${record.cookie}`);
      if (receipt?.state !== "failed" || isToCome) throw new LabError("busy", by);
      throw new LabError("failed", `${by} and failed there: ${receipt.reason ?? "nobody knows why"}`);
    }
  }

  async #failed(head: BroadcastHead, record: PeerRecord, cause: unknown): Promise<void> {
    const { broadcasts, members } = this.#o.registry;
    if (this.#closed || broadcasts.get(head.id)?.withdrawn) return;
    const code = codeOf(cause);
    const reason = messageOf(cause);
    const isThere = members.byCookie(record.cookie)?.active &&
      this.#o.connectionOf(record.cookie) !== undefined;
    if (PASSING.has(code)) {
      if (isThere) this.#pause(head, record);
      return;
    }
    this.#o.log.warn(
      `Offer     ${record.name}: ${printable(head.name, 80)} failed: ${printable(reason, 400)}`,
    );
    await this.#note(head, record, { state: "failed", code, reason: printable(reason, 500) });
  }

  async #note(
    head: BroadcastHead,
    record: PeerRecord,
    state: Pick<Receipt, "state" | "code" | "reason">,
  ): Promise<void> {
    const { broadcasts, store } = this.#o.registry;
    const { name: peer, cookie } = record;
    const receipt = { id: head.id, peer, cookie, at: this.#o.clock.now(), ...state };
    this.#forgetPause(head.id, record.cookie);
    this.#sources.forget(head.id, record.cookie);
    if (state.state === "done") {
      const has = isManyByName(head) ? "have" : "has";
      this.#o.log.info(`Offer     ${record.name}: ${printable(head.name, 80)} ${has} arrived`);
    }
    broadcasts.note([receipt]);
    await store.broadcasts.saveReceipts([receipt]);
  }

  #pause(head: BroadcastHead, record: PeerRecord): void {
    const key = `${head.id} ${record.cookie}`;
    const before = this.#pauses.get(key)?.ms;
    const ms = before === undefined ? PAUSE.first : Math.min(PAUSE.growth * before, PAUSE.most);
    const cancel = this.#o.clock.after(ms, () => {
      this.#add(head, this.#o.registry.members.byCookie(record.cookie) ?? record);
      this.#pump();
    });
    this.#pauses.set(key, { id: head.id, cookie: record.cookie, ms, cancel });
  }

  #forgetPause(id: string, cookie: string): void {
    const key = `${id} ${cookie}`;
    this.#pauses.get(key)?.cancel();
    this.#pauses.delete(key);
  }
}

/** Nobody answers to that. */
function tellWithdrawn(connection: Connection | undefined, id: string): void {
  if (!connection || connection.isClosed) return;
  connection.forget(connection.open({ kind: "Withdraw", id }));
}
