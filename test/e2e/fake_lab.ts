/** Many peers that are no programs: each registers over a connection of its own and claims files; for lists of real size. */

import { systemClock } from "../../src/base/clock.ts";
import type { MessageOf, WireRow } from "../../src/protocol/messages.ts";
import type { Connection } from "../../src/transport/connection.ts";
import { greet } from "../../src/transport/handshake.ts";
import { dialTcp } from "../../src/transport/tcp.ts";
import { Watchdog } from "../../src/transport/watchdog.ts";

/** A peer that only says that it is one. */
export interface FakePeer {
  link: Connection;
  name: string;
  cookie: string;
}

/** Peers that are registered. */
export class FakeLab implements AsyncDisposable {
  readonly peers: FakePeer[] = [];

  constructor(private port: number) {}

  /** One more. */
  async join(name: string, rows: WireRow[] = [], host = name.toUpperCase()): Promise<FakePeer> {
    const stream = await dialTcp({ host: "127.0.0.1", port: this.port }, { clock: systemClock });
    const identity = { role: "peer" as const, agent: "fake", name };
    const options = { clock: systemClock, watchdog: new Watchdog(systemClock) };
    const { connection: link } = await greet(stream, identity, options);
    const message = { kind: "Register", name, host, port: 9 } as const;
    const { cookie, peer } = await link.request(message, "Registered");
    const joined = { link, name: peer, cookie };
    this.peers.push(joined);
    await announce(joined, rows);
    return joined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { link } of this.peers) link.close();
    await Promise.all(this.peers.map(({ link }) => link.closed));
  }
}

/** A peer claims files. */
export async function announce(
  { link, cookie }: FakePeer,
  rows: WireRow[],
  more: { gone?: string[] } = {},
): Promise<MessageOf<"Announced">> {
  return await link.request({ kind: "Announce", cookie, rows, reset: false, gone: [], ...more }, "Announced");
}

/** A file of an index. */
export function row(name: string, more: Partial<WireRow> = {}): WireRow {
  const [title, sha256, modified] = ["", "ab".repeat(32), "2026-09-02T03:04:05Z"];
  return { name, title, size: 5_000, sha256, modified, flag: 1, ...more };
}

/** 400 PCs and 20,000 files, some of them with one holder. */
export async function largeLab(port: number): Promise<FakeLab> {
  const lab = new FakeLab(port);
  for (let at = 0; at < 400; at += 40) {
    await Promise.all(Array.from({ length: 40 }, (_, i) => {
      const n = at + i + 1;
      const own = Array.from(
        { length: 50 },
        (_, k) => row(`unit-${k}/pc-${n}/report-${n}-${k}.pdf`, { size: n * 1000 + k }),
      );
      const shared = Array.from({ length: 5 }, (_, k) => row(`common/lecture-${k}.pdf`));
      return lab.join(`lab-${String(n).padStart(3, "0")}`, [...own, ...shared]);
    }));
  }
  return lab;
}

/** A lab of 96 with lectures that many have, reports that two or three have, and some that nobody else has. */
export async function stagedLab(port: number): Promise<FakeLab> {
  const lab = new FakeLab(port);
  await Promise.all(Array.from({ length: 96 }, async (_, i) => {
    const n = i + 1;
    const number = String(n).padStart(3, "0");
    const rows = Array.from(
      { length: 12 },
      (_, k) => row(`lectures/unit-${k + 1}.pdf`, { size: 3_400_000 + k * 217_000 }),
    );
    for (const of of [n, n % 96 + 1, ...n % 3 ? [] : [(n + 1) % 96 + 1]]) {
      rows.push(
        row(`reports/group-${of}/report.odt`, { size: 40_000 + of * 1_373, title: `Report of group ${of}` }),
      );
    }
    if (n % 11 === 0) rows.push(row(`homework/notes-${n}.txt`, { size: n * 97, title: "Notes" }));
    await lab.join(`lab-${number}`, rows);
  }));
  return lab;
}

/** A broadcast in the middle: some are done, one has failed, the others are on their way. */
export async function beginBroadcast({ link }: FakePeer): Promise<void> {
  const size = 2_000_000_000;
  const name = (n: number) => `lab-${String(n).padStart(3, "0")}`;
  const to = Array.from({ length: 96 }, (_, i) => name(i + 1));
  await link.request({
    ...{
      kind: "Broadcast",
      id: "5f1d7c0a9be24d11",
      name: "ubuntu-26.04-lab.iso",
      peer: "rs",
      at: 0,
      lasts: 86400,
      to,
    },
    files: [["ubuntu-26.04-lab.iso", size, "cd".repeat(32)]],
  }, "Noted");
  await link.request({
    ...{ kind: "Receipts", id: "5f1d7c0a9be24d11" },
    peers: to.map((name, i) =>
      i === 17
        ? {
          name,
          state: "failed" as const,
          code: "disk_full",
          reason: "Cannot fetch 2.00 GB: only 1.12 GB are free there",
        }
        : { name, state: i % 9 < 2 ? "done" as const : "waiting" as const }
    ),
  }, "Noted");
  const peers = to.map((
    name,
    i,
  ): [string, number] => [name, Math.round(size * (0.55 + 0.4 * ((i * 37) % 100) / 100))]);
  await link.request({ kind: "Progress", id: "5f1d7c0a9be24d11", peers }, "Noted");
}
