import { assert, assertEquals } from "@std/assert";
import * as fc from "../deps/fast_check.ts";
import { ChangeLog } from "./change_log.ts";

Deno.test("what changed after a version, each once, the latest change last", () => {
  const log = new ChangeLog();
  for (const key of ["a", "b", "c", "a"]) log.note(key);
  assertEquals([...log.since(0)], [{ key: "b", version: 2 }, { key: "c", version: 3 }, {
    key: "a",
    version: 4,
  }]);
  assertEquals([...log.since(3)], [{ key: "a", version: 4 }]);
  assertEquals([...log.since(log.version)], []);
  log.forget("a");
  assertEquals([...log.since(2)].map(({ key }) => key), ["c"]);
});

Deno.test("it says the same as a list of all changes, however many there were, and stays small", () => {
  const changes = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 4_000, size: "max" });
  fc.assert(
    fc.property(changes, fc.nat(4_000), (keys, from) => {
      const log = new ChangeLog();
      for (const key of keys) log.note(String(key));
      const expected = keys
        .map((key, at) => ({ key: String(key), version: at + 1 }))
        .filter(({ key, version }) => version > from && keys.lastIndexOf(Number(key)) === version - 1);
      assertEquals([...log.since(from)], expected);
    }),
    { numRuns: 50 },
  );
});

Deno.test("a thousand peers that come and go for a long time cost no more than a thousand peers", () => {
  const log = new ChangeLog();
  for (let n = 0; n < 100_000; n++) log.note(`pc${n % 1_000}`);
  assertEquals([...log.since(0)].length, 1_000);
  assert([...log.since(99_990)].length === 10);
});
