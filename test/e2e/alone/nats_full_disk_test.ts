/**
 * A server of NATS whose disk is full: it goes on saying that it's there, and its copy of the registry stands still. Whoever
 * reads that copy must notice, or knows an old story for ever. Needs root (the disk is a small tmpfs) and nats-server.
 */

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { until, within } from "../../../src/base/_patience.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { systemRandom } from "../../../src/base/random.ts";
import { peer } from "../../../src/registry/_store_contract.ts";
import { NatsCluster, natsServer } from "../../../src/registry/nats/_cluster.ts";
import { type NatsStore, openNatsStore } from "../../../src/registry/nats/nats_store.ts";
import { parsePlace } from "../../../src/registry/nats/place.ts";
import { LEASE } from "../../../src/registry/nats/servers.ts";
import type { SharedNews } from "../../../src/registry/store.ts";

const MB = 1_000_000;
const NODES = 3;
/** How long a server may be deaf, milliseconds: then the others would count it as gone. */
const DEAF = 30_000;

async function mount(...args: string[]): Promise<boolean> {
  const [program, ...rest] = args;
  const { success } = await new Deno.Command(program!, { args: rest, stdout: "null", stderr: "null" })
    .output();
  return success;
}

/** Small disks, one each. @returns their folders; undefined without the right to mount. */
async function disks(folder: string): Promise<string[] | undefined> {
  const all = Array.from({ length: NODES }, (_, n) => join(folder, `disk${n}`));
  for (const each of all) {
    await Deno.mkdir(each);
    if (!await mount("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", each)) return undefined;
  }
  return all;
}

async function canMount(): Promise<boolean> {
  const folder = await Deno.makeTempDir();
  try {
    return Deno.build.os === "linux" && await mount("mount", "-t", "tmpfs", "tmpfs", folder);
  } catch {
    return false;
  } finally {
    await mount("umount", "-l", folder).catch(() => false);
    await Deno.remove(folder);
  }
}

const skip = natsServer() === undefined
  ? "nats-server is not installed"
  : await canMount()
  ? undefined
  : "no right to mount a small disk here; run as root";

/** A server that notes which peers it has heard of, and which servers it has seen go. */
class Server {
  readonly heard = new Set<string>();
  readonly gone = new Set<string>();
  private constructor(readonly store: NatsStore) {}

  static async open(url: string, n: number): Promise<Server> {
    const options = { clock: systemClock, random: systemRandom, log: silentLogger, folderId: `folder${n}` };
    const server = new Server(await openNatsStore({ place: parsePlace(url), ...options }));
    const ignored = () => {};
    const news: SharedNews = {
      ...{ forgotten: ignored, holdings: ignored, head: ignored, headForgotten: ignored, receipt: ignored },
      ...{ renewed: ignored },
      fellows: (gone) => gone.forEach((id) => server.gone.add(id)),
      peer: ({ name }) => void server.heard.add(name),
    };
    server.store.follow(news);
    server.store.present({ hosts: [], port: 1 + n, claims: [] });
    await server.store.catchUp();
    return server;
  }
}

/** Opens a server, and has it read a copy that doesn't lead. @returns it, and whose copy it reads. */
async function readerOf(cluster: NatsCluster): Promise<{ reader: Server; at: number }> {
  const before = await cluster.readingsOf("labswarm");
  const reader = await Server.open(cluster.url, 1);
  const places = new Set<number>();
  const isRead = async () => {
    const fresh = [...await cluster.readingsOf("labswarm")].filter(([name]) => !before.has(name));
    places.clear();
    for (const [, at] of fresh) places.add(at);
    return places.size === 1 && !places.has(NaN);
  };
  await until("it reads one copy", isRead);
  const [at] = places;
  const leadsNot = async () => await cluster.leaderOf("labswarm") !== at;
  await until("another copy leads", leadsNot, () => cluster.leadAnother("labswarm"));
  return { reader, at: at! };
}

Deno.test({
  name: `NATS store: the disk of one server of NATS is full: nobody goes on with an old story${
    skip ? ` (skipped: ${skip})` : ""
  }`,
  ignore: skip !== undefined,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    const opened: Server[] = [];
    try {
      const stores = await disks(folder);
      assert(stores);
      await using cluster = await NatsCluster.start({ stores });
      const writer = await Server.open(cluster.url, 0);
      opened.push(writer);
      const { reader, at } = await readerOf(cluster);
      opened.push(reader);
      fill(join(stores[at]!, "filler"));
      const names = Array.from({ length: 20 }, (_, n) => `pc${n}`);
      for (const name of names) await writer.store.savePeers([peer(1, { name, cookie: `c-${name}` })]);
      const hasAll = () => names.every((name) => reader.heard.has(name));
      await until("the reader has heard of all peers", hasAll, undefined, DEAF);
      await within("it knows that it has", reader.store.catchUp(), DEAF);
      // Whoever weren't heard all the time would count as gone by now.
      await systemClock.sleep(LEASE + 3_000);
      for (const { gone, store } of opened) {
        assertEquals([...gone], [], "a living server counted as gone");
        assert(!store.isAway);
      }
    } finally {
      for (const { store } of opened) await store.close();
      for (let n = 0; n < NODES; n++) await mount("umount", "-l", join(folder, `disk${n}`));
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Writes until there is no room. */
function fill(path: string): void {
  using file = Deno.openSync(path, { write: true, create: true });
  const some = new Uint8Array(MB / 10);
  try {
    for (let n = 0; n < 1000; n++) file.writeSync(some);
  } catch { /* full */ }
}
