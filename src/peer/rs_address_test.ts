import { assertEquals } from "@std/assert";
import { allOf, nextOf, textsOf, withOthers } from "./rs_address.ts";

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
