/** Fetches in which things happen in an unlucky order, or meet an unlucky destination. */

import { assert, assertEquals, assertFalse, assertRejects } from "@std/assert";
import { within } from "../../base/_patience.ts";
import { toHex } from "../../base/bytes.ts";
import { systemClock } from "../../base/clock.ts";
import { codeOf, LabError } from "../../base/errors.ts";
import { NO_VOLUME, tinyVolume } from "../../storage/_testing.ts";
import { sha256 } from "../../storage/hashing.ts";
import { Root } from "../../storage/root.ts";
import type { Holder, Misbehaviour } from "../_testing.ts";
import { fastClock, noise, Swarm, TOOL } from "../_testing.ts";
import { Relay } from "../broadcast/relay.ts";
import type { ContentPlan } from "./contents.ts";
import { Holders } from "./holders.ts";

const KIB = 1024;
const BIG = noise(1_500 * KIB, 7);
const OTHER = noise(1_500 * KIB, 8);

/** A holder that claims to have `BIG`, and has `OTHER`: its manifest fits its pieces, and the whole is false. */
function impostor(swarm: Swarm, misbehave?: Misbehaviour, claimed: Uint8Array = BIG): Holder {
  const holder = swarm.holder({ "big.bin": OTHER.subarray(0, claimed.length) }, misbehave);
  holder.claims.set("big.bin", toHex(sha256(claimed)));
  return holder;
}

Deno.test("a false claim is found at the end: nothing gets the name, and the code is that of integrity", async () => {
  await using swarm = new Swarm();
  impostor(swarm);
  impostor(swarm);
  const { failed } = await swarm.fetch(swarm.wanted({ "big.bin": BIG }));
  assertEquals(failed.map(({ error }) => error.exitCode), [5]);
  assertEquals(swarm.list(), []);
});

Deno.test("after a false claim the content is fetched anew from those who did not make it", async () => {
  for (const honestFirst of [false, true]) {
    await using swarm = new Swarm();
    const { promise: followed, resolve: follow } = Promise.withResolvers<void>();
    // Whoever is to be second answers once a piece has been asked of the first.
    const late: Misbehaviour = async (message, exchange, handler) => {
      if (message.kind === "GetRFC") await followed;
      await handler(message, exchange);
    };
    const early: Misbehaviour = (message, exchange, handler) => {
      if (message.kind === "PieceRequest") follow();
      return handler(message, exchange);
    };
    impostor(swarm, honestFirst ? late : early);
    swarm.holder({ "big.bin": BIG }, honestFirst ? early : late);
    const { failed, fetched } = await swarm.fetch(swarm.wanted({ "big.bin": BIG }));
    assertEquals(failed, []);
    assertEquals(toHex(sha256(swarm.read("big.bin"))), fetched[0]!.sha256);
    assertEquals([fetched[0]!.sha256, swarm.list()], [toHex(sha256(BIG)), ["big.bin"]]);
    assertFalse(fetched[0]!.from.includes("pc1") && honestFirst);
  }
});

/** Of each piece comes a byte now and then, so that the holder never falls silent. */
const dripping = (file: Uint8Array): Misbehaviour => async (message, exchange, handler) => {
  if (message.kind !== "PieceRequest") return await handler(message, exchange);
  const length = Math.min(256 * KIB, file.length - message.piece * 256 * KIB);
  await exchange.connection.sendData({
    ...{ kind: "PieceData", stream: exchange.stream, length, partBytes: 1, signal: exchange },
    fill: () => {},
    rate: { take: () => 50 },
  });
};

/** They have to read the file first. */
const late: Misbehaviour = async (message, exchange, handler) => {
  if (message.kind === "GetRFC") await systemClock.sleep(100);
  await handler(message, exchange);
};

Deno.test("who hardly delivers a byte, by whatever manifest, keeps no file from those who get it elsewhere", async () => {
  const small = BIG.subarray(0, 200 * KIB);
  const cases = [[BIG, true, 1], [BIG, true, 3], [small, true, 1], [small, false, 1]] as const;
  for (const [bytes, isFalse, honest] of cases) {
    await using swarm = new Swarm({ stall: 1_000, clock: fastClock(100) });
    if (isFalse) impostor(swarm, dripping(bytes), bytes);
    else swarm.holder({ "big.bin": bytes }, dripping(bytes));
    for (let i = 0; i < honest; i++) swarm.holder({ "big.bin": bytes }, late);
    const { failed } = await within("the file", swarm.fetch(swarm.wanted({ "big.bin": bytes })));
    assertEquals(failed, []);
    assertEquals(swarm.read("big.bin"), bytes);
  }
});

Deno.test("who hardly says a byte of its manifest is not waited for alone", async () => {
  await using swarm = new Swarm({ clock: fastClock(100) });
  const small = BIG.subarray(0, 200 * KIB);
  swarm.holder({ "big.bin": small }, async (_, exchange) => {
    await exchange.connection.sendData({
      ...{ kind: "ManifestData", stream: exchange.stream, length: 100_000, partBytes: 1, signal: exchange },
      fill: () => {},
      rate: { take: () => 50 },
    });
  });
  swarm.holder({ "big.bin": small });
  const { fetched } = await within("the file", swarm.fetch(swarm.wanted({ "big.bin": small })));
  assertEquals(fetched.length, 1);
});

Deno.test("a holder that gave its manifest only after it was given up costs its contents, not the whole fetch", async () => {
  await using swarm = new Swarm();
  const { promise: gone, resolve: isGone } = Promise.withResolvers<void>();
  // Manifests can be had, pieces can't: every connection on which one is asked for breaks.
  const half = swarm.holder({ "a.bin": BIG, "b.bin": OTHER }, async (message, exchange, handler) => {
    if (message.kind === "PieceRequest") return exchange.connection.close();
    if (message.kind === "GetRFC" && message.files[0]![0] === "b.bin") await gone;
    await handler(message, exchange);
  });
  const info = swarm.context.log.info;
  swarm.context.log.info = (line) => {
    info(line);
    if (line.includes("is gone")) isGone();
  };
  const { failed } = await swarm.fetch(swarm.wanted({ "a.bin": BIG, "b.bin": OTHER }, [half]));
  assertEquals(failed.map(({ names, error }) => [names[0], error.code]).sort(), [
    ["a.bin", "unreachable"],
    ["b.bin", "unreachable"],
  ]);
});

Deno.test("a second holder whose manifest comes after all connections are gone ends the wait", async () => {
  await using swarm = new Swarm();
  const { promise: gone, resolve: isGone } = Promise.withResolvers<void>();
  const info = swarm.context.log.info;
  let givenUp = 0;
  swarm.context.log.info = (line) => {
    info(line);
    if (line.includes("is gone") && ++givenUp === 2) isGone();
  };
  const broken: Misbehaviour = (message, exchange, handler) =>
    message.kind === "PieceRequest" ? exchange.connection.close() : handler(message, exchange);
  const first = swarm.holder({ "a.bin": BIG, "b.bin": OTHER }, broken);
  const second = swarm.holder({ "a.bin": BIG, "b.bin": OTHER }, async (message, exchange, handler) => {
    if (message.kind === "GetRFC" && message.files[0]![0] === "b.bin") await gone;
    await broken(message, exchange, handler);
  });
  const files = { "a.bin": BIG, "b.bin": OTHER };
  const { failed } = await swarm.fetch(swarm.wanted(files, [first, second]));
  assertEquals(failed.map(({ error }) => error.code), ["unreachable", "unreachable"]);
});

Deno.test("an answer that comes after the content began anew is not waited for", async () => {
  await using swarm = new Swarm();
  const { promise: refused, resolve: isRefused } = Promise.withResolvers<void>();
  impostor(swarm);
  let asked = 0;
  swarm.holder({ "big.bin": BIG }, async (message, exchange, handler) => {
    if (message.kind === "GetRFC" && ++asked === 1) await refused;
    else if (message.kind === "GetRFC") {
      queueMicrotask(isRefused);
      throw new LabError("changed", "not now");
    }
    await handler(message, exchange);
  });
  const { failed } = await swarm.fetch(swarm.wanted({ "big.bin": BIG }));
  assertEquals([asked, failed.map(({ error }) => error.code)], [2, ["integrity"]]);
});

Deno.test("the connections to holders end with the fetch, and none is made afterwards", async () => {
  await using swarm = new Swarm();
  const { promise: asked, resolve: wasAsked } = Promise.withResolvers<void>();
  const mute = swarm.holder({ "big.bin": BIG }, (message) => {
    if (message.kind === "GetRFC") wasAsked();
    return new Promise(() => {});
  });
  const { clock, watchdog } = swarm.context;
  const holders = new Holders({ clock, watchdog, identity: TOOL, signal: new AbortController().signal });
  const [{ holders: [holder], ...file }] = swarm.wanted({ "big.bin": BIG }) as [
    ReturnType<Swarm["wanted"]>[0],
  ];
  const plan = {
    key: "k",
    files: [{ ...file, holders: [], target: "big.bin", present: false }],
    holders: [holder!],
    pieceSize: 256 * KIB,
    bytes: BIG.length,
  };
  const answer = holders.manifest(holder!, plan);
  await asked;
  holders.close();
  await assertRejects(() => answer);
  assertEquals(mute.dialled, 1);
  await assertRejects(() => holders.manifest(holder!, plan));
  assertEquals(mute.dialled, 1);
});

Deno.test("a name that somebody takes meanwhile costs a fetch that file, not the others of its pack", async () => {
  const files = { "a": noise(100, 1), "d/b": noise(100, 2), "d/c": noise(100, 3), "e": noise(100, 4) };
  for (const taken of ["a", "d/b"] as const) {
    await using swarm = new Swarm();
    swarm.holder(files, (message, exchange, handler) => {
      if (message.kind === "PieceRequest") swarm.temp.file(`destination/${taken}`, "mine");
      return handler(message, exchange);
    });
    const { fetched, failed } = await swarm.fetch(swarm.wanted(files));
    assertEquals(failed.map(({ names, error }) => [names, error.code]), [[[taken], "failed"]]);
    const others = Object.keys(files).filter((name) => name !== taken);
    assertEquals(fetched.map(({ name }) => name).sort(), others);
    for (const { name, path } of fetched) {
      assertEquals([path, swarm.read(name)], [
        swarm.temp.at("destination", name),
        files[name as keyof typeof files],
      ]);
    }
    assertEquals(new TextDecoder().decode(swarm.read(taken)), "mine");
    // Run again it goes beside it.
    const again = await swarm.fetch(swarm.wanted(files));
    assertEquals([again.failed, again.fetched.length], [[], 4]);
    assertEquals(swarm.read(`${taken} (pc1)`), files[taken]);
    assertEquals(swarm.list().filter((name) => name.startsWith(".labswarm")), []);
  }
});

Deno.test("a fetch that is ended while a file is being put in its place tells of it", async () => {
  await using swarm = new Swarm({ clock: systemClock });
  swarm.holder({ "big.bin": BIG });
  const ending = new AbortController();
  const told: string[] = [];
  const begun: string[] = [];
  const relay = new Relay(swarm.context.clock);
  // As where a broadcast that runs takes over from one that comes late: its worker is at it already.
  const beforeFinish = ({ files }: ContentPlan) => {
    begun.push(files[0]!.name);
    queueMicrotask(() => ending.abort(new LabError("interrupted", "a broadcast that runs now brings it")));
    return () => {};
  };
  const more = {
    signal: ending.signal,
    fetched: ({ name }: { name: string }) => told.push(name),
    broadcast: { stripes: [], relay, whole: () => Promise.resolve(), beforeFinish },
  };
  const ended = await assertRejects(() => swarm.fetch(swarm.wanted({ "big.bin": BIG }), more));
  assertEquals(codeOf(ended), "interrupted");
  assertEquals([begun, told, swarm.list()], [["big.bin"], ["big.bin"], ["big.bin"]]);
  relay.close();
});

Deno.test("a file in the way of a folder stays, and what is of that folder goes beside it", async () => {
  await using swarm = new Swarm();
  const files = { "a": noise(100, 1), "docs/b": noise(100, 2), "z": noise(100, 3) };
  swarm.temp.file("destination/docs", "mine");
  swarm.holder(files);
  const { fetched, failed } = await swarm.fetch(swarm.wanted(files));
  assertEquals(failed, []);
  assertEquals(fetched.map(({ name }) => name).sort(), ["a", "docs/b", "z"]);
  assertEquals(swarm.list(), ["a", "docs", "docs (pc1)/b", "z"]);
  assertEquals(swarm.read("docs (pc1)/b"), files["docs/b"]);
});

Deno.test("a file of one peer that is a folder of another: both are kept, whichever comes first", async () => {
  for (const fileFirst of [true, false]) {
    await using swarm = new Swarm();
    const one = swarm.holder({ a: noise(100, 1), y: noise(10, 4) });
    const two = swarm.holder({ "a/b": noise(100, 2), "z": noise(100, 3) });
    const lists = [
      swarm.wanted({ a: noise(100, 1), y: noise(10, 4) }, [one]),
      swarm.wanted({ "a/b": noise(100, 2), "z": noise(100, 3) }, [two]),
    ];
    const { fetched, failed } = await swarm.fetch((fileFirst ? lists : lists.reverse()).flat());
    assertEquals(failed, []);
    assertEquals(
      swarm.list(),
      fileFirst ? ["a", "a (pc2)/b", "y", "z"] : ["a (pc1)", "a/b", "y", "z"],
    );
    assertEquals(fetched.length, 4);
  }
});

Deno.test("what is there already by its hash isn't fetched; what else has the name is kept", async () => {
  await using swarm = new Swarm();
  const files = { "same": noise(1000, 1), "d/other.txt": noise(1000, 2), "new": noise(1000, 3) };
  swarm.temp.file("destination/same", files.same);
  swarm.temp.file("destination/d/other.txt", "mine");
  swarm.holder(files);
  const { fetched, failed } = await swarm.fetch(swarm.wanted(files));
  assertEquals(failed, []);
  assertEquals(fetched.filter(({ present }) => present).map(({ name, bytes }) => [name, bytes]), [[
    "same",
    0,
  ]]);
  assertEquals(swarm.list(), ["d/other (pc1).txt", "d/other.txt", "new", "same"]);
  assertEquals(swarm.read("d/other (pc1).txt"), files["d/other.txt"]);
  // The second time nothing travels: the file is there under its other name.
  const again = await swarm.fetch(swarm.wanted(files));
  assertEquals(again.fetched.map(({ present }) => present), [true, true, true]);
});

Deno.test({
  name: "a link that has the name is kept, broken or not, and not written through",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using swarm = new Swarm();
    Deno.symlinkSync(swarm.temp.at("nowhere"), swarm.temp.at("destination", "broken"));
    Deno.symlinkSync(swarm.temp.file("outside", "theirs"), swarm.temp.at("destination", "link"));
    const files = { broken: noise(10, 1), link: noise(10, 2) };
    swarm.holder(files);
    const { failed } = await swarm.fetch(swarm.wanted(files));
    assertEquals(failed, []);
    assertEquals(swarm.list(), ["broken", "broken (pc1)", "link", "link (pc1)"]);
    assertEquals(swarm.temp.read("outside"), "theirs");
    assertFalse(swarm.temp.list().includes("nowhere"));
  },
});

Deno.test("a pack of which half is there already fetches the other half, with a part file or without", async () => {
  const files = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`d/${i}`, noise(40_000, i + 1)]));
  for (const interrupted of [false, true]) {
    await using swarm = new Swarm();
    const holder = swarm.holder(files);
    if (interrupted) {
      const stop = new AbortController();
      holder.misbehave = async (message, exchange, handler) => {
        if (message.kind === "PieceRequest" && message.piece === 3) return stop.abort();
        await handler(message, exchange);
      };
      await assertRejects(() => swarm.fetch(swarm.wanted(files), { signal: stop.signal }));
      holder.misbehave = (message, exchange, handler) => handler(message, exchange);
    }
    for (let i = 0; i < 10; i++) swarm.temp.file(`destination/d/${i}`, files[`d/${i}`]!);
    const { failed, fetched } = await swarm.fetch(swarm.wanted(files));
    assertEquals([failed, fetched.filter(({ present }) => present).length], [[], 10]);
    assertEquals(swarm.list(), Object.keys(files).sort());
    for (const [name, bytes] of Object.entries(files)) assertEquals(swarm.read(name), bytes);
  }
});

Deno.test("the time of a file is the one it was sent with, also when a slow holder's last pieces come twice", async () => {
  await using swarm = new Swarm({ workers: 2 });
  const files = Object.fromEntries([1, 2, 3].map((i) => [`${i}.bin`, noise(2_000 * KIB, i)]));
  swarm.holder(files);
  swarm.holder(files, undefined, 2e6);
  const modified = Date.UTC(2021, 2, 3, 4, 5, 6);
  const wanted = swarm.wanted(files).map((file) => ({ ...file, modified }));
  const { failed } = await swarm.fetch(wanted);
  assertEquals(failed, []);
  for (const name of Object.keys(files)) {
    assertEquals(Deno.statSync(swarm.temp.at("destination", name)).mtime?.getTime(), modified);
  }
});

Deno.test({
  name: `a full disk ends the fetch with its own code, and all connections${NO_VOLUME}`,
  ignore: NO_VOLUME !== "",
  async fn() {
    using volume = tinyVolume(4_000 * KIB)!;
    await using swarm = new Swarm();
    Object.assign(swarm, { root: Root.open(volume.path, "write") });
    const files = { "a.bin": noise(3_000 * KIB, 1) };
    const mute = swarm.holder(
      files,
      (message, exchange, handler) =>
        message.kind === "GetRFC" ? new Promise(() => {}) : handler(message, exchange),
    );
    swarm.holder(files, (message, exchange, handler) => {
      // Somebody else takes the space meanwhile.
      if (message.kind === "PieceRequest" && message.piece === 2) volume.file("x", noise(2_500 * KIB));
      return handler(message, exchange);
    });
    const thrown = await assertRejects(() => swarm.fetch(swarm.wanted(files)));
    assertEquals(codeOf(thrown), "disk_full");
    assert(volume.list().some((name) => name.endsWith(".part")));
    assertFalse(volume.list().some((name) => name.endsWith(".lock")));
    assertEquals(mute.dialled, 1);
  },
});

Deno.test("what could never fit on the disk isn't begun, and doesn't keep the others", async () => {
  await using swarm = new Swarm();
  swarm.holder({ "a.bin": BIG, "b.bin": BIG });
  const [absurd, other] = swarm.wanted({ "a.bin": BIG, "b.bin": BIG });
  const { failed, fetched } = await swarm.fetch([{ ...absurd!, size: 2 ** 50 }, other!]);
  assertEquals(failed.map(({ names, error }) => [names, error.code]), [[["a.bin"], "disk_full"]]);
  assertEquals([fetched.map((file) => file.name), swarm.list()], [["b.bin"], ["b.bin"]]);
});
