/**
 * Broadcasts and receipts in a shared registry.
 *
 * Rules: what was withdrawn stays so, and who is done stays done (but not
 * another who has the name now), whichever server writes last. The files of a broadcast lie
 * in a bucket of their own, which nobody watches: they are written before the broadcast that names them, and read when
 * somebody is to get it.
 */

import { inPages } from "../../base/pages.ts";
import {
  type BroadcastFile,
  type BroadcastHead,
  type BroadcastStore,
  type Receipt,
  undoes,
} from "../broadcast_store.ts";
import { nameKey } from "../../catalog/names.ts";
import { Conflict, Unanswered } from "./link.ts";
import type { Setting } from "./peers.ts";
import type { Entry } from "./reading.ts";
import { keyWord, readFiles, readHead, readReceipt, writeFiles } from "./records.ts";

/** Bytes of JSON in one part of the files. */
const PART_BYTES = 400_000;
/** Broadcasts of which the files are kept at hand: those that PCs are just getting. */
const AT_HAND = 4;

/** Keeps broadcasts. */
export class NatsBroadcasts implements BroadcastStore {
  #seqs = new Map<string, number>();
  #atHand = new Map<string, BroadcastFile[]>();
  /** What never changes back: ids of what was withdrawn, keys of receipts of those who are done. */
  #withdrawn = new Set<string>();
  #done = new Map<string, Receipt>();
  /** Keys of which nobody knows whether what was written last is there: to be read when NATS is back. */
  readonly unsure = new Set<string>();
  /** Are told where what was asked for came to something else. */
  news: { head(head: BroadcastHead): void; receipt(receipt: Receipt): void } | undefined;

  /**
   * @param place names our data folder: what lies in its server's share is ours.
   * @param readAll reads the main bucket.
   */
  constructor(private o: Setting, private place: string, private readAll: () => Promise<readonly Entry[]>) {}

  async load(): Promise<{ heads: BroadcastHead[]; receipts: Receipt[] }> {
    const entries = await this.readAll();
    return {
      heads: entries.filter(({ key }) => key.startsWith("b.")).flatMap((entry) => this.takeHead(entry) ?? []),
      receipts: entries.filter(({ key }) => key.startsWith("r."))
        .flatMap((entry) => this.takeReceipt(entry) ?? []),
    };
  }

  /** Notes what stands under a key. */
  takeHead(entry: Entry): BroadcastHead | undefined {
    this.#seen(entry);
    const head = readHead(entry);
    if (!head) return undefined;
    this.#atHand.delete(head.id);
    if (head.withdrawn) this.#withdrawn.add(head.id);
    return head;
  }

  takeReceipt(entry: Entry): Receipt | undefined {
    this.#seen(entry);
    const receipt = readReceipt(entry);
    if (receipt?.state === "done") this.#done.set(entry.key, receipt);
    return receipt;
  }

  save(head: BroadcastHead): Promise<void> {
    const key = `b.${keyWord(head.id)}`;
    if (head.withdrawn) this.#withdrawn.add(head.id);
    return this.#write(head.id, key, head, (ours, entry) => {
      const isWithdrawn = this.#withdrawn.has(ours.id) || (entry && readHead(entry)?.withdrawn);
      return isWithdrawn && !ours.withdrawn ? { ...ours, withdrawn: true } : ours;
    }, (became) => this.news?.head(became));
  }

  saveFiles(id: string, at: number, files: readonly BroadcastFile[]): Promise<void> {
    const { order, link, bucket } = this.o;
    return order.run(id, async () => {
      this.#atHand.delete(id);
      let place = at;
      const pages = [...inPages(files, ({ name }) => 200 + 3 * name.length, PART_BYTES)];
      for (const page of pages.length > 0 ? pages : [[]]) {
        const part = writeFiles({ at: place, files: page }, this.place);
        await link.write(`${bucket}-files`, `${keyWord(id)}.${place}`, part);
        place += page.length;
      }
    });
  }

  files(id: string): Promise<BroadcastFile[]> {
    const { order, link, bucket } = this.o;
    return order.run(id, async () => {
      const known = this.#atHand.get(id);
      if (known) return [...known];
      const files: BroadcastFile[] = [];
      for (const entry of await link.list(`${bucket}-files`, `${keyWord(id)}.*`)) {
        const part = readFiles(entry, this.place);
        // What lies behind a part that is older was replaced by it.
        if (part && part.at <= files.length) files.splice(part.at, Infinity, ...part.files);
      }
      this.#atHand.set(id, files);
      if (this.#atHand.size > AT_HAND) this.#atHand.delete(this.#atHand.keys().next().value!);
      return [...files];
    });
  }

  async saveReceipts(receipts: readonly Receipt[]): Promise<void> {
    const results = await Promise.allSettled(receipts.map((receipt) => this.#saveReceipt(receipt)));
    const failed = results.find((each) => each.status === "rejected");
    if (!failed) return;
    // Whoever asked learns that it failed as a whole; what was kept all the same is news.
    receipts.forEach((receipt, i) => results[i]!.status === "fulfilled" && this.news?.receipt(receipt));
    throw failed.reason;
  }

  forget(id: string): Promise<void> {
    const { order, link, bucket } = this.o;
    return order.run(id, async () => {
      const key = `b.${keyWord(id)}`;
      this.#atHand.delete(id);
      this.#withdrawn.delete(id);
      this.#seqs.set(key, await link.write(bucket, key, undefined));
      await link.sweep(bucket, `r.${keyWord(id)}.*`);
      for (const kept of [this.#seqs, this.#done]) {
        for (const each of kept.keys()) if (each.startsWith(`r.${keyWord(id)}.`)) kept.delete(each);
      }
      await link.sweep(`${bucket}-files`, `${keyWord(id)}.*`);
    });
  }

  #saveReceipt(receipt: Receipt): Promise<void> {
    const key = `r.${keyWord(receipt.id)}.${keyWord(nameKey(receipt.peer))}`;
    if (receipt.state === "done") this.#done.set(key, receipt);
    return this.#write(`${receipt.id} ${receipt.peer}`, key, receipt, (ours, entry) => {
      const theirs = entry ? this.takeReceipt(entry) : this.#done.get(key);
      return theirs && undoes(ours, theirs) ? theirs : ours;
    }, (became) => this.news?.receipt(became));
  }

  /** @param settle what becomes of ours; `theirs` after a conflict. */
  #write<T>(
    about: string,
    key: string,
    value: T,
    settle: (ours: T, theirs?: Entry) => T,
    tell: (became: T) => void,
  ): Promise<void> {
    const { order, link, bucket } = this.o;
    return order.run(about, async () => {
      let ours = settle(value);
      for (let at = this.#seqs.get(key) ?? 0;;) {
        try {
          const seq = await link.write(bucket, key, ours, at);
          this.#seqs.set(key, Math.max(seq, this.#seqs.get(key) ?? 0));
          if (ours !== value) tell(ours);
          return;
        } catch (thrown) {
          if (thrown instanceof Unanswered) this.unsure.add(key);
          if (!(thrown instanceof Conflict)) throw thrown;
          at = thrown.current?.seq ?? 0;
          if (thrown.current) ours = settle(ours, thrown.current);
        }
      }
    });
  }

  #seen({ key, seq }: Entry): void {
    this.#seqs.set(key, Math.max(seq, this.#seqs.get(key) ?? 0));
  }
}
