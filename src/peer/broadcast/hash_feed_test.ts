/** Piece hashes as they become known: in order, never otherwise than they were told, and closed with what they make. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { concat, fromHex, toHex } from "../../base/bytes.ts";
import { codeOf, LabError, RemoteProtocolError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { encodeManifest } from "../../catalog/manifest.ts";
import * as fc from "../../deps/fast_check.ts";
import { sha256 } from "../../storage/hashing.ts";
import { HashFeed } from "./hash_feed.ts";

const ID = "ab".repeat(32);
const FILE_HASH = "cd".repeat(32);
/** 1,000 pieces of 256 KiB would be too much for that size of piece: so 1 MiB each, and a short one. */
const FILE = { name: "image.bin", size: 999 * 1024 * 1024 + 1 };
const HASHES = Array.from({ length: 1_000 }, (_, i) => toHex(sha256(new Uint8Array([i, i >> 8]))));
const MANIFEST = encodeManifest({
  pieceSize: 1024 * 1024,
  files: [{ ...FILE, sha256: FILE_HASH }],
  hashes: concat(HASHES.map(fromHex)),
});
const CLOSING = { sha256: FILE_HASH, content: toHex(sha256(MANIFEST)) };

function filled(): HashFeed {
  const feed = new HashFeed(ID, FILE);
  feed.add(0, HASHES);
  return feed;
}

Deno.test("hashes in order, told again or not, make the manifest", () => {
  const feed = new HashFeed(ID, FILE);
  feed.add(0, HASHES.slice(0, 3));
  feed.add(1, HASHES.slice(1, 5));
  feed.add(0, []);
  assertEquals([feed.known, feed.isOver], [5, false]);
  assertEquals(feed.hashes(3, 99), concat(HASHES.slice(3, 5).map(fromHex)));
  feed.add(5, HASHES.slice(5));
  feed.close(CLOSING);
  assertEquals(feed.closing, CLOSING);
  assertEquals(feed.manifest, MANIFEST);
  // What comes afterwards changes nothing.
  feed.fail(new LabError("changed", "too late"));
  assertEquals([feed.fault, feed.closing], [undefined, CLOSING]);
});

Deno.test("a gap, too many, others than before: refused, and nothing is taken", () => {
  const feed = new HashFeed(ID, FILE);
  feed.add(0, HASHES.slice(0, 10));
  const wrong: [number, string[]][] = [
    [11, HASHES.slice(11, 12)],
    [2 ** 53 - 1, HASHES.slice(0, 1)],
    [10, [...HASHES.slice(10), ID]],
    [8, [HASHES[8]!, ID, HASHES[10]!]],
  ];
  for (const [at, hashes] of wrong) assertThrows(() => feed.add(at, hashes), RemoteProtocolError);
  assertEquals([feed.known, feed.isOver], [10, false]);
});

for (
  const [what, lie] of Object.entries({
    "another content": { ...CLOSING, content: ID },
    "another SHA-256 of the file": { ...CLOSING, sha256: ID },
  })
) {
  Deno.test(`a false close, ${what}: an integrity fault, for good`, async () => {
    const feed = filled();
    const waiting = assertRejects(() => feed.closed(), LabError, "image.bin");
    assertEquals(codeOf(assertThrows(() => feed.close(lie))), "integrity");
    assertEquals(codeOf(await waiting), "integrity");
    feed.close(CLOSING);
    assertEquals(feed.closing, undefined);
  });
}

Deno.test("closed before all are known: a false close", () => {
  const feed = new HashFeed(ID, FILE);
  feed.add(0, HASHES.slice(0, 999));
  assertEquals(codeOf(assertThrows(() => feed.close(CLOSING))), "integrity");
});

Deno.test("who waits is woken by more, by the close, by a fault", async () => {
  const feed = new HashFeed(ID, FILE);
  const first = feed.more(0);
  feed.add(0, HASHES.slice(0, 1));
  await first;
  await feed.more(0);
  const closed = feed.closed();
  const all = feed.more(1);
  feed.add(1, HASHES.slice(1));
  await all;
  feed.close({ sha256: FILE_HASH });
  assertEquals(await closed, CLOSING);
  await feed.more(1_000);
  const failed = new HashFeed(ID, FILE);
  const waiting = assertRejects(() => failed.closed(), LabError, "gone");
  failed.fail(new LabError("changed", "gone"));
  await waiting;
});

Deno.test("a page has at most as many as a message may have", () => {
  const feed = filled();
  assertEquals(feed.page(0), HASHES.slice(0, LIMITS.hashesPerMessage));
  assertEquals(feed.page(900), HASHES.slice(900));
  assertEquals(feed.page(1_000), []);
});

Deno.test("sizes that no manifest may have are refused before anything is allocated", () => {
  for (const size of [0, 2 ** 53 - 1, LIMITS.manifest / 32 * 4 * 1024 * 1024 + 1]) {
    assertThrows(() => new HashFeed(ID, { name: "x", size }), LabError);
  }
  assertEquals(new HashFeed(ID, { name: "x", size: 8e12 }).known, 0);
});

Deno.test("whatever comes: what is known is a beginning of what was told, and a close is right or a fault", () => {
  const hash = fc.constantFrom(...HASHES.slice(0, 4), ID);
  const file = { name: "x", size: 4 * 256 * 1024 };
  const event = fc.oneof(
    fc.record({ at: fc.oneof(fc.nat(5), fc.maxSafeNat()), hashes: fc.array(hash, { maxLength: 6 }) }),
    fc.record({ sha256: hash, content: hash }),
    fc.record({ sha256: hash }),
  );
  fc.assert(fc.property(fc.array(event, { maxLength: 12 }), (events) => {
    const feed = new HashFeed(ID, file);
    for (const each of events) {
      const before = feed.hashes();
      const wasOver = feed.isOver;
      try {
        if ("at" in each) feed.add(each.at, each.hashes);
        else feed.close(each);
      } catch (thrown) {
        assert(thrown instanceof RemoteProtocolError || codeOf(thrown) === "integrity");
      }
      assert(feed.known <= 4 && feed.hashes().length === 32 * feed.known);
      assertEquals(feed.hashes().subarray(0, before.length), before);
      if (wasOver) assertEquals(feed.hashes().length, before.length);
      if (feed.closing) assertEquals(toHex(sha256(feed.manifest!)), feed.closing.content);
    }
  }));
});
