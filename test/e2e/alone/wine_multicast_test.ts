/**
 * Broadcasts by multicast to Windows executables, and from one. Alone: Wine has one server, which holds the sockets of all
 * its programs, so that those of other tests would be in this one's network.
 */

import { assertGreater, assertLess } from "@std/assert";
import { join } from "@std/path";
import type { Launcher } from "../../../scripts/programs.ts";
import { stopWine, wineReady } from "../../../scripts/wine/wine.ts";
import { assertFile, assertTidy, bytesOf, MB, put } from "../files.ts";
import { assertCode, labTest, PROGRAMS, WINDOWS } from "../lab.ts";
import { noSegments, Segments, sentBy } from "../segments.ts";

const noWine = await wineReady() ? undefined : "no Wine here; scripts/wine/setup.sh sets it up";
// Wine's launcher is a script.
const options = { programs: PROGRAMS, inheritEnv: true, skip: noWine ?? await noSegments() };

const PATH = join("share", "image.bin");
const RS = "10.1.0.2:4321";

labTest(
  "Wine: a broadcast goes by multicast to three Windows PCs, and from one to three others",
  async (lab) => {
    await stopWine();
    await using lan = await Segments.make(["a"]);
    const linux = await lan.pc("l", ["a", "10.1.0.2/24"]);
    const windows = await lan.pc("w", ["a", "10.1.0.3/24"]);
    const rsExe = windows.inside(WINDOWS.rs);
    await lab.start("rs", "rs", ["serve", "--open", "--json", "--no-http", "--port", "4321"], linux.rs).event(
      "listening",
    );
    const serving = async (name: string, launcher: Launcher) => {
      const flags = ["--port", "0", "--accept-open-broadcasts"];
      const peer = lab.start(
        "peer",
        name,
        ["serve", "--json", "--name", name, "--rs", RS, ...flags],
        launcher,
      );
      await peer.event("registered");
      return name;
    };
    const inWindows = await Promise.all(
      ["a", "b", "c"].map((name) => serving(name, windows.inside(WINDOWS.peer))),
    );
    const inLinux = await Promise.all(["d", "e", "f"].map((name) => serving(name, linux.peer)));

    /** @returns bytes that came off the wire of each, of one copy. */
    const broadcast = async (pc: string, launcher: Launcher, to: string[], seed: number) => {
      const bytes = bytesOf(24 * MB, seed);
      put(lab.pc(pc), PATH, bytes);
      const sent = () => Promise.all([linux, windows].map(sentBy));
      const before = await sent();
      // A rate at which Wine loses nothing.
      const flags = ["--json", "--rs", RS, "--to", to.join(), "--rate", "8MB/s"];
      assertCode(await lab.run("rs", pc, ["broadcast", PATH, ...flags], launcher), 0);
      for (const name of to) {
        assertFile(join(lab.pc(name), PATH), bytes);
        // Windows keeps the names of files that are open, as what is passed on is for a while.
        if (inLinux.includes(name)) await assertTidy(lab.pc(name));
      }
      return (await sent()).map((now, i) => (now - before[i]!) / bytes.length);
    };
    try {
      const toWindows = await broadcast("rs", linux.rs, inWindows, 1);
      const fromWindows = await broadcast("lead", rsExe, inLinux, 2);
      for (const [source, others] of [toWindows, fromWindows.toReversed()] as [number, number][]) {
        assertGreater(source, 1);
        assertLess(source, 1.5);
        assertLess(others, 0.5);
      }
    } finally {
      // The peers first: those whose server was ended under them would end with a fault.
      await lab.close();
      await stopWine();
    }
  },
  options,
);
