/** For tests only: a lab that is what a test says. */

import { FakeClock } from "../base/clock.ts";
import { silentLogger } from "../base/log.ts";
import { seededRandom } from "../base/random.ts";
import { EventList, Feed } from "./feed.ts";
import { FilePages } from "./file_pages.ts";
import { Gate } from "./gate.ts";
import type { Site } from "./http.ts";
import { Live } from "./live.ts";
import type { BroadcastRow, FileRow, LabActions, LabView, PeerRow } from "./types.ts";

export const KEY = "01234-56789-abcde-f0123";

export const peer = (name: string, more: Partial<PeerRow> = {}): PeerRow => ({
  ...{ name, host: name, address: "10.0.0.7", port: 23476, state: "here", until: 0, times: 1 },
  ...{ registered: 0, files: 0, ...more },
});

export const file = (name: string, more: Partial<FileRow> = {}): FileRow => ({
  ...{ name, title: "", size: 1, sha256: "ab".repeat(32), modified: "2026-01-01T00:00:00Z" },
  ...{ holders: 2, known: 2, ...more },
});

/** A lab that is what a test says. */
export class FakeLab implements LabView {
  readonly about = { name: "rs", address: "here:1", mode: "open" as const, version: "1" };
  version = 0;
  rows: { peers: PeerRow[]; files: FileRow[]; broadcasts: BroadcastRow[] } = {
    peers: [],
    files: [],
    broadcasts: [],
  };
  /** How often all files were asked for. */
  looks = 0;
  readonly clock = new FakeClock();
  readonly events = new EventList();
  readonly files_ = new FilePages(this, () => this.clock.monotonic());
  readonly feed = new Feed(this, this.events, () => this.files_.summary());
  readonly live = new Live(this.feed, this.clock);
  readonly done: unknown[] = [];

  peers = () => this.rows.peers;
  broadcasts = () => this.rows.broadcasts;
  pcs = () => [{ name: "a", active: true, state: "done" as const, bytes: 1 }];
  transfers = () => [];
  filesVersion = () => this.version;
  files = () => {
    this.looks++;
    return this.rows.files;
  };
  holders = () => [{ name: "a", active: true }];

  /** The page of this lab. */
  site(actions: Partial<LabActions> = {}): Site {
    const note = (what: string) => (order: unknown) => {
      this.done.push([what, order]);
      return Promise.resolve();
    };
    return {
      assets: new Map([["/", { body: "<p>page", type: "text/html" }]]),
      view: this,
      actions: {
        share: () => Promise.resolve([]),
        broadcast: note("broadcast"),
        retry: note("retry"),
        withdraw: note("withdraw"),
        ...actions,
      },
      files: this.files_,
      live: this.live,
      gate: new Gate({
        key: KEY,
        names: ["Teacher-PC"],
        random: seededRandom(1),
        now: () => this.clock.monotonic(),
      }),
      log: silentLogger,
    };
  }
}
