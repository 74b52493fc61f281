import { assertEquals } from "@std/assert";
import { allOf, namedAmong, nextOf, textsOf, withOthers } from "./rs_address.ts";

const a = { host: "a", port: 1 };

Deno.test("registration servers: what is told twice or can't be read is left out; there are 16 at most", () => {
  const rs = withOthers(a, ["a:1", "b:2", "", "b:2", "c:99999", "[fe80::1]:3", "d"]);
  assertEquals(textsOf(rs), ["b:2", "[fe80::1]:3", "d:23475"]);
  assertEquals(withOthers(a, []), a);
  assertEquals(textsOf(withOthers(a, Array.from({ length: 99 }, (_, n) => `h${n}:1`))).length, 16);
});

Deno.test("registration servers: each has its turn", () => {
  let rs = withOthers(a, ["b:2", "c:3"]);
  const order: string[] = [];
  for (let n = 0; n < 4; n++) {
    order.push(rs.host);
    assertEquals(allOf(rs).length, 3);
    rs = nextOf(rs);
  }
  assertEquals(order, ["a", "b", "c", "a"]);
  assertEquals(nextOf(a), a);
});

Deno.test("registration servers: who names one that is known means the others too; another one alone", () => {
  const kept = { rs: "b:2", servers: ["c:3"], named: "a:1" };
  assertEquals(textsOf(namedAmong(a, kept)), ["b:2", "c:3"]);
  assertEquals(textsOf(namedAmong({ host: "c", port: 3 }, kept)), ["b:2"]);
  assertEquals(namedAmong({ host: "d", port: 4 }, kept), { host: "d", port: 4 });
  assertEquals(namedAmong(a, {}), a);
});
