import { assertEquals } from "@std/assert";
import { receipt } from "./_store_contract.ts";
import { EarlyReceipts } from "./early_receipts.ts";

Deno.test("early receipts come out in the order in which they were heard, once", () => {
  const early = new EarlyReceipts();
  const told = [receipt("a", "pc2"), receipt("a", "pc1"), receipt("a", "pc2", { state: "done" })];
  for (const each of [...told, receipt("b", "pc1")]) early.add(each);
  assertEquals([early.take("a"), early.take("a")], [told, []]);
  assertEquals(early.take("b").length, 1);
});

Deno.test("early receipts are kept to a bound: those of the broadcast heard of longest ago go first", () => {
  const early = new EarlyReceipts(3);
  for (const [id, peer] of [["a", "1"], ["b", "1"], ["b", "2"], ["c", "1"]] as const) {
    early.add(receipt(id, peer));
  }
  assertEquals(early.take("a"), []);
  assertEquals([early.take("b").length, early.take("c").length], [2, 1]);
  // One broadcast alone keeps its latest ones; and what was taken makes room.
  for (let n = 0; n < 5; n++) early.add(receipt("d", `pc${n}`));
  assertEquals(early.take("d").map(({ peer }) => peer), ["pc2", "pc3", "pc4"]);
  for (let n = 0; n < 3; n++) early.add(receipt("e", `pc${n}`));
  assertEquals(early.take("e").length, 3);
});
