/** Blocks as they travel by multicast: golden bytes, and what is no block. */

import { assertEquals } from "@std/assert";
import { fromHex, toHex } from "../base/bytes.ts";
import { seededRandom } from "../base/random.ts";
import {
  type Block,
  decodeBlock,
  MULTICAST,
  MULTICAST_GROUP,
  portOfBlock,
  taggedPart,
  tagOf,
  writeBlockHeader,
} from "./multicast.ts";

const SESSION = fromHex("a441b15fe9a3cf56");
const GOLDEN: [Block, string][] = [
  [
    { piece: 7, offset: 0x18000, number: 62 },
    "4c534d43a441b15fe9a3cf5600000007000180000000003e0000000000000000",
  ],
  [
    { piece: undefined, offset: 0, number: 0xfffffffe },
    "4c534d43a441b15fe9a3cf56ffffffff00000000fffffffe0000000000000000",
  ],
];

for (const [block, hex] of GOLDEN) {
  Deno.test(`multicast: the header of ${block.piece === undefined ? "the end" : "a block"} as it stands on the wire`, () => {
    const datagram = new Uint8Array(MULTICAST.headerBytes + 3);
    datagram.fill(0xee, MULTICAST.headerBytes);
    writeBlockHeader(datagram, SESSION, block);
    assertEquals(toHex(datagram), `${hex}eeeeee`, "the block itself is not touched");
    assertEquals(toHex(taggedPart(datagram)), hex.slice(0, 8) + hex.slice(24, 48), "all but the session");
    assertEquals(toHex(tagOf(datagram)), hex.slice(48));
    assertEquals(decodeBlock(fromHex(hex), SESSION), block);
  });
}

Deno.test("multicast: what is too short, or not ours, is no block; nothing makes the decoder throw", () => {
  const whole = fromHex(GOLDEN[0]![1]);
  for (let length = 0; length < whole.length; length++) {
    assertEquals(decodeBlock(whole.subarray(0, length), SESSION), undefined);
  }
  const random = seededRandom(7);
  for (let i = 0; i < 5_000; i++) {
    const bytes = fromHex(random.id(Math.floor(random.next() * 60)));
    if (random.next() < 0.5) bytes.set(whole.subarray(0, Math.min(12, bytes.length)));
    const isOurs = bytes.length >= MULTICAST.headerBytes &&
      toHex(bytes).startsWith("4c534d43a441b15fe9a3cf56");
    assertEquals(decodeBlock(bytes, SESSION) !== undefined, isOurs);
  }
});

Deno.test("multicast: only groups of an organisation's own may be joined", () => {
  for (const group of ["239.255.0.0", "239.255.17.4", "239.255.255.255"]) {
    assertEquals(MULTICAST_GROUP.test(group), true, group);
  }
  const others = [
    "224.0.0.251",
    "239.254.1.1",
    "239.255.1",
    "239.255.1.256",
    "239.255.01.1",
    "239.255.1.1.1",
    "::1",
    "",
  ];
  for (const group of others) assertEquals(MULTICAST_GROUP.test(group), false, group);
});

Deno.test("multicast: blocks go to all ports in turn", () => {
  const ports = Array.from({ length: 2 * MULTICAST.ports }, (_, number) => portOfBlock(number));
  assertEquals(new Set(ports).size, MULTICAST.ports);
  assertEquals([Math.min(...ports), Math.max(...ports)], [23490, 23505]);
  assertEquals(portOfBlock(MULTICAST.ports), portOfBlock(0));
});
