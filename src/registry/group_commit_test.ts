import { assertEquals, assertRejects } from "@std/assert";
import { GroupCommit } from "./group_commit.ts";

/** A list that can be rolled back, with its history. */
class Ledger {
  kept: string[] = [];
  begun: string[] | undefined;
  commits = 0;
  full = false;
  later: (() => void)[] = [];
  readonly groups = new GroupCommit({
    begin: () => this.begun = [...this.kept],
    commit: () => {
      if (this.full) throw new Error("full");
      this.kept = this.begun!;
      this.begun = undefined;
      this.commits++;
    },
    rollback: () => this.begun = undefined,
  }, (callback) => {
    this.later.push(callback);
    return () => this.later = this.later.filter((other) => other !== callback);
  });

  write(text: string): Promise<void> {
    return this.groups.add(() => {
      this.begun!.push(text);
      if (text.startsWith("bad")) throw new Error(text);
    });
  }
  run(): void {
    for (const callback of this.later.splice(0)) callback();
  }
}

Deno.test("what is asked for together is committed together, in order, and not before", async () => {
  const ledger = new Ledger();
  const all = Promise.all(["a", "b", "c"].map((text) => ledger.write(text)));
  assertEquals([ledger.kept, ledger.later.length], [[], 1]);
  ledger.run();
  await all;
  assertEquals([ledger.kept, ledger.commits], [["a", "b", "c"], 1]);
  const next = ledger.write("d");
  ledger.groups.flush();
  await next;
  ledger.run();
  assertEquals([ledger.kept, ledger.commits], [["a", "b", "c", "d"], 2]);
});

Deno.test("one that fails has no effect, and takes no other with it", async () => {
  const ledger = new Ledger();
  const before = ledger.write("a");
  const failed = assertRejects(() => ledger.write("bad"), Error, "bad");
  const after = ledger.write("b");
  ledger.run();
  await Promise.all([before, failed, after]);
  assertEquals(ledger.kept, ["a", "b"]);
});

Deno.test("when nothing can be committed, everybody is told so", async () => {
  const ledger = new Ledger();
  ledger.full = true;
  const told = ["a", "b"].map((text) => assertRejects(() => ledger.write(text), Error, "full"));
  ledger.run();
  await Promise.all(told);
  assertEquals([ledger.kept, ledger.begun], [[], undefined]);
});

Deno.test("more than a group holds is done in several", async () => {
  const ledger = new Ledger();
  const all = Array.from({ length: 2_500 }, (_, n) => ledger.write(String(n)));
  ledger.run();
  await Promise.all(all);
  assertEquals([ledger.kept.length, ledger.commits, ledger.kept.at(-1)], [2_500, 3, "2499"]);
});
