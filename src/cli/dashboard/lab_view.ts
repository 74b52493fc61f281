/** The lab as the page sees it, out of the registration server's state. */

import type { Clock } from "../../base/clock.ts";
import type {
  About,
  BroadcastRow,
  FileRow,
  LabView,
  PcRow,
  PeerRow,
  TransferRow,
} from "../../dashboard/types.ts";
import type { BroadcastHead } from "../../registry/broadcast_store.ts";
import type { Content } from "../../registry/contents.ts";
import { type PeerRecord, registrationsLately } from "../../registry/rules.ts";
import type { RegistryServer } from "../../registry/server.ts";
import type { Transfers } from "./transfers.ts";

/** Times to which a page is told when registrations end, milliseconds: else every row would change every second. */
const GRAIN = 10_000;

/** The lab as it is now. */
export class ServerView implements LabView {
  #seen = "";
  #version = 0;
  #activity = 0;

  constructor(
    readonly about: About,
    private server: RegistryServer,
    private received: Transfers,
    private clock: Clock,
  ) {}

  /** Somebody came or went: who holds what is another matter now. */
  membersChanged(): void {
    this.#activity++;
  }

  peers(): PeerRow[] {
    return [...this.server.members.list({ all: true })].map((record) => this.#peer(record));
  }

  broadcasts(): BroadcastRow[] {
    return this.server.listBroadcasts().map(({ peer, bytes: size, began, expires, ...row }) => {
      const head = this.server.broadcasts.get(row.id);
      const bytes = head && row.state === "running" ? this.#verified(head) : row.done * size;
      return { ...row, from: peer, size, began: Date.parse(began), expires: Date.parse(expires), bytes };
    });
  }

  pcs(id: string): PcRow[] {
    const head = this.server.broadcasts.demand(id);
    return this.server.listPcs(id).map(({ name, active, state, reason }) => ({
      ...{ name, active, state, bytes: this.#bytesOf(head, name) },
      ...(reason === undefined ? {} : { reason }),
    }));
  }

  transfers(): TransferRow[] {
    return this.received.rows();
  }

  filesVersion(): number {
    const now = `${this.server.holdings.version} ${this.#activity}`;
    if (now !== this.#seen) this.#version++;
    this.#seen = now;
    return this.#version;
  }

  *files(): Generator<FileRow> {
    const off = new Set<string>();
    for (const { cookie, active } of this.server.members.list({ all: true })) if (!active) off.add(cookie);
    for (const content of this.server.holdings.all()) yield this.#file(content, off);
  }

  holders({ name, sha256, size }: { name: string; sha256: string; size: number }) {
    const { holdings, members } = this.server;
    const content = holdings.contents(name).find((each) => each.sha256 === sha256 && each.size === size);
    return [...content?.holders ?? []].map((cookie) => members.byCookie(cookie))
      .filter((record) => record !== undefined).map(({ name, active }) => ({ name, active }));
  }

  #file(content: Content, off: ReadonlySet<string>): FileRow {
    const { name, title, size, sha256, modified, holderCount: known } = content;
    let away = 0;
    if (off.size < known) { for (const cookie of off) if (content.isHeldBy(cookie)) away++; }
    else for (const cookie of content.holders) if (off.has(cookie)) away++;
    const holders = known - away;
    const holder = this.#only(content, holders === 1 ? off : undefined);
    return { name, title, size, sha256, modified, holders, known, ...holder === undefined ? {} : { holder } };
  }

  /** Who alone holds it: the first that isn't off where one is here, else the one that there is. */
  #only(content: Content, off: ReadonlySet<string> | undefined): string | undefined {
    if (!off && content.holderCount !== 1) return undefined;
    for (const cookie of content.holders) {
      if (!off?.has(cookie)) return this.server.members.byCookie(cookie)?.name;
    }
    return undefined;
  }

  #peer(record: PeerRecord): PeerRow {
    const now = { wall: this.clock.now(), mono: this.clock.monotonic() };
    const { name, host, address, port, active, comeBackBy, expires, lastRegistered, cookie } = record;
    const state = !active ? "off" : comeBackBy === undefined ? "here" : "awaited";
    const until = active ? Math.round((now.wall + expires - now.mono) / GRAIN) * GRAIN : 0;
    return {
      ...{ name, host, address, port, state, until, registered: lastRegistered },
      ...{ times: registrationsLately(record, now), files: this.server.holdings.rowsOf(cookie) },
    };
  }

  #verified(head: BroadcastHead): number {
    const { broadcasts, members } = this.server;
    let bytes = 0;
    for (const { peer } of broadcasts.pcs(head, members, this.clock.now())) {
      bytes += this.#bytesOf(head, peer);
    }
    return bytes;
  }

  #bytesOf(head: BroadcastHead, name: string): number {
    const { broadcasts, members } = this.server;
    return broadcasts.bytesOf(head, members.byName(name) ?? { name });
  }
}
