import { assertEquals } from "@std/assert";
import { Lingering } from "./lingering.ts";

Deno.test("what lingers is counted, by host too, until it has ended, however", async () => {
  const heard: number[] = [];
  const lingering = new Lingering((count) => heard.push(count));
  const [one, two] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  lingering.hold("a", one.promise);
  lingering.hold("a", two.promise);
  lingering.hold("b", two.promise);
  assertEquals([lingering.count, lingering.with("a"), lingering.with("b"), lingering.with("c")], [
    3,
    2,
    1,
    0,
  ]);
  one.resolve();
  await one.promise;
  assertEquals([lingering.count, lingering.with("a")], [2, 1]);
  two.reject(new Error("cut"));
  await two.promise.catch(() => {});
  assertEquals([lingering.count, lingering.with("a"), lingering.with("b")], [0, 0, 0]);
  assertEquals(heard, [1, 2, 3]);
});
