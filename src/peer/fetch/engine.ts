/**
 * Runs a fetch: asks holders for manifests, lets the scheduler decide who is asked for which piece, passes its orders to
 * the workers and their news back to it, and puts each content in its place when it is whole.
 *
 * All decisions are made here, on one thread, by one event after another; the workers only do as they are told.
 */

import { LabError } from "../../base/errors.ts";
import type { Holder } from "../../catalog/merge.ts";
import { printable } from "../../catalog/names.ts";
import { BROADCAST_LIMITS, Scheduler } from "../../swarm/scheduler.ts";
import type { ReceiveNews } from "../receive_protocol.ts";
import { PartFile } from "../../storage/part_file.ts";
import { ContentRun } from "./content_run.ts";
import { type ContentPlan, halves } from "./contents.ts";
import { grow, startGrowing } from "./growing.ts";
import type { HashFeed } from "../broadcast/hash_feed.ts";
import { Ending, whyEnded } from "./ending.ts";
import type { EngineOptions } from "./engine_options.ts";
import { Holders } from "./holders.ts";
import { ManifestDesk } from "./manifest_desk.ts";
import { isPlanned, ParentDesk } from "./parent_desk.ts";
import { PartDesk } from "./part_desk.ts";
import { PartLocks } from "./part_locks.ts";
import { withRoom } from "./room.ts";
import { Sources } from "./sources.ts";

/**
 * Between two looks, milliseconds: often, and less often while all comes by multicast and nobody is asked for anything. To wake
 * up costs more than to look.
 */
const LOOK = { often: 100, calm: 300 };

/** Contents open at once: enough to keep the pipe full while small ones begin and end. */
const WINDOW = { contents: 8, bytes: 256e6 };

/**
 * How often a holder is asked for one manifest again that it had forgotten. Once would do, but for a refusal of what it was
 * asked for before, which may come after it was asked for the same piece anew.
 */
const REASKED_MOST = 3;

/** How often packs are divided in one fetch: of a full one, 90 files that can't be had are found with so many. */
const MOST_DIVISIONS = 1000;

/** A single fetch of any number of contents. */
export class FetchEngine {
  #o: EngineOptions;
  #scheduler: Scheduler;
  #holders: Holders;
  #manifests: ManifestDesk;
  #sources: Sources;
  #parts: PartDesk;
  #parents: ParentDesk;
  #runs = new Map<string, ContentRun>();
  #opening = new Set<ContentRun>();
  #queue: ContentPlan[] = [];
  #locks: PartLocks;
  #ending = new Ending();
  #divisions = 0;
  #finish = () => {};
  #abort: (reason: unknown) => void = () => {};
  #stop = () => {};

  constructor(options: EngineOptions) {
    this.#o = options;
    this.#scheduler = new Scheduler(options.relay ? BROADCAST_LIMITS : {});
    this.#holders = new Holders(options);
    this.#manifests = new ManifestDesk({
      ...{ holders: this.#holders, log: options.log },
      joined: (run, holder) => this.#join(run, holder),
      changed: (run) => this.#settle(run),
    });
    this.#sources = new Sources(options.pool, options.clock);
    this.#parts = new PartDesk(options.pool);
    this.#locks = new PartLocks(options);
    const [scheduler, sources, runs] = [this.#scheduler, this.#sources, () => this.#runs.values()];
    this.#parents = new ParentDesk({ ...options, relay: options.relay, scheduler, sources, runs });
  }

  /**
   * Fetches all contents; what can't be had is told to the listener and doesn't keep the others.
   *
   * @throws {LabError} "interrupted", or what else the signal gives as its reason; a fault of our own such as "disk_full",
   * which ends everything.
   */
  async run(plans: readonly ContentPlan[]): Promise<void> {
    if (plans.length === 0) return;
    this.#queue = withRoom(
      plans,
      this.#o.root,
      (plan, error) => this.#tellFailed(plan, error),
      this.#o.choice,
    );
    if (this.#queue.length === 0) return;
    const done = new Promise<void>((resolve, reject) => {
      this.#finish = resolve;
      this.#abort = reject;
    });
    const onAbort = () => this.#abort(whyEnded(this.#o.signal));
    this.#o.signal.addEventListener("abort", onAbort, { once: true });
    if (this.#o.signal.aborted) onAbort();
    this.#o.pool.listen((news) => this.#hear(news));
    this.#lookLater();
    try {
      this.#admit();
      await done;
    } catch (cause) {
      await this.#ending.wait(this.#o, this.#parts);
      throw cause;
    } finally {
      this.#stop();
      this.#o.signal.removeEventListener("abort", onAbort);
      this.#close();
    }
  }

  #close(): void {
    this.#sources.close();
    this.#holders.close();
    this.#locks.leaveAll();
    this.#o.pool.listen(() => {});
  }

  /** Opens contents while there is room for more. */
  #admit(): void {
    if (this.#ending.isOver) return;
    while (this.#queue.length > 0 && this.#hasRoom()) {
      const run = new ContentRun(this.#queue.shift()!, this.#o.clock);
      this.#opening.add(run);
      this.#open(run).catch((cause) => this.#abort(cause));
    }
    if (this.#queue.length === 0 && this.#opening.size === 0 && this.#runs.size === 0) this.#finish();
  }

  #hasRoom(): boolean {
    const open = [...this.#runs.values(), ...this.#opening];
    const left = open.reduce((sum, run) => sum + run.layout.totalBytes - run.verifiedBytes, 0);
    return open.length === 0 || (open.length < WINDOW.contents && left < WINDOW.bytes);
  }

  /** From a plan to a content with a manifest, an open part file and sources. */
  async #open(run: ContentRun): Promise<void> {
    const underWay = this.#locks.take(run);
    if (underWay) return this.#drop(run, underWay);
    await this.#follow(run);
  }

  /** Finds a manifest and gets the content going by it. */
  async #follow(run: ContentRun): Promise<void> {
    run.manifest = run.feed ? startGrowing(run, run.feed) : await this.#manifests.first(run);
    if (!run.manifest) return this.#giveUp(run);
    // In a broadcast the plan says who is asked for pieces, whoever gave the manifest.
    if (run.stripes) run.standby = [];
    const held = await this.#parts.open(run);
    this.#o.relay?.begin(run.id, {
      path: PartFile.pathFor(this.#o.root, run.plan.key),
      layout: run.layout,
      hashes: run.feed ? undefined : run.manifest.hashes,
    });
    this.#o.relay?.hold(run.id, held);
    run.resumed(held);
    this.#opening.delete(run);
    this.#runs.set(run.id, run);
    this.#scheduler.addContent(run.id, run.pieceLengths(), held);
    if (held.length > 0) this.#report(run);
    if (isPlanned(run)) this.#parents.begin(run);
    else for (const peer of run.confirmed) this.#offer(run, peer);
    this.#settle(run);
    this.#pump();
    if (run.feed) this.#grow(run, run.feed).catch((cause) => this.#abort(cause));
  }

  /** A file that is being hashed yet: asks for each piece once its hash is known. */
  #grow(run: ContentRun, feed: HashFeed): Promise<void> {
    return grow(run, feed, {
      ...{ pool: this.#o.pool, parts: this.#parts, relay: this.#o.relay, scheduler: this.#scheduler },
      isOn: () => this.#runs.get(run.id) === run,
      grown: (found, from) => {
        if (found) this.#report(run);
        this.#parents.grown(run, from);
        this.#settle(run);
        this.#pump();
      },
      failed: async (error) => {
        this.#opening.add(run);
        this.#forget(run);
        const isFalse = error.code === "integrity";
        await (isFalse ? this.#parts.discard(run.id) : this.#parts.close(run.id));
        this.#drop(run, error);
      },
    });
  }

  /** A holder has the manifest that is followed. */
  #join(run: ContentRun, holder: Holder): void {
    const perHolder = Math.max(1, Math.ceil(this.#o.pool.size / Math.max(1, run.plan.holders.length)));
    this.#sources.ensure(holder, perHolder);
    if (this.#runs.has(run.id)) this.#offer(run, holder.peer);
    this.#pump();
    // The holder may have been given up meanwhile, and be the last one.
    this.#settle(run);
  }

  #offer(run: ContentRun, peer: string): void {
    if (isPlanned(run)) return this.#parents.offer(run, peer);
    for (const source of this.#sources.openTo(peer)) this.#scheduler.offer(source, run.id, "all");
  }

  #lookLater(): void {
    const runs = [...this.#runs.values(), ...this.#opening];
    const isCalm = runs.length > 0 && runs.every((run) => run.isHeard && run.parents.size === 0);
    this.#stop = this.#o.clock.after(isCalm ? LOOK.calm : LOOK.often, () => {
      this.#reinforce();
      this.#lookLater();
    });
  }

  /** Stuck sources are seen only by the passing of time: stripes that stand still get another one. */
  #reinforce(): void {
    for (const run of this.#runs.values()) {
      if (isPlanned(run)) this.#parents.look(run);
      else this.#doubt(run);
    }
    // Who says nothing is not waited for alone.
    for (const run of this.#opening) if (run.askAnother && run.doubt() === "ask") run.askAnother();
    this.#pump();
  }

  /** A holder that delivers hardly a byte, or what is not the file, doesn't keep it from those who get it elsewhere. */
  #doubt(run: ContentRun): void {
    const what = run.doubt();
    if (what === "ask") this.#manifests.ask(run);
    if (what === "turn") this.#beginAgain(run, () => run.turn());
  }

  #pump(): void {
    const orders = this.#scheduler.poll(this.#o.clock.monotonic());
    const byWorker = new Map<number, typeof orders>();
    for (const order of orders) {
      const worker = this.#sources.get(order.source)?.worker;
      if (worker === undefined) continue;
      const list = byWorker.get(worker) ?? [];
      list.push(order);
      byWorker.set(worker, list);
    }
    const how = { kind: "ask", paced: this.#o.relay !== undefined } as const;
    for (const [worker, list] of byWorker) this.#o.pool.tell(worker, { ...how, orders: list });
  }

  #hear(news: ReceiveNews): void {
    switch (news.kind) {
      case "dialled":
        return this.#dialled(news.source);
      case "lost":
        return this.#lost(news);
      case "piece":
        return this.#piece(news);
      case "bad":
        return this.#bad(news);
      case "refused":
        return this.#refused(news);
      case "fault":
        return this.#fault(news);
      case "opened":
      case "checked":
      case "discarded":
      case "finished":
        return void this.#parts.answered(news);
      case "told":
        return this.#told(news);
      case "multicast":
        return this.#came(this.#parents.heard(news));
    }
  }

  #dialled(source: number): void {
    const holder = this.#sources.opened(source)?.holder;
    if (!holder) return;
    this.#scheduler.addSource(source, this.#o.clock.monotonic(), holder.peer);
    for (const run of this.#runs.values()) {
      if (run.confirmed.has(holder.peer)) this.#offer(run, holder.peer);
    }
    this.#pump();
  }

  #lost({ source, code, message }: Extract<ReceiveNews, { kind: "lost" }>): void {
    const owed = this.#scheduler.removeSource(source);
    const gone = this.#sources.lost(source, { code, message, owed });
    if (gone) {
      this.#o.log.info(`${printable(gone.peer)} is gone: ${message}`);
      for (const run of this.#runs.values()) this.#ban(run, gone.peer, new LabError(code, message));
    }
    this.#pump();
  }

  #told({ source, news }: Extract<ReceiveNews, { kind: "told" }>): void {
    const peer = this.#sources.get(source)?.holder.peer;
    const run = this.#runs.get(news.content);
    if (peer !== undefined && isPlanned(run)) this.#parents.told(run, peer, news);
    this.#pump();
  }

  #piece({ source, content, piece, bytes }: Extract<ReceiveNews, { kind: "piece" }>): void {
    const run = this.#runs.get(content);
    const isNew = this.#scheduler.arrived({ source, content, piece }, this.#o.clock.monotonic());
    if (run) {
      run.networkBytes += bytes;
      const peer = this.#sources.get(source)?.holder.peer;
      if (peer) this.#sources.delivered(peer);
      if (peer) run.deliveredBy.add(peer);
      if (isNew) {
        run.gained(piece, bytes);
        this.#o.relay?.hold(content, [piece]);
        if (isPlanned(run)) this.#parents.look(run);
      }
    }
    this.#came(run);
  }

  /** More of a content may be here. */
  #came(run: ContentRun | undefined): void {
    if (run) this.#report(run);
    if (run) this.#settle(run);
    this.#pump();
  }

  #report(run: ContentRun): void {
    const progress = run.progress();
    if (progress) this.#o.listener.progress(progress);
  }

  #bad({ source, content, piece, bytes }: Extract<ReceiveNews, { kind: "bad" }>): void {
    const run = this.#runs.get(content);
    const holder = this.#sources.get(source)?.holder;
    this.#scheduler.failed({ source, content, piece }, this.#o.clock.monotonic());
    if (!run || !holder) return;
    run.networkBytes += bytes;
    run.sawBadPiece = true;
    this.#o.log.warn(
      `${printable(holder.peer)} sent a bad piece of ${printable(run.title)}: it is not asked for it again`,
    );
    this.#ban(run, holder.peer, new LabError("integrity", "it sent a piece with a wrong SHA-256"));
    this.#pump();
  }

  #refused({ source, content, piece, code, message }: Extract<ReceiveNews, { kind: "refused" }>): void {
    const run = this.#runs.get(content);
    const holder = this.#sources.get(source)?.holder;
    if (!run || !holder) return this.#scheduler.failed({ source, content, piece }, this.#o.clock.monotonic());
    // A refusal of something that it was asked for before it was asked for the manifest again says nothing new.
    if (!run.confirmed.has(holder.peer) || !this.#scheduler.isAsked({ source, content, piece })) return;
    const reasked = run.reasked.get(holder.peer) ?? 0;
    const forgotten = code === "not_found" && !run.stripes && reasked < REASKED_MOST;
    if (forgotten) {
      // The holder was restarted and has forgotten the manifest: it is asked to make it again.
      run.reasked.set(holder.peer, reasked + 1);
      this.#withdraw(run, holder.peer);
      run.standby.unshift(holder);
      this.#manifests.ask(run);
    } else {
      run.declined ||= code !== "busy";
      this.#ban(run, holder.peer, new LabError(code, message));
    }
    this.#pump();
  }

  #withdraw(run: ContentRun, peer: string): void {
    run.confirmed.delete(peer);
    for (const source of this.#sources.openTo(peer)) this.#scheduler.withdraw(source, run.id);
  }

  #ban(run: ContentRun, peer: string, error: LabError): void {
    if (!run.confirmed.has(peer)) return;
    run.banned.set(peer, error);
    this.#withdraw(run, peer);
    if (isPlanned(run)) {
      run.stripes.lose(peer, this.#o.clock.monotonic());
      this.#parents.ask(run);
    }
    this.#settle(run);
  }

  /** Looks whether a content is done, or can't be had any more. */
  #settle(run: ContentRun): void {
    if (!run.manifest || this.#runs.get(run.id) !== run) return;
    if (run.isClosed && this.#scheduler.isDone(run.id)) {
      this.#runs.delete(run.id);
      this.#opening.add(run);
      this.#ending.puts(this.#complete(run).catch((cause) => this.#abort(cause)));
      return;
    }
    const alive = run.needsNobody || [...run.confirmed].some((peer) => this.#sources.isAlive(peer));
    if (alive || run.asking > 0) return;
    for (const peer of run.confirmed) {
      const reason = this.#sources.goneReason(peer);
      if (reason) run.banned.set(peer, reason);
    }
    if (run.standby.length > 0) {
      this.#manifests.ask(run);
      return;
    }
    if (run.dissenters.size > 0) return this.#beginAgain(run, () => run.followDissenters());
    this.#forget(run);
    this.#parts.close(run.id);
    this.#giveUp(run);
  }

  #beginAgain(run: ContentRun, restart: () => void): void {
    this.#forget(run);
    this.#parts.close(run.id);
    this.#opening.add(run);
    restart();
    this.#follow(run).catch((cause) => this.#abort(cause));
  }

  async #complete(run: ContentRun): Promise<void> {
    this.#scheduler.removeContent(run.id);
    let undo: (() => void) | undefined;
    try {
      undo = this.#o.beforeFinish?.(run.plan);
      const { paths, faults } = await this.#parts.finish(run);
      const errors = faults.map(({ file, code, message }) => [file, new LabError(code, message)] as const);
      // Of a broadcast a PC has all, or has to get it again.
      if (this.#o.relay && errors.length > 0) throw errors[0]![1];
      const but = new Set(faults.map(({ file }) => file));
      for (const file of run.fetched(paths, but)) this.#o.listener.fetched(file);
      for (const [file, error] of errors) this.#o.listener.failed([run.plan.files[file]!.name], error);
      this.#close1(run);
    } catch (cause) {
      undo?.();
      if (!(cause instanceof LabError)) throw cause;
      if (cause.code === "integrity" && !run.feed && !this.#ending.isOver) {
        this.#o.log.warn(cause.message);
        run.retract();
        return void this.#follow(run).catch((cause) => this.#abort(cause));
      }
      this.#parts.close(run.id);
      this.#drop(run, cause);
    }
  }

  #forget(run: ContentRun): void {
    this.#scheduler.removeContent(run.id);
    this.#runs.delete(run.id);
  }

  /** Nobody delivers it. Where that may be for a file of a pack, the others are fetched without it. */
  #giveUp(run: ContentRun): void {
    // In a broadcast contents are the same everywhere, and passed on.
    const divisible = run.declined && !run.sawBadPiece && !this.#o.relay && this.#divisions < MOST_DIVISIONS;
    const parts = divisible ? halves(run.plan) : undefined;
    if (!parts) return this.#drop(run, run.failure());
    this.#divisions++;
    this.#queue.unshift(...parts);
    PartFile.remove(this.#o.root, run.plan.key);
    this.#close1(run);
  }

  #drop(run: ContentRun, error: LabError): void {
    this.#tellFailed(run.plan, error);
    this.#close1(run);
  }

  #tellFailed(plan: ContentPlan, error: LabError): void {
    this.#o.listener.failed(plan.files.filter((file) => !file.present).map((file) => file.name), error);
  }

  /** This content is over, one way or the other. */
  #close1(run: ContentRun): void {
    this.#locks.leave(run);
    this.#o.relay?.end(run.id);
    this.#opening.delete(run);
    this.#admit();
  }

  #fault(news: Extract<ReceiveNews, { kind: "fault" }>): void {
    const ours = news.code === "disk_full" || news.code === "not_permitted";
    if (!ours && this.#parts.answered(news, "finished")) return;
    this.#abort(new LabError(news.code, news.message));
  }
}
