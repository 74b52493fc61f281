/** For permissions_test.ts: tries what it may and what it may not, and prints the code of each error as JSON. */

import { join } from "@std/path";
import { FakeClock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { silentLogger } from "../base/log.ts";
import { readJson, writeAtomic } from "./atomic.ts";
import { hashFile } from "./hashing.ts";
import { IndexFile } from "./index_file.ts";
import { tryLock } from "./lock.ts";
import { PieceHashes } from "./piece_hashes.ts";
import { Root } from "./root.ts";
import { ShareScanner } from "./scan.ts";

const [inside = "", outside = ""] = Deno.args;
const clock = new FakeClock();

const tries: Record<string, () => unknown> = {
  "open inside": () => Root.open(inside, "write"),
  "open outside to read": () => Root.open(outside, "read"),
  "open outside to write": () => Root.open(join(outside, "new"), "write"),
  "open above": () => Root.open(join(inside, ".."), "read"),
  "read through a link": () => Root.open(inside, "write").pathToRead("link/secret"),
  "write through a link": () => Root.open(inside, "write").pathToWrite("link/new"),
  "root that is a link": () => Root.open(join(inside, "link"), "write"),
  "write outside": () => writeAtomic(join(outside, "f"), "x", { clock }),
  "hash outside": () => hashFile(join(outside, "secret"), 6, 100, new Uint8Array(100)),
  "lock outside": () => tryLock(join(outside, "x.lock")),
  "read outside": () => readJson(join(outside, "secret")),
  "scan": async () => {
    const scanner = new ShareScanner(Root.open(inside, "read"), new PieceHashes(inside), []);
    const { skipped, files } = await scanner.scan(() => {});
    if (files !== 1 || skipped.length !== 1) throw new Error(`${files} files, ${skipped.length} skipped`);
  },
  "index outside": async () => {
    const file = new IndexFile(outside, { clock, log: silentLogger });
    await file.load();
    if (await file.save([])) throw new Error("saved");
    const pieces = new PieceHashes(outside);
    pieces.put("ab".repeat(32), new Uint8Array(32));
    pieces.get("ab".repeat(32), 1);
    pieces.remove("ab".repeat(32));
    pieces.keepOnly(new Set());
  },
};

const seen: Record<string, string> = {};
for (const [name, work] of Object.entries(tries)) {
  try {
    await work();
    seen[name] = "done";
  } catch (cause) {
    seen[name] = cause instanceof LabError ? cause.code : `${cause}`;
  }
}
console.log(JSON.stringify(seen));
