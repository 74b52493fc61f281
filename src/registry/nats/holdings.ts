/**
 * What peers hold, in a shared registry: for each peer a log of parts, whole from its latest `reset` on.
 *
 * Rules: parts count in the order of their numbers. A part belongs to a registration of its peer, by that record's number;
 * once a later registration has told something, what comes late of an earlier one, from a server that didn't know yet,
 * counts no longer. Parts before a reset are swept away, and a log that grows long is written anew.
 */

import { messageOf } from "../../base/errors.ts";
import { inPages } from "../../base/pages.ts";
import type { WireRow } from "../../protocol/messages.ts";
import type { HoldingsChange, StoredHolding } from "../store.ts";
import type { NatsPeers, Setting } from "./peers.ts";
import type { Entry } from "./reading.ts";
import { type HoldingsPart, keyWord, readHoldings, writeHoldings } from "./records.ts";

/** Parts in one log before it's written anew: reading a peer's index takes about as many messages. */
const PARTS_MAX = 256;
/** Bytes of JSON in one part: NATS takes 1 MiB in a message. */
const PART_BYTES = 400_000;

/** Where a peer's log is. */
interface Log {
  /** The registration that it belongs to. */
  of: number;
  parts: number;
}

/** Keeps what peers hold. */
export class NatsHoldings {
  #logs = new Map<string, Log>();
  #writings = 0;

  constructor(private o: Setting, private peers: NatsPeers) {}

  /** What is held, from all parts in their order; after the records of their peers. */
  load(entries: readonly Entry[]): StoredHolding[] {
    const held = new Map<string, Map<string, WireRow>>();
    this.#logs.clear();
    for (const entry of entries) {
      const word = wordOf(entry);
      const part = this.take(entry);
      if (part) held.set(word, fold(held.get(word), part));
    }
    return [...held].flatMap(([word, rows]) => {
      const cookie = this.peers.cookieOfWord(word);
      return cookie === undefined ? [] : [...rows.values()].map((row) => ({ cookie, row }));
    });
  }

  /** Notes a part. @returns undefined when it doesn't count. */
  take(entry: Entry): HoldingsPart | undefined {
    const part = readHoldings(entry);
    if (!part) return undefined;
    const word = wordOf(entry);
    const log = this.#logs.get(word) ?? { of: 0, parts: 0 };
    if (part.of < log.of) return undefined;
    this.#logs.set(word, { of: part.of, parts: part.reset ? 1 : log.parts + 1 });
    return part;
  }

  /** Whose a part is. */
  cookieOf(entry: Entry): string | undefined {
    return this.peers.cookieOfWord(wordOf(entry));
  }

  /** A peer is no more. */
  forget(cookie: string): void {
    this.#logs.delete(keyWord(cookie));
  }

  /** Keeps a change. */
  change(change: HoldingsChange): Promise<void> {
    return this.o.order.run(change.cookie, async () => {
      const peer = this.peers.get(change.cookie);
      if (!peer) return;
      const word = keyWord(change.cookie);
      const hadParts = (this.#logs.get(word)?.parts ?? 0) > 0;
      const first = await this.#write(word, peer.seq, change);
      if (change.reset && hadParts) this.#sweep(word, first);
      if ((this.#logs.get(word)?.parts ?? 0) > PARTS_MAX) await this.#writeAnew(word, peer.seq);
    });
  }

  /** @returns the number of the first part. */
  async #write(
    word: string,
    of: number,
    { reset, rows, gone }: Omit<HoldingsChange, "cookie">,
  ): Promise<number> {
    const pages = [...inPages(rows, (row) => 150 + 3 * (row.name.length + row.title.length), PART_BYTES)];
    const names = [...inPages(gone, (name) => 10 + 3 * name.length, PART_BYTES)];
    const parts: HoldingsPart[] = [
      ...names.map((gone) => ({ of, reset: false, rows: [], gone: [...gone] })),
      ...pages.map((rows) => ({ of, reset: false, rows: [...rows], gone: [] })),
    ];
    const [first] = parts;
    if (!first) {
      if (!reset) return 0;
      parts.push({ of, reset, rows: [], gone: [] });
    } else if (parts.length === 2 && names.length === 1 && pages.length === 1) {
      // Nearly always: one message, and it is all or nothing.
      parts.splice(0, 2, { of, reset, rows: [...pages[0]!], gone: [...names[0]!] });
    } else first.reset = reset;
    let firstSeq = 0;
    for (const part of parts) {
      const seq = await this.#writePart(word, part);
      firstSeq ||= seq;
    }
    return firstSeq;
  }

  async #writePart(word: string, part: HoldingsPart): Promise<number> {
    const { link, bucket } = this.o;
    const key = `h.${word}.${link.run}-${++this.#writings}`;
    const seq = await link.write(bucket, key, writeHoldings(part), 0);
    const log = this.#logs.get(word);
    if (!log || part.of >= log.of) {
      this.#logs.set(word, { of: part.of, parts: part.reset ? 1 : (log?.parts ?? 0) + 1 });
    }
    return seq;
  }

  /** What was before a reset takes up room only. */
  #sweep(word: string, before: number): void {
    const { link, bucket, log } = this.o;
    link.sweep(bucket, `h.${word}.*`, before).catch((thrown) =>
      log.debug(`Cannot sweep what a peer held before: ${messageOf(thrown)}`)
    );
  }

  async #writeAnew(word: string, of: number): Promise<void> {
    const { link, bucket } = this.o;
    let rows: Map<string, WireRow> | undefined;
    let latest = 0;
    for (const entry of await link.list(bucket, `h.${word}.*`)) {
      const part = readHoldings(entry);
      if (!part || part.of < latest) continue;
      latest = part.of;
      rows = fold(rows, part);
    }
    if (latest > of) return;
    this.#sweep(
      word,
      await this.#write(word, of, { reset: true, rows: [...rows?.values() ?? []], gone: [] }),
    );
  }
}

function fold(held: Map<string, WireRow> | undefined, part: HoldingsPart): Map<string, WireRow> {
  const rows = (part.reset ? undefined : held) ?? new Map<string, WireRow>();
  for (const name of part.gone) rows.delete(name);
  for (const row of part.rows) rows.set(row.name, row);
  return rows;
}

/** The word of the key that stands for the cookie. */
function wordOf({ key }: Entry): string {
  return key.split(".")[1] ?? "";
}
