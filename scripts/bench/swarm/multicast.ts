/** Multicast: uftp and udpcast. One copy reaches all; nobody checks a hash, and the sender must live to the end. */

import type { Contender } from "./contender.ts";
import { join } from "@std/path";
import { isNamed, type Program, SOURCE, SwarmFailed } from "./stage.ts";

const UFTP_PORT = 1044;
const UDPCAST_PORT = 9000;
/** uftp's rate as a share of the link's. */
const UFTP_SHARE = 0.97;
const BUFFER = String(4 << 20);

/** uftp sends at a fixed rate, and repeats what receivers report missing. */
export const UFTP: Contender = {
  name: "uftp",
  verifies: false,
  programs: ["uftp", "uftpd"],
  async prepare(stage) {
    for (const host of stage.receivers) {
      const groups = ["-I", "eth0", "-B", BUFFER, "-D", stage.share(host), "-M", "230.4.4.1"];
      stage.start(host, "uftpd", "-d", "-t", "-q", ...groups);
    }
    await Promise.all(stage.receivers.map((host) => stage.lan.listening(host, UFTP_PORT, "udp")));
    // In a file: 32 are too many for its command line.
    const ids = join(stage.home(SOURCE), "ids");
    const idOf = (host: number) => `0x0A4D00${host.toString(16).padStart(2, "0").toUpperCase()}\n`;
    await Deno.writeTextFile(ids, stage.receivers.map(idOf).join(""));
    const kilobits = String(Math.floor(stage.lan.host(SOURCE).rate / 1000 * UFTP_SHARE));
    const flags = ["-R", kilobits, "-b", "1434", "-B", String(1 << 20), "-I", "eth0"];
    const session = ["-M", "230.4.4.1", "-P", "230.5.5.1", "-r", "0.1:0.01:1.0", "-H", `@${ids}`];
    let sender: Program | undefined;
    return {
      start: () => void (sender = stage.start(SOURCE, "uftp", ...flags, ...session, stage.file(SOURCE))),
      marks: (host) => stage.file(host),
      finished: (host) => {
        const isThere = isNamed(stage.file(host), stage.size);
        if (!isThere && sender?.end && sender.end.code !== 0) {
          throw new SwarmFailed(`uftp ended with ${sender.end.code}: ${stage.said(SOURCE)}`);
        }
        return isThere;
      },
    };
  },
};

/** udpcast sends in slices, which all must have confirmed. */
export const UDPCAST: Contender = {
  name: "udpcast",
  verifies: false,
  programs: ["udp-sender", "udp-receiver"],
  async prepare(stage) {
    const common = ["--nokbd", "--no-progress", "--interface", "eth0", "--portbase", String(UDPCAST_PORT)];
    const programs = new Map<number, Program>();
    for (const host of stage.receivers) {
      const flags = ["--nosync", "--rcvbuf", BUFFER, "--exit-wait", "100", "--file", stage.file(host)];
      programs.set(host, stage.start(host, "udp-receiver", ...common, ...flags));
    }
    await Promise.all(stage.receivers.map((host) => stage.lan.listening(host, UDPCAST_PORT, "udp")));
    const flags = ["--full-duplex", "--min-receivers", String(stage.receivers.length)];
    return {
      start: () =>
        void stage.start(
          SOURCE,
          ...[
            "udp-sender",
            ...common,
            ...flags,
            "--rexmit-hello-interval",
            "50",
            "--file",
            stage.file(SOURCE),
          ],
        ),
      finished: (host) => ended(programs.get(host)!, stage.said(host)),
    };
  },
};

/** For programs that end when they are done. */
export function ended(program: Program, said: string): number | undefined {
  if (program.end === undefined) return undefined;
  if (program.end.code === 0) return program.end.at;
  throw new SwarmFailed(`Receiver ${program.host} ended with ${program.end.code}: ${said}`);
}
