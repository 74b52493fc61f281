/** Receiving a broadcast: the plan says who is asked for what, and gives way where they are lost. Real workers. */

import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { LabError } from "../../base/errors.ts";
import { Aside } from "../broadcast/aside.ts";
import { Relay } from "../broadcast/relay.ts";
import { fastClock, type Holder, type Misbehaviour, noise, Swarm } from "../_testing.ts";
import type { BroadcastJob } from "./fetch.ts";

const KIB = 1024;
/** Six pieces. */
const BIG = noise(1_500 * KIB, 7);
const FILES = { "image.bin": BIG };

const refusing: Misbehaviour = (message, exchange, handler) => {
  if (message.kind === "PieceRequest") throw new LabError("not_found", "given up");
  return handler(message, exchange);
};
const lying: Misbehaviour = async (message, exchange, handler) => {
  if (message.kind !== "PieceRequest") return await handler(message, exchange);
  await exchange.connection.sendData({
    kind: "PieceData",
    stream: exchange.stream,
    length: Math.min(256 * KIB, BIG.length - message.piece * 256 * KIB),
    fill: (into) => into.fill(1),
  });
};
const silent: Misbehaviour = async (message, exchange, handler) => {
  if (message.kind !== "PieceRequest") return await handler(message, exchange);
  await new Promise<void>((resolve) => exchange.signal.addEventListener("abort", () => resolve()));
};

/** Candidates of each stripe, the source at the end of all, as an offer tells them. */
function job(
  swarm: Swarm,
  source: Holder,
  lists: Holder[][],
  more: Partial<BroadcastJob> = {},
): BroadcastJob {
  const wire = ({ name, port }: Holder) => ({ peer: name, address: "127.0.0.1", port });
  return {
    stripes: lists.map((list) => [...list.map(wire), { ...wire(source), peer: "(source)" }]),
    relay: new Relay(swarm.context.clock),
    whole: () => Promise.resolve(),
    beforeFinish: () => () => {},
    ...more,
  };
}

async function receive(
  swarm: Swarm,
  source: Holder,
  lists: Holder[][],
  files: Record<string, Uint8Array> = FILES,
) {
  const broadcast = job(swarm, source, lists);
  // Parents know the contents: they receive them too, or have seen that they hold them.
  for (const { store } of swarm.holders) {
    for (const { name, size, sha256 } of swarm.wanted(files)) await store.manifest([{ name, size, sha256 }]);
  }
  const outcome = await swarm.fetch(swarm.wanted(files, [source]), { broadcast });
  broadcast.relay.close();
  return outcome;
}

function assertRight(swarm: Swarm, { failed }: Awaited<ReturnType<typeof receive>>): void {
  assertEquals(failed.map(({ error }) => error.message), []);
  assertEquals(swarm.read("image.bin"), BIG);
}

Deno.test("each parent is asked for its stripe, the source for none", async () => {
  await using swarm = new Swarm({ clock: fastClock(1) });
  const [source, a, b] = [swarm.holder(FILES), swarm.holder(FILES), swarm.holder(FILES)];
  assertRight(swarm, await receive(swarm, source, [[a], [b]]));
  assertEquals([source.asked, a.asked, b.asked], [0, 3, 3]);
});

for (const [what, misbehave] of Object.entries({ refusing, lying })) {
  Deno.test(`a ${what} parent: the next above it is asked, not the source`, async () => {
    // By a faster clock a busy machine's holders stand still.
    await using swarm = new Swarm({ clock: fastClock(1) });
    const [source, a, b, c] = [
      swarm.holder(FILES),
      swarm.holder(FILES, misbehave),
      swarm.holder(FILES),
      swarm.holder(FILES),
    ];
    assertRight(swarm, await receive(swarm, source, [[a, b], [c]]));
    assertEquals(source.asked, 0);
    assert(b.asked >= 3);
  });
}

Deno.test("a silent parent: the next above it is asked too", async () => {
  await using swarm = new Swarm();
  const [source, a, b] = [swarm.holder(FILES), swarm.holder(FILES, silent), swarm.holder(FILES)];
  assertRight(swarm, await receive(swarm, source, [[a], [b]]));
  assertGreater(source.asked, 0);
});

Deno.test("a parent that is dead from the start, over several contents", async () => {
  await using swarm = new Swarm({ clock: fastClock(2) });
  const files: Record<string, Uint8Array> = { ...FILES };
  // Each too large to travel with others.
  for (let i = 0; i < 12; i++) files[`more ${i}.bin`] = noise(1_100 * KIB, 20 + i);
  const [source, a, b] = [swarm.holder(files), swarm.holder(files), swarm.holder(files)];
  await a.die();
  const outcome = await receive(swarm, source, [[a, b], [b]], files);
  assertRight(swarm, outcome);
  assertEquals(outcome.fetched.length, 13);
  assertEquals(source.asked, 0);
});

Deno.test("all of one stripe are lost, the source too: somebody of the other stripe is asked", async () => {
  await using swarm = new Swarm();
  const [source, a, b] = [swarm.holder(FILES, refusing), swarm.holder(FILES, lying), swarm.holder(FILES)];
  assertRight(swarm, await receive(swarm, source, [[a], [b]]));
});

Deno.test("all are lost: it fails with their reasons and does not hang", async () => {
  await using swarm = new Swarm();
  const [source, a, b] = [swarm.holder(FILES, refusing), swarm.holder(FILES, refusing), swarm.holder(FILES)];
  await b.die();
  const { failed } = await receive(swarm, source, [[a], [b]]);
  assertEquals(failed.length, 1);
  assertMatch(failed[0]!.error.message, /given up/);
});

Deno.test("the file is not what was claimed: the old one is back under its name", async () => {
  await using swarm = new Swarm();
  // One piece: its hash is the file's own.
  const files = { "image.bin": BIG.subarray(0, 200 * KIB) };
  const source = swarm.holder(files);
  source.claims.set("image.bin", "ab".repeat(32));
  const wanted = swarm.wanted(files).map((file) => ({ ...file, sha256: "ab".repeat(32) }));
  swarm.temp.file("destination/image.bin", "the old one");
  const { clock, log } = swarm.context;
  const aside = new Aside({ root: swarm.root, data: swarm.temp.folder("data"), clock, log });
  const broadcast = job(swarm, source, [[], []], {
    beforeFinish: (plan) => {
      const undo = plan.files.map((file) => aside.free(file.target));
      return () => undo.forEach((each) => each());
    },
  });
  const { failed } = await swarm.fetch(wanted, { broadcast });
  broadcast.relay.close();
  assertEquals(failed.map(({ error }) => error.code), ["integrity"]);
  assertEquals(swarm.temp.read("destination/image.bin"), "the old one");
});
