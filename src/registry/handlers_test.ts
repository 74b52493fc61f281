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

/** A page of a broadcast. */
const pageOf = (at: number, name: string, more?: true): Message => ({
  ...{ kind: "Broadcast", id: "b1", name: "folder", peer: "rs", lasts: 3600, at },
  ...{ files: [[name, 5, "a".repeat(64)]], ...(more ? { more } : {}) },
});

Deno.test("what is withdrawn while its next page is being kept stays so, after a restart too", async () => {
  const registry = emptyRegistry();
  const ask = (message: Message) => answer(registry, message, LAN);
  await ask(pageOf(0, "a", true));
  const page = ask(pageOf(1, "b"));
  await ask({ kind: "Withdraw", id: "b1" });
  assertEquals((await page).reply, { kind: "Noted", whole: true, withdrawn: true });
  const { heads } = await registry.store.broadcasts.load();
  assertEquals([registry.broadcasts.get("b1"), ...heads].map((head) => head?.withdrawn), [true, true]);
});

Deno.test("word of a failure, and trying again, don't undo what is done while they are being kept", async () => {
  const registry = emptyRegistry();
  const ask = (message: Message) => answer(registry, message, LAN);
  const { peer, cookie } = await join(registry, "pc1", LAN);
  await ask(pageOf(0, "a"));
  const failed: Message = { kind: "Receipts", id: "b1", peers: [{ name: "pc1", state: "failed" }] };
  await ask(failed);
  for (const message of [failed, { kind: "Retry", id: "b1" } as const]) {
    const asked = ask(message);
    registry.broadcasts.note([{ id: "b1", peer, cookie, state: "done", at: 1 }]);
    await asked;
    assertEquals(registry.broadcasts.receipt("b1", { name: "pc1", cookie })?.state, "done");
    registry.broadcasts.forget("b1");
    await ask(pageOf(0, "a"));
    await ask(failed);
  }
});
