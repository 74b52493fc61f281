/** BitTorrent: libtorrent and aria2 around opentracker, tuned for a LAN. */

import { fromFileUrl, join } from "@std/path";
import type { Attempt, Contender } from "./contender.ts";
import { FILE, isNamed, type Program, SOURCE, type Stage, SwarmFailed } from "./stage.ts";
import { torrentOf } from "./torrent_file.ts";

const TRACKER_PORT = 6969;
const PEER_PORT = 6881;
/** Size of a piece, bytes. */
const PIECE_SIZE = 262_144;
/** What a seed gets to announce itself, milliseconds: nothing tells when it has. */
const ANNOUNCE_MS = 1000;
/** Debian's, for which libtorrent's module is made, not one that comes first in the path. */
const PYTHON = "/usr/bin/python3";

/** How a client is started. */
interface Client {
  seed(stage: Stage, torrent: string): string[];
  receiver(stage: Stage, torrent: string, host: number): string[];
}

const doneFile = (stage: Stage, host: number) => join(stage.home(host), "done");

async function prepare(stage: Stage, client: Client): Promise<Attempt> {
  const torrent = await startTracker(stage);
  stage.start(SOURCE, ...client.seed(stage, torrent));
  await stage.lan.listening(SOURCE, PEER_PORT);
  await new Promise((resolve) => setTimeout(resolve, ANNOUNCE_MS));
  const programs = new Map<number, Program>();
  return {
    start: () => {
      for (const host of stage.receivers) {
        programs.set(host, stage.start(host, ...client.receiver(stage, torrent, host)));
      }
    },
    marks: (host) => doneFile(stage, host),
    finished: (host) => {
      const isThere = isNamed(doneFile(stage, host), 0);
      const end = programs.get(host)?.end;
      if (!isThere && end) {
        throw new SwarmFailed(`Receiver ${host}: ${end.code}: ${stage.said(host)}`);
      }
      return isThere;
    },
  };
}

/** Makes the torrent and starts a tracker for it; gives the torrent's path. */
async function startTracker(stage: Stage): Promise<string> {
  const home = stage.home(SOURCE);
  const address = stage.address(SOURCE);
  const announce = `http://${address}:${TRACKER_PORT}/announce`;
  const options = { name: FILE, announce, pieceSize: PIECE_SIZE };
  const { torrent, infoHash } = await torrentOf(stage.file(SOURCE), options);
  const path = join(home, "t.torrent");
  await Deno.writeFile(path, torrent);
  // Debian's opentracker serves only what is listed.
  await Deno.writeTextFile(join(home, "white"), `${infoHash}\n`);
  const port = String(TRACKER_PORT);
  stage.start(SOURCE, "opentracker", "-i", address, "-p", port, "-P", port, "-d", home, "-w", "white");
  await stage.lan.listening(SOURCE, TRACKER_PORT);
  return path;
}

const SCRIPT = fromFileUrl(new URL("libtorrent_peer.py", import.meta.url));

const LIBTORRENT_CLIENT: Client = {
  seed: (stage, torrent) => [PYTHON, SCRIPT, torrent, stage.share(SOURCE), stage.address(SOURCE)],
  receiver: (stage, torrent, host) => [
    ...[PYTHON, SCRIPT, torrent, stage.share(host), stage.address(host), doneFile(stage, host)],
  ],
};

const ARIA_FLAGS = [
  "--no-conf",
  "--quiet",
  "--enable-dht=false",
  "--enable-dht6=false",
  "--enable-peer-exchange=true",
  "--bt-enable-lpd=true",
  "--bt-lpd-interface=eth0",
  "--bt-max-peers=0",
  "--bt-request-peer-speed-limit=1000M",
  "--seed-ratio=0",
  "--file-allocation=none",
  `--listen-port=${PEER_PORT}`,
  "--bt-tracker-interval=2",
  "--async-dns=false",
  "--disk-cache=16M",
  "--max-overall-upload-limit=0",
];

const ARIA_CLIENT: Client = {
  seed: (stage, torrent) => [
    ...["aria2c", ...ARIA_FLAGS, `--dir=${stage.share(SOURCE)}`, "--bt-seed-unverified=true", torrent],
  ],
  receiver: (stage, torrent, host) => {
    const hook = join(stage.home(host), "hook");
    Deno.writeTextFileSync(hook, `#!/bin/sh\n: >"${doneFile(stage, host)}"\n`, { mode: 0o755 });
    const flags = [`--dir=${stage.share(host)}`, `--on-bt-download-complete=${hook}`];
    return ["aria2c", ...ARIA_FLAGS, ...flags, torrent];
  },
};

/** Whether Debian's Python has the module. */
async function missingModule(): Promise<string | undefined> {
  try {
    const { success } = await new Deno.Command(PYTHON, { args: ["-c", "import libtorrent"], stderr: "null" })
      .output();
    return success ? undefined : "python3-libtorrent";
  } catch {
    return "python3-libtorrent";
  }
}

/** libtorrent, with more slots and shorter intervals than it has by itself. */
export const LIBTORRENT: Contender = {
  name: "libtorrent",
  verifies: true,
  programs: ["opentracker"],
  missing: missingModule,
  prepare: (stage) => prepare(stage, LIBTORRENT_CLIENT),
};

/** aria2c as a BitTorrent client. */
export const ARIA: Contender = {
  name: "aria2",
  verifies: true,
  programs: ["opentracker", "aria2c"],
  prepare: (stage) => prepare(stage, ARIA_CLIENT),
};
