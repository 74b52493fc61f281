/** What a peer that serves remembers of registration servers, from one start to the next. Nobody answers at any of them. */

import { assertEquals } from "@std/assert";
import { systemClock } from "../../base/clock.ts";
import { silentLogger } from "../../base/log.ts";
import { systemRandom } from "../../base/random.ts";
import type { HostPort } from "../../base/units.ts";
import { Lines, TempFolder } from "../../storage/_testing.ts";
import { Watchdog } from "../../transport/watchdog.ts";
import { loadPeerState, savePeerState } from "../peer_state.ts";
import { namedAmong, type RsAddress } from "../rs_address.ts";
import { PeerServe, type ServeOptions } from "./serve.ts";

const context = {
  ...{ clock: systemClock, random: systemRandom, log: silentLogger, agent: "test" },
  watchdog: new Watchdog(systemClock),
};
const at = (port: number): HostPort => ({ host: "127.0.0.1", port });
const [ours, other, wrong] = [at(1), at(2), at(3)];
/** Registered at another one, since the one that was named had gone. */
const KEPT = { rs: "127.0.0.1:2", servers: [], named: "127.0.0.1:1" };

function start(folder: TempFolder, rs: RsAddress, more: Partial<ServeOptions>): Promise<PeerServe> {
  return PeerServe.start({
    ...{ context, rs, name: "pc", hostName: "pc", host: "127.0.0.1", port: 0 },
    ...{ share: folder.folder("share"), data: folder.path + "/data", indexInterval: 60_000, rate: Infinity },
    event: () => {},
    ...more,
  });
}

/** Serves for a moment. */
async function serveOnce(folder: TempFolder, rs: RsAddress, named?: HostPort): Promise<void> {
  const peer = await start(folder, rs, { named });
  await peer.close();
}

Deno.test("servers that were tried instead are not asked for the lab of the one that was named before", async () => {
  for (const named of [wrong, undefined]) {
    using folder = new TempFolder();
    const data = folder.folder("data");
    await savePeerState(data, KEPT, systemClock);
    await serveOnce(folder, wrong, named);
    assertEquals(namedAmong(ours, await loadPeerState(data)), ours);
  }
});

Deno.test("a start without a name, or with the one that is remembered, forgets nothing", async () => {
  using folder = new TempFolder();
  const data = folder.folder("data");
  await savePeerState(data, KEPT, systemClock);
  await serveOnce(folder, other);
  assertEquals(namedAmong(ours, await loadPeerState(data)), { ...ours, others: [other] });
  await serveOnce(folder, { ...ours, others: [other] }, ours);
  assertEquals(namedAmong(ours, await loadPeerState(data)), { ...ours, others: [other] });
});

Deno.test("a log in the share doesn't grow by being shared", async () => {
  using folder = new TempFolder();
  folder.file("share/a.log", "a line");
  folder.file("share/b.txt", "b");
  const log = new Lines();
  const shared = Promise.withResolvers<void>();
  log.info = (line) => {
    log.lines.push(line);
    if (line === "Shared: b.txt") shared.resolve();
  };
  const peer = await start(folder, ours, {
    context: { ...context, log },
    logFile: folder.at("share", "a.log"),
  });
  await shared.promise;
  await peer.close();
  assertEquals(log.lines.filter((line) => line.startsWith("Shared")), ["Shared: b.txt"]);
});
