import { assertEquals } from "@std/assert";
import { addressFor, isLoopback, normalAddress } from "./address.ts";

Deno.test("one spelling for one address", () => {
  const cases: [string, string][] = [
    ["192.168.1.7", "192.168.1.7"],
    ["::ffff:192.168.1.7", "192.168.1.7"],
    ["::FFFF:10.0.0.1", "10.0.0.1"],
    ["0:0:0:0:0:ffff:10.0.0.1", "10.0.0.1"],
    ["::ffff:c0a8:107", "192.168.1.7"],
    ["FE80::1", "fe80::1"],
    ["[::1]", "::1"],
    ["2001:db8::ffff:1", "2001:db8::ffff:1"],
  ];
  for (const [raw, normal] of cases) assertEquals(normalAddress(raw), normal, raw);
});

Deno.test("loopback is recognised in all its spellings", () => {
  for (const host of ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "localhost"]) {
    assertEquals(isLoopback(host), true, host);
  }
  for (const host of ["128.0.0.1", "10.127.0.0", "::2", "fe80::1"]) {
    assertEquals(isLoopback(host), false, host);
  }
});

Deno.test("a peer on this PC has the address at which the asker reached this PC", () => {
  const fromLan = { remote: "192.168.1.7", local: "192.168.1.10" };
  const fromHere = { remote: "127.0.0.1", local: "127.0.0.1" };
  assertEquals(addressFor("127.0.0.1", fromLan), "192.168.1.10");
  assertEquals(addressFor("::1", { ...fromLan, local: "::ffff:192.168.1.10" }), "192.168.1.10");
  assertEquals(addressFor("127.0.0.1", fromHere), "127.0.0.1");
  assertEquals(addressFor("192.168.1.8", fromLan), "192.168.1.8");
  assertEquals(addressFor("192.168.1.8", fromHere), "192.168.1.8");
});
