/** Late deliveries out of the server's own share, whole and in part. */

import { assertEquals } from "@std/assert";
import { until } from "../base/_patience.ts";
import { join } from "../deps/std_path.ts";
import type { MessageOf, WireFile } from "../protocol/messages.ts";
import { wholeSha256 } from "../storage/hashing.ts";
import { TempFolder } from "../storage/_testing.ts";
import { Lab } from "./_testing.ts";

const NAMES = ["set/a.txt", "set/b.txt"];

Deno.test("a file of a set was changed, and nobody else is there: the rest is delivered, and the set when it's back", async () => {
  using temp = new TempFolder();
  for (const name of NAMES) temp.file(`share/${name}`, name);
  const share = temp.at("share");
  const hashOwn = (folder: string, name: string) => Promise.resolve(wholeSha256(join(folder, name)));
  await using lab = await Lab.start({ share, hashOwn });
  const files = NAMES.map((name): WireFile => [name, name.length, wholeSha256(join(share, name))]);
  const tool = await lab.dial("tool", "rs");
  const about = { id: "b0", name: "set", peer: "rs", at: 0, files, lasts: 3600 };
  await tool.request({ kind: "Broadcast", ...about }, "Noted");
  await lab.server.adopt("b0", [join(share, "set")]);
  await tool.request({ kind: "Receipts", id: "b0", peers: [], over: true }, "Noted");
  temp.file("share/set/b.txt", "another");
  const changed = lab.log.next(/b\.txt in the share is no longer what was broadcast/);
  lab.clock.advance(6_000);

  const offered: string[][] = [];
  let heard = () => {};
  const pc1 = await lab.join("pc1", undefined, 1001, async (message, exchange) => {
    offered.push((message as MessageOf<"Offer">).files.map(([name]) => name));
    await exchange.send({ kind: "Receipt", files: [] });
    heard();
  });
  const states = async () => {
    const { peers } = await tool.request({ kind: "BQuery", id: "b0" }, "Broadcasts");
    return peers.map(({ name, state }) => `${name} ${state}`);
  };
  await changed;
  await until("an offer", () => offered.length > 0, () => new Promise<void>((resolve) => heard = resolve));
  for (let i = 0; i < 5; i++) await pc1.link.request({ kind: "KeepAlive", cookie: pc1.cookie }, "Alive");
  assertEquals([offered, await states()], [[["set/a.txt"]], ["pc1 waiting"]]);

  temp.file("share/set/b.txt", NAMES[1]!);
  const arrived = lab.log.next(/Offer +pc1: set has arrived/);
  lab.clock.advance(30_000);
  await arrived;
  assertEquals([offered[1], await states()], [NAMES, ["pc1 done"]]);
});
