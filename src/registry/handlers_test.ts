/** Handlers without a socket: what they answer to callers from elsewhere. */

import { assertEquals } from "@std/assert";
import { FakeClock } from "../base/clock.ts";
import { LIMITS } from "../base/limits.ts";
import { seededRandom } from "../base/random.ts";
import { encodeMessage } from "../protocol/codec.ts";
import type { Message, MessageOf } from "../protocol/messages.ts";
import { row } from "./_testing.ts";
import { Broadcasts } from "./broadcasts.ts";
import { dispatch, type RegistryMessage } from "./dispatch.ts";
import { Holdings } from "./holdings.ts";
import { Members } from "./members.ts";
import { MemoryStore } from "./memory_store.ts";
import type { Caller, Outcome, Registry } from "./state.ts";

function emptyRegistry(): Registry {
  const clock = new FakeClock();
  return {
    ...{
      members: new Members(7_200_000),
      holdings: new Holdings(),
      broadcasts: new Broadcasts(),
      atWork: { isClaimed: () => false, isReceiving: () => false, whyStuck: () => undefined },
      store: new MemoryStore(),
      random: seededRandom(1),
      epoch: "e",
    },
    now: () => ({ wall: clock.now(), mono: clock.monotonic() }),
  };
}

const caller = (remote: string, local: string, cookie?: string): Caller => ({
  ...{ remote: { host: remote, port: 50_000 }, local: { host: local, port: 23475 } },
  ...{ role: "peer", title: "somebody", cookie },
});

const HERE = caller("127.0.0.1", "127.0.0.1");
const LAN = caller("::ffff:192.168.1.7", "::ffff:192.168.1.10");

async function answer(registry: Registry, message: Message, from: Caller): Promise<Outcome> {
  return await dispatch(registry, message as RegistryMessage, from);
}

async function join(registry: Registry, name: string, from: Caller): Promise<MessageOf<"Registered">> {
  const message: Message = { kind: "Register", name, host: name, port: 23476 };
  return (await answer(registry, message, from)).reply as MessageOf<"Registered">;
}

Deno.test("addresses: as seen, and for a peer on this PC as each asker reaches it", async () => {
  const registry = emptyRegistry();
  const here = await join(registry, "here", HERE);
  const lan = await join(registry, "lan", LAN);
  assertEquals([here.address, lan.address], ["127.0.0.1", "192.168.1.7"]);
  const own = { ...HERE, cookie: here.cookie };
  await answer(
    registry,
    { kind: "Announce", cookie: here.cookie, reset: true, rows: [row("a")], gone: [] },
    own,
  );
  for (const [asker, expected] of [[HERE, "127.0.0.1"], [LAN, "192.168.1.10"]] as const) {
    const { peers } = (await answer(registry, { kind: "PQuery" }, asker)).reply as MessageOf<"Peers">;
    assertEquals(peers.map(({ address }) => address), [expected, "192.168.1.7"]);
    const { holders } = (await answer(registry, { kind: "RFCQuery" }, asker)).reply as MessageOf<"RFCIndex">;
    assertEquals(holders, [{ name: "here", address: expected, port: 23476 }]);
  }
});

Deno.test("what a peer says of itself can't make an answer too large, nor a line of the log dangerous", async () => {
  const registry = emptyRegistry();
  const host = "\x1b]0;\u{10ffff}".repeat(40).slice(0, 255);
  for (let n = 0; n < 3000; n++) {
    const message: Message = { kind: "Register", name: "😀".repeat(32), host, port: 1 };
    const { line } = await answer(registry, message, LAN);
    assertEquals(/\p{Cc}/u.test(typeof line === "string" ? line : line()), false);
  }
  const { reply } = await answer(registry, { kind: "PQuery" }, LAN);
  assertEquals(encodeMessage(reply, 1).length < LIMITS.listMessage, true);
});
