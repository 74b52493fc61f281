import { assertEquals } from "@std/assert";
import * as fc from "../deps/fast_check.ts";
import { lowerBound, SortedNames } from "./sorted_names.ts";

Deno.test("sorted names: whatever is added, deleted and read in between, it's the sorted set", () => {
  const name = fc.string({ maxLength: 2 });
  const step = fc.oneof(
    fc.record({ op: fc.constant("add" as const), names: fc.array(name, { maxLength: 40 }) }),
    fc.record({ op: fc.constant("delete" as const), names: fc.array(name, { maxLength: 40 }) }),
    fc.record({ op: fc.constant("list" as const), names: fc.constant([]) }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const sorted = new SortedNames();
    const model = new Set<string>();
    for (const { op, names } of steps) {
      for (const each of names) {
        if (op === "add") sorted.add(each), model.add(each);
        else sorted.delete(each), model.delete(each);
      }
      if (op === "list") assertEquals([...sorted.list()], [...model].sort());
    }
    assertEquals([...sorted.list()], [...model].sort());
  }));
});

Deno.test("lower bound: the first name that is not below", () => {
  assertEquals(["", "a", "aa", "c", "d"].map((name) => lowerBound(["a", "b", "c"], name)), [0, 0, 1, 2, 3]);
});
