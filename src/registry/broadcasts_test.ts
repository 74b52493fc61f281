import { assertEquals } from "@std/assert";
import type { BroadcastHead, Receipt } from "./broadcast_store.ts";
import { Broadcasts } from "./broadcasts.ts";
import type { PeerRecord } from "./rules.ts";

const NOW = Date.UTC(2026, 10, 26);

const head = (id: string, more: Partial<BroadcastHead> = {}): BroadcastHead => ({
  ...{ id, name: `${id}.iso`, peer: "rs", cookie: undefined, to: undefined, bytes: 1, files: 1 },
  ...{ began: NOW - 1000, expires: NOW + 1000, whole: true, withdrawn: false },
  ...more,
});

const pc = (name: string): PeerRecord => ({
  ...{ name, cookie: `of-${name}`, host: name, address: "10.0.0.1", port: 1, registrations: [NOW] },
  ...{ active: true, expires: 1, comeBackBy: undefined, lastRegistered: NOW },
});

const receipt = (id: string, peer: string, state: Receipt["state"]): Receipt => ({
  id,
  peer,
  state,
  at: NOW,
});

function made(heads: BroadcastHead[], receipts: Receipt[]): Broadcasts {
  const broadcasts = new Broadcasts();
  broadcasts.load(heads, receipts);
  return broadcasts;
}

const membersOf = (...all: PeerRecord[]) => ({
  list: () => all,
  byName: (name: string) => all.find((record) => record.name === name.toLowerCase()),
});

const members = membersOf(pc("pc1"), pc("pc2"));

Deno.test("for a new broadcast the oldest goes that is over, whoever has it", () => {
  const done = ["pc1", "pc2"].map((name) => receipt("all", name, "done"));
  for (const over of [{ withdrawn: true }, { expires: NOW }]) {
    const broadcasts = made([head("all"), head("waits"), head("over", over)], done);
    assertEquals(broadcasts.dispensable(members, NOW), "over");
  }
});

Deno.test("else the oldest that every PC has", () => {
  const broadcasts = made([head("a"), head("b"), head("c"), head("d")], [
    receipt("a", "pc1", "done"),
    receipt("b", "pc1", "done"),
    receipt("b", "PC2", "failed"),
    ...["c", "d"].flatMap((id) => [receipt(id, "pc1", "done"), receipt(id, "PC2", "done")]),
  ]);
  assertEquals(broadcasts.dispensable(members, NOW), "c");
});

Deno.test("none goes that is under way, that a PC waits for which is off, or that nobody has", () => {
  const away = { ...pc("pc3"), active: false };
  const done = ["pc1", "pc2"].map((name) => receipt("all", name, "done"));
  assertEquals(made([head("all", { whole: false })], done).dispensable(members, NOW), undefined);
  assertEquals(made([head("all")], done).dispensable(membersOf(...members.list(), away), NOW), undefined);
  assertEquals(made([head("all", { to: ["pc1", "pc9"] })], done).dispensable(members, NOW), undefined);
  assertEquals(made([head("all")], []).dispensable(membersOf(), NOW), undefined);
  assertEquals(made([], []).dispensable(members, NOW), undefined);
});

Deno.test("who was put out meanwhile is waited for no longer, unless by name; what it had stays told", () => {
  const told = (["waiting", "done", "failed"] as const).map((state) =>
    receipt("all", `gone-${state}`, state)
  );
  const done = ["pc1", "pc2"].map((name) => receipt("all", name, "done"));
  const stands = (of: BroadcastHead, receipts: Receipt[]) =>
    [...made([of], receipts).pcs(of, members, NOW)].map(({ peer, state }) => `${peer} ${state}`);
  const others = ["gone-done done", "gone-failed failed", "pc1 done", "pc2 done"];
  assertEquals(stands(head("all"), [...told, ...done]), others);
  assertEquals(stands(head("all", { to: ["GONE-waiting"] }), told.slice(0, 1)), ["gone-waiting waiting"]);
  // Nothing keeps it from making room for another.
  assertEquals(made([head("all")], [told[0]!, ...done]).dispensable(members, NOW), "all");
});
