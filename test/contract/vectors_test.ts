/**
 * Golden vectors: one readable file per message, held against the reader and the writer both. They are the protocol as it
 * stands on the wire: to change one is to change the protocol, which takes a note in PROTOCOL.md, and a new version
 * unless its rules for growing allow the change.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { concat, fromHex, toHex } from "../../src/base/bytes.ts";
import { RemoteProtocolError } from "../../src/base/errors.ts";
import { encodeMessage } from "../../src/protocol/codec.ts";
import { encodeFrame } from "../../src/protocol/frame.ts";
import { CONTROL, DATA, type DataName, type Message } from "../../src/protocol/messages.ts";
import { cut, readAll, singly } from "./wire.ts";

interface ControlVector {
  kind: keyof typeof CONTROL;
  stream: number;
  fields: Record<string, unknown>;
  frame: string[];
}
interface DataVector {
  kind: DataName;
  stream: number;
  payload: string[];
  frame: string[];
}
type Part = string | { repeat: string; times: number };
interface BadInput {
  about: string;
  greeted?: boolean;
  bytes: Part[];
  expect: "protocol error" | { stream: number; kind: string; fields: Record<string, unknown> }[];
}

const load = async (name: string) =>
  JSON.parse(await Deno.readTextFile(new URL(`../vectors/${name}.json`, import.meta.url)));

/** Whole, cut in two at every byte, and byte by byte: all must give the same. */
function waysToArrive(bytes: Uint8Array): Uint8Array[][] {
  return [[bytes], singly(bytes), ...Array.from(bytes, (_, at) => cut(bytes, [at]))];
}

/** Messages of which one example doesn't show all. */
const MORE = [
  "PieceRequest-paced",
  "Offer-background",
  "Reach-to",
  "Reached-not",
  "Offer-broadcast",
  "Offer-late",
  "PQuery-since",
  "Have-still",
  "Peers-changes",
  "Offer-provisional",
  "OfferProgress-limit",
  "OfferProgress-without",
  "Offer-multicast",
  "OfferProgress-multicast",
  "Register-classic",
  "Registered-servers",
];

for (const name of [...Object.keys(CONTROL), ...MORE]) {
  Deno.test(`vector ${name}`, async () => {
    const vector: ControlVector = await load(name);
    const [kind] = name.split("-");
    const frame = fromHex(vector.frame.join(""));
    const message = { kind: vector.kind, ...vector.fields } as Message;
    assertEquals(vector.kind, kind);
    assertEquals(toHex(encodeMessage(message, vector.stream)), toHex(frame));
    for (const chunks of waysToArrive(frame)) {
      assertEquals(readAll(chunks), [{ stream: vector.stream, message }]);
    }
  });
}

for (const kind of Object.keys(DATA) as DataName[]) {
  Deno.test(`vector ${kind}`, async () => {
    const vector: DataVector = await load(kind);
    const frame = fromHex(vector.frame.join(""));
    const payload = fromHex(vector.payload.join(""));
    assertEquals(vector.kind, kind);
    assertEquals(toHex(encodeFrame(DATA[kind].type, vector.stream, payload)), toHex(frame));
    for (const chunks of waysToArrive(frame)) {
      assertEquals(readAll(chunks), [{ stream: vector.stream, data: kind, payload }]);
    }
  });
}

Deno.test("every vector belongs to a message", () => {
  const files = [...Deno.readDirSync(new URL("../vectors", import.meta.url))].map((f) => f.name).filter((n) =>
    n.endsWith(".json")
  );
  const kinds = [...Object.keys(CONTROL), ...MORE, ...Object.keys(DATA), "bad-input"];
  assertEquals(files.toSorted(), kinds.map((k) => `${k}.json`).toSorted());
});

Deno.test("bad input", async (t) => {
  for (const { about, greeted = true, bytes, expect } of await load("bad-input") as BadInput[]) {
    await t.step(about, () => {
      const all = concat(bytes.map(toBytes));
      const ways = all.length < 1000 ? waysToArrive(all) : [[all]];
      for (const chunks of ways) {
        if (expect === "protocol error") assertThrows(() => readAll(chunks, greeted), RemoteProtocolError);
        else {
          const messages = expect.map(({ stream, kind, fields }) => ({
            stream,
            message: { ...fields, kind },
          }));
          assertEquals<unknown>(readAll(chunks, greeted), messages);
        }
      }
    });
  }
});

function toBytes(part: Part): Uint8Array {
  return typeof part === "string" ? fromHex(part) : fromHex(part.repeat.repeat(part.times));
}
