/** For tests only: what every store has to do, whatever it keeps things in. */

import { assertEquals } from "@std/assert";
import type { WireRow } from "../protocol/messages.ts";
import type { BroadcastHead, Receipt } from "./broadcast_store.ts";
import type { KeptRecord } from "./rules.ts";
import type { Store } from "./store.ts";

/** A record. */
export const peer = (n: number, more: Partial<KeptRecord> = {}): KeptRecord => ({
  ...{ name: `pc${n}`, cookie: `c${n}`, host: `PC${n}`, address: "192.168.1.7", port: 23476 },
  ...{
    active: true,
    registrations: [1_700_000_000_000, 1_700_000_000_001],
    lastRegistered: 1_700_000_000_001,
  },
  ...more,
});

/** A row. */
export const row = (name: string, more: Partial<WireRow> = {}): WireRow => ({
  ...{ name, title: "", size: 5, sha256: "a".repeat(64), modified: "2026-01-02T03:04:05Z", flag: 1 as const },
  ...more,
});

/** A broadcast. */
export const head = (id: string, more: Partial<BroadcastHead> = {}): BroadcastHead => ({
  ...{ id, name: "é 😀.iso", peer: "rs", cookie: undefined, bytes: 5, files: 1, to: undefined },
  ...{ began: 1_700_000_000_000, expires: 1_700_000_086_400, whole: true, withdrawn: false },
  ...more,
});

/** A receipt. */
export const receipt = (id: string, peer: string, more: Partial<Receipt> = {}): Receipt => ({
  ...{ id, peer, state: "waiting", at: 1_700_000_000_001 },
  ...more,
});

/** A place where stores live; `reopen` is what a restart does. */
export interface Place {
  open(): Promise<Store>;
  reopen(store: Store): Promise<Store>;
}

/** The records, by name. */
export async function peersOf(store: Store): Promise<KeptRecord[]> {
  return [...await store.loadPeers()].sort((a, b) => a.name < b.name ? -1 : 1);
}

/** What is held: cookie, name and size, in order. */
export async function heldIn(store: Store): Promise<string[]> {
  return [...await store.loadHoldings()].map(({ cookie, row }) => `${cookie} ${row.name} ${row.size}`).sort();
}

/** The suite. */
export const contract: Record<string, (place: Place) => Promise<void>> = {
  async "registrations are kept as the list grows, is cut, and changes in other ways"(place) {
    let store = await place.open();
    const lists = [
      ...[[1, 2], [1, 2, 3], [1, 2, 3, 3], [2, 3, 3, 3, 4], [4, 9], [4, 6], [6, 7], [], [8], [8, 8]],
      // The clock was set back: one comes before the last.
      ...[[3, 8, 8], [3, 5, 8, 8], [3, 5, 5, 8, 8], [5, 6, 8, 8, 9]],
    ];
    for (const registrations of lists) {
      await store.savePeers([peer(1, { registrations }), peer(2)]);
      store = await place.reopen(store);
      assertEquals(await peersOf(store), [peer(1, { registrations }), peer(2)]);
    }
    // Without anything being read in between.
    for (const registrations of lists) await store.savePeers([peer(1, { registrations })]);
    for (const registrations of lists.slice(0, 4)) await store.savePeers([peer(1, { registrations })]);
    store = await place.reopen(store);
    assertEquals(await peersOf(store), [peer(1, { registrations: lists[3]! }), peer(2)]);
    await store.forgetPeer("c1");
    await store.savePeers([peer(1, { registrations: [1] })]);
    store = await place.reopen(store);
    assertEquals((await peersOf(store))[0]!.registrations, [1]);
    await store.close();
  },
  async "members are kept over a restart, and changed in place"(place) {
    let store = await place.open();
    await store.savePeers([peer(1), peer(2, { name: "é 😀", registrations: [] })]);
    await store.savePeers([peer(1, { active: false, host: "NEW", lastRegistered: 2 })]);
    store = await place.reopen(store);
    const expected = [
      peer(1, { active: false, host: "NEW", lastRegistered: 2 }),
      peer(2, { name: "é 😀", registrations: [] }),
    ];
    assertEquals(await peersOf(store), expected);
    await store.close();
  },
  async "what only holds while a process runs is not kept"(place) {
    let store = await place.open();
    await store.savePeers([{ ...peer(1), expires: 5, comeBackBy: 6 } as KeptRecord]);
    store = await place.reopen(store);
    assertEquals(await peersOf(store), [peer(1)]);
    await store.close();
  },
  async "holdings change by name, begin anew, and outlive a restart"(place) {
    let store = await place.open();
    await store.savePeers([peer(1), peer(2)]);
    const none = { reset: false, rows: [], gone: [] };
    await store.changeHoldings({ ...none, cookie: "c1", rows: [row("a"), row("b"), row("c")] });
    await store.changeHoldings({ ...none, cookie: "c2", rows: [row("a")] });
    await store.changeHoldings({
      ...none,
      cookie: "c1",
      rows: [row("b", { size: 6 })],
      gone: ["a", "b", "zzz"],
    });
    store = await place.reopen(store);
    assertEquals(await heldIn(store), ["c1 b 6", "c1 c 5", "c2 a 5"]);
    await store.changeHoldings({ cookie: "c1", reset: true, rows: [row("d")], gone: [] });
    await store.savePeers([peer(1, { active: false })]);
    store = await place.reopen(store);
    assertEquals(await heldIn(store), ["c1 d 5", "c2 a 5"]);
    await store.close();
  },
  async "rows come back as they were"(place) {
    let store = await place.open();
    await store.savePeers([peer(1)]);
    const odd = row("ordner/ü '\"; DROP TABLE peers.txt", {
      title: "Größe 😀",
      size: 2 ** 52 + 1,
      sha256: "0f".repeat(32),
    });
    await store.changeHoldings({ cookie: "c1", reset: true, rows: [odd], gone: [] });
    store = await place.reopen(store);
    assertEquals([...await store.loadHoldings()], [{ cookie: "c1", row: odd }]);
    await store.close();
  },
  async "a forgotten peer takes its holdings along; an unknown one holds nothing"(place) {
    let store = await place.open();
    await store.savePeers([peer(1), peer(2)]);
    for (const cookie of ["c1", "c2", "c3"]) {
      await store.changeHoldings({ cookie, reset: false, rows: [row("a")], gone: [] });
    }
    await store.forgetPeer("c1");
    await store.forgetPeer("c3");
    store = await place.reopen(store);
    assertEquals((await peersOf(store)).map(({ name }) => name), ["pc2"]);
    assertEquals(await heldIn(store), ["c2 a 5"]);
    await store.savePeers([peer(1)]);
    assertEquals(await heldIn(store), ["c2 a 5"]);
    await store.close();
  },
  async "broadcasts, their files and receipts are kept over a restart, and changed in place"(place) {
    let store = await place.open();
    const { broadcasts } = store;
    await broadcasts.save(head("b1"));
    await broadcasts.save(head("b2", { to: ["pc1"], cookie: "c1" }));
    await broadcasts.save(head("b1", { withdrawn: true, files: 3 }));
    const files = ["a", "b", "c"].map((name) => ({ name, size: 2 ** 40, sha256: "0f".repeat(32) }));
    await broadcasts.saveFiles("b1", 0, files);
    await broadcasts.saveFiles("b1", 1, files.slice(2));
    const here = { name: "folder/b", modified: "2026-01-02T03:04:05.000Z" };
    await broadcasts.saveFiles("b2", 0, [{ ...files[1]!, here }]);
    const two = receipt("b1", "pc2", { state: "done", cookie: "c2" });
    await broadcasts.saveReceipts([receipt("b1", "pc1"), two]);
    await broadcasts.saveReceipts([
      receipt("b1", "pc1", { state: "failed", code: "disk_full", reason: "no room" }),
    ]);
    store = await place.reopen(store);
    const { heads, receipts } = await store.broadcasts.load();
    assertEquals(heads.toSorted((a, b) => a.id < b.id ? -1 : 1), [
      head("b1", { withdrawn: true, files: 3 }),
      head("b2", { to: ["pc1"], cookie: "c1" }),
    ]);
    assertEquals(receipts.toSorted((a, b) => a.peer < b.peer ? -1 : 1), [
      receipt("b1", "pc1", { state: "failed", code: "disk_full", reason: "no room" }),
      two,
    ]);
    assertEquals((await store.broadcasts.files("b1")).map(({ name }) => name), ["a", "c"]);
    assertEquals(await store.broadcasts.files("b2"), [{ ...files[1]!, here }]);
    assertEquals(await store.broadcasts.files("b3"), []);
    await store.close();
  },
  async "a forgotten broadcast takes its files and receipts along"(place) {
    let store = await place.open();
    for (const id of ["b1", "b2"]) {
      await store.broadcasts.save(head(id));
      await store.broadcasts.saveFiles(id, 0, [{ name: "a", size: 1, sha256: "0f".repeat(32) }]);
      await store.broadcasts.saveReceipts([receipt(id, "pc1")]);
    }
    await store.broadcasts.forget("b1");
    store = await place.reopen(store);
    assertEquals(await store.broadcasts.load(), { heads: [head("b2")], receipts: [receipt("b2", "pc1")] });
    assertEquals(await store.broadcasts.files("b1"), []);
    await store.close();
  },
  async "calls take effect in their order without being waited for"(place) {
    let store = await place.open();
    const change = (rows: WireRow[], gone: string[]) =>
      store.changeHoldings({ cookie: "c1", reset: false, rows, gone });
    await Promise.all([
      store.savePeers([peer(1)]),
      change([row("a")], []),
      change([], ["a"]),
      change([row("b")], []),
    ]);
    store = await place.reopen(store);
    assertEquals(await heldIn(store), ["c1 b 5"]);
    await store.close();
  },
};
