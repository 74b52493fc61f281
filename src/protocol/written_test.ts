/** What is written once says the same as what is written each time. */

import { assertEquals, assertThrows } from "@std/assert";
import { encodeInto, encodeMessage } from "./codec.ts";
import type { MessageOf, WirePeer } from "./messages.ts";
import { jsonOfPeers, writeOnce } from "./written.ts";

const peer = (name: string): WirePeer => ({
  ...{ name, host: 'a "host"', address: "192.168.1.7", port: 23476, active: true, ttl: 7200 },
  ...{ registrations30d: 1, lastRegistered: "2026-01-01T00:00:00.000Z" },
});

Deno.test("peers that were written before and others are the same bytes, in any mixture", () => {
  const plain = [peer("pc1"), peer("Grüße 🎉"), peer("pc3")];
  for (const count of [0, 1, 2, 3]) {
    for (let once = 0; once < 1 << count; once++) {
      for (const more of [{}, { version: "a.1" }, { changes: true, version: "a.1", more: true }]) {
        const fields = { peers: plain.slice(0, count), ...more };
        const mixed = fields.peers.map((one, at) => once & (1 << at) ? writeOnce({ ...one }) : one);
        assertEquals(jsonOfPeers({ ...fields, peers: mixed }), JSON.stringify(fields));
      }
    }
  }
});

Deno.test("a message of such peers is the same frame, in a buffer or of its own", () => {
  const message: MessageOf<"Peers"> = { kind: "Peers", peers: [peer("pc1"), peer("pc2")], version: "a.7" };
  const written: MessageOf<"Peers"> = {
    ...message,
    peers: message.peers.map((one) => writeOnce({ ...one })),
  };
  assertEquals(encodeMessage(written, 5), encodeMessage(message, 5));
  assertEquals(
    new Uint8Array(encodeInto(written, 5, new Uint8Array(4_096))),
    new Uint8Array(encodeMessage(message, 5)),
  );
});

Deno.test("what was written once can't be changed any more", () => {
  const once = writeOnce(peer("pc1"));
  assertThrows(() => once.ttl = 1, TypeError);
});
