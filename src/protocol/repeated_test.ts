import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { utf8 } from "../base/bytes.ts";
import { RemoteProtocolError } from "../base/errors.ts";
import { seededRandom } from "../base/random.ts";
import { decodeMessage } from "./codec.ts";
import { CONTROL } from "./messages.ts";
import { RepeatedMessages } from "./repeated.ts";

const { Credit, KeepAlive, Leave } = CONTROL;
const keepAlive = (cookie: string) => utf8(JSON.stringify({ cookie }));

Deno.test("a KeepAlive that is said again is the same message, even where the buffer it lay in has been used since", () => {
  const messages = new RepeatedMessages();
  const buffer = keepAlive("a1");
  const first = messages.decode(KeepAlive.type, buffer);
  buffer.fill(0x20);
  assertStrictEquals(messages.decode(KeepAlive.type, keepAlive("a1")), first);
  assertEquals(first, { kind: "KeepAlive", cookie: "a1" });
});

Deno.test("another cookie, another type and a longer one are read for what they are", () => {
  const messages = new RepeatedMessages();
  messages.decode(KeepAlive.type, keepAlive("a1"));
  assertEquals(messages.decode(KeepAlive.type, keepAlive("a2")), { kind: "KeepAlive", cookie: "a2" });
  assertEquals(messages.decode(Leave.type, keepAlive("a2")), { kind: "Leave", cookie: "a2" });
  assertEquals(messages.decode(KeepAlive.type, keepAlive("a1")), { kind: "KeepAlive", cookie: "a1" });
});

Deno.test("Credits too, and what is a Credit isn't taken for a KeepAlive of the same bytes", () => {
  const messages = new RepeatedMessages();
  const payload = utf8(JSON.stringify({ bytes: 65_536, cookie: "a1" }));
  const credit = messages.decode(Credit.type, payload);
  assertEquals(credit, { kind: "Credit", bytes: 65_536 });
  assertStrictEquals(messages.decode(Credit.type, payload), credit);
  assertEquals(messages.decode(KeepAlive.type, payload), { kind: "KeepAlive", cookie: "a1" });
});

Deno.test("one that is broken is refused each time, and the one before it is still known", () => {
  const messages = new RepeatedMessages();
  const good = messages.decode(KeepAlive.type, keepAlive("a1"));
  for (let time = 0; time < 2; time++) {
    assertThrows(() => messages.decode(KeepAlive.type, utf8('{"cookie":')), RemoteProtocolError);
  }
  assertStrictEquals(messages.decode(KeepAlive.type, keepAlive("a1")), good);
});

Deno.test("whatever comes, it is decoded as if there were no memory", () => {
  const random = seededRandom(26);
  const messages = new RepeatedMessages();
  const outcome = (decode: () => unknown) => {
    try {
      return decode();
    } catch (thrown) {
      return (thrown as Error).message;
    }
  };
  const pool = Array.from({ length: 6 }, (_, k) => keepAlive("c".repeat(1 + 40 * k)));
  for (let k = 0; k < 2_000; k++) {
    const payload = pool[Math.floor(random.next() * pool.length)]!.slice();
    if (random.next() < 0.3) {
      payload[Math.floor(random.next() * payload.length)] = Math.floor(random.next() * 256);
    }
    const type = random.next() < 0.8 ? KeepAlive.type : Leave.type;
    assertEquals(
      outcome(() => messages.decode(type, payload)),
      outcome(() => decodeMessage(type, payload)),
    );
  }
});
