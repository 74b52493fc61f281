import { assert, assertEquals } from "@std/assert";
import { forAsker, inOrder, isIpv4, isNear, reaching } from "./addresses.ts";

const card = (address: string, netmask = "255.255.255.0") => ({ name: "eth0", address, netmask });

Deno.test("what is an address", () => {
  for (const good of ["10.0.0.1", "255.255.255.255", "0.0.0.0"]) assert(isIpv4(good), good);
  for (const bad of ["10.0.0", "10.0.0.256", "010.0.0.1", "::1", "1.2.3.4.5", "a.b.c.d", ""]) {
    assert(!isIpv4(bad), bad);
  }
});

Deno.test("addresses in our own subnets come first, the answer's own before all", () => {
  const own = [card("10.1.0.7"), card("172.16.3.3", "255.255.0.0")];
  const order = inOrder(["192.168.56.1", "169.254.3.3", "172.16.9.9", "10.1.0.2"], "10.1.0.2", own);
  assertEquals(order, ["10.1.0.2", "172.16.9.9", "192.168.56.1", "169.254.3.3"]);
  // The answer came through a router, or from a virtual adapter: near ones go first.
  assertEquals(inOrder(["10.1.0.2"], "192.168.56.1", own), ["10.1.0.2", "192.168.56.1"]);
  assertEquals(inOrder(["127.0.0.1", "224.0.0.1", "0.0.0.0", "x"], "10.1.0.2", own), ["10.1.0.2"]);
});

Deno.test("masks of every length", () => {
  assert(isNear("200.1.2.3", card("200.1.2.200", "255.255.255.0")));
  assert(!isNear("200.1.3.3", card("200.1.2.200", "255.255.255.0")));
  assert(isNear("200.1.3.3", card("200.1.2.200", "255.255.254.0")));
  assert(!isNear("10.8.0.6", card("10.8.0.6", "255.255.255.255")));
});

Deno.test("own addresses: those that reach others, the asker's subnet first", () => {
  const own = reaching([card("127.0.0.1", "255.0.0.0"), card("192.168.56.1"), card("10.1.0.2")]);
  assertEquals(own.map(({ address }) => address), ["192.168.56.1", "10.1.0.2"]);
  assertEquals(forAsker(own, "10.1.0.9"), ["10.1.0.2", "192.168.56.1"]);
});
