/**
 * Who else has a broadcast: somebody who came by the same files in another way, such as on a memory stick, and never had an
 * offer. Where nobody else can deliver it, whoever holds its first and its last file by the index may be asked.
 *
 * That is no proof that it has them all; whoever turns out not to is asked again once it holds more or less than then.
 */

import { messageOf } from "../base/errors.ts";
import type { BroadcastFile } from "./broadcast_store.ts";
import type { Content } from "./contents.ts";
import { isAwaited, type PeerRecord } from "./rules.ts";
import type { Registry } from "./state.ts";

/** Holders found at most: more are of no use to those who wait, and the next ones find others. */
const FOUND = 64;
/** Holders looked at for them, since of a file that everybody had most may be off. */
const LOOKED_AT = 4_096;

/** What it needs of the server. */
export interface IndexHoldersSetting {
  registry: Omit<Registry, "atWork">;
  log: { error(line: string): void };
  /** The files of one more broadcast are known. */
  learnt: () => void;
}

/** Finds holders of broadcasts by the index. */
export class IndexHolders {
  /** The first and the last file of broadcasts that were asked about; none while they are being read. */
  #ends = new Map<string, readonly BroadcastFile[]>();

  constructor(private o: IndexHoldersSetting) {}

  /** Those who are there and may have it; nobody until its files are read. */
  of(id: string): PeerRecord[] {
    const ends = this.#ends.get(id);
    if (!ends) this.#read(id);
    if (!ends || ends.length === 0) return [];
    const { holdings, members } = this.o.registry;
    const [first, last] = ends.map(({ name, sha256, size }) =>
      holdings.contents(name).find((content) => content.sha256 === sha256 && content.size === size)
    );
    if (!first || !last) return [];
    const found: PeerRecord[] = [];
    let looked = 0;
    for (const cookie of first.holders) {
      if (found.length === FOUND || ++looked > LOOKED_AT) break;
      const record = members.byCookie(cookie);
      if (record?.active && !isAwaited(record) && this.#holds(cookie, last)) found.push(record);
    }
    return found;
  }

  /** Another number whenever a peer holds more or less; never one of a registration's time. */
  stampOf({ cookie }: PeerRecord): number {
    return -1 - this.o.registry.holdings.rowsOf(cookie);
  }

  /** Keeps only what is about these broadcasts. */
  keepOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#ends.keys()) if (!ids.has(id)) this.#ends.delete(id);
  }

  #holds(cookie: string, content: Content): boolean {
    return this.o.registry.holdings.contentOf(cookie, content.name) === content;
  }

  #read(id: string): void {
    this.#ends.set(id, []);
    this.o.registry.store.broadcasts.files(id).then((files) => {
      const ends = [files[0], files.at(-1)].filter((file) => file !== undefined);
      if (ends.length === 0) return void this.#ends.delete(id);
      this.#ends.set(id, ends);
      this.o.learnt();
    }).catch((thrown) => {
      this.#ends.delete(id);
      this.o.log.error(`Cannot read the files of a broadcast: ${messageOf(thrown)}`);
    });
  }
}
