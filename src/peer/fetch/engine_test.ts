/** Whole fetches over loopback, with real workers, from holders that behave in every bad way. */

import { assert, assertEquals, assertLessOrEqual, assertMatch, assertRejects } from "@std/assert";
import { sameBytes } from "../../base/bytes.ts";
import { systemClock } from "../../base/clock.ts";
import { codeOf, LabError } from "../../base/errors.ts";
import { encodeManifest } from "../../catalog/manifest.ts";
import type { Misbehaviour } from "../_testing.ts";
import { Cutter, fastClock, noise, Swarm } from "../_testing.ts";
import type { FetchOutcome } from "./fetch.ts";

const KIB = 1024;
/** Six pieces. */
const BIG = noise(1_500 * KIB, 7);
const SMALL = {
  "d/a.txt": noise(70_000, 1),
  "d/b": noise(0),
  "c.bin": noise(200_000, 2),
  "d/e/f": noise(1, 3),
};

/** Everything was fetched, and is right. */
function assertFetched(swarm: Swarm, outcome: FetchOutcome, files: Record<string, Uint8Array>): void {
  assertEquals(outcome.failed.map(({ error }) => error.message), []);
  assertEquals(outcome.fetched.map(({ name }) => name).sort(), Object.keys(files).sort());
  for (const [name, bytes] of Object.entries(files)) assert(sameBytes(swarm.read(name), bytes), name);
  assertEquals(ours(swarm), []);
}

/** Our own files that a fetch has left. */
function ours(swarm: Swarm): string[] {
  return swarm.list().filter((name) => name.startsWith(".labswarm"));
}

function failure({ failed }: FetchOutcome): LabError {
  assertEquals(failed.length, 1);
  return failed[0]!.error;
}

/** Sends a piece with one byte changed, each time `when` says so. */
const lying =
  (when: (piece: number) => boolean = () => true, length?: number): Misbehaviour =>
  async (message, exchange, handler) => {
    if (message.kind !== "PieceRequest" || !when(message.piece)) return await handler(message, exchange);
    const bytes = BIG.slice(message.piece * 256 * KIB, (message.piece + 1) * 256 * KIB);
    bytes[5]! ^= 1;
    const sent = length === undefined ? bytes : bytes.subarray(0, length);
    await exchange.connection.sendData({
      kind: "PieceData",
      stream: exchange.stream,
      length: sent.length,
      fill: (into, offset) => into.set(sent.subarray(offset, offset + into.length)),
    });
  };

const refusing =
  (code: "changed" | "not_found" | "busy", kind = "PieceRequest"): Misbehaviour =>
  (message, exchange, handler) => {
    if (message.kind === kind) throw new LabError(code, "not today");
    return handler(message, exchange);
  };

const silent = (kind: string): Misbehaviour => (message, exchange, handler) =>
  message.kind === kind ? new Promise(() => {}) : handler(message, exchange);

Deno.test("a file from one holder, and from four at once", async () => {
  for (const count of [1, 4]) {
    await using swarm = new Swarm();
    for (let i = 0; i < count; i++) swarm.holder({ "big.bin": BIG });
    const outcome = await swarm.fetch(swarm.wanted({ "big.bin": BIG }));
    assertFetched(swarm, outcome, { "big.bin": BIG });
    const [file] = outcome.fetched;
    assertEquals([file!.bytes >= BIG.length, file!.present, file!.size], [true, false, BIG.length]);
    assertEquals(file!.path, swarm.temp.at("destination", "big.bin"));
  }
});

Deno.test("small files travel as one content; each is reported with its own bytes", async () => {
  await using swarm = new Swarm();
  const holder = swarm.holder(SMALL);
  const outcome = await swarm.fetch(swarm.wanted(SMALL));
  assertFetched(swarm, outcome, SMALL);
  assertEquals(holder.asked, 2);
  for (const { name, bytes } of outcome.fetched) {
    assertEquals(bytes, SMALL[name as keyof typeof SMALL].length);
  }
});

Deno.test("an empty file, and nothing at all", async () => {
  await using swarm = new Swarm();
  swarm.holder({ empty: noise(0) });
  assertFetched(swarm, await swarm.fetch(swarm.wanted({ empty: noise(0) })), { empty: noise(0) });
  assertEquals(await swarm.fetch([]), { fetched: [], failed: [] });
});

Deno.test("many contents, big and small, end right", async () => {
  const files: Record<string, Uint8Array> = { ...SMALL };
  for (let i = 0; i < 12; i++) files[`big/${i}`] = noise(1_100 * KIB + i, i + 20);
  await using swarm = new Swarm({ workers: 3 });
  swarm.holder(files);
  swarm.holder(files);
  assertFetched(swarm, await swarm.fetch(swarm.wanted(files)), files);
});

Deno.test("a holder that sends bad pieces is dropped, and the others make up for it", async () => {
  await using swarm = new Swarm();
  const liar = swarm.holder({ "big.bin": BIG }, lying());
  swarm.holder({ "big.bin": BIG });
  assertFetched(swarm, await swarm.fetch(swarm.wanted({ "big.bin": BIG })), { "big.bin": BIG });
  // All six may have been under way when the first one came; none is asked for again.
  assertLessOrEqual(liar.asked, 6);
  assert(swarm.context.log.lines.some((line) => line.includes("bad piece")) || liar.asked === 0);
});

Deno.test("when all copies are bad it's an integrity error, and nothing gets the name", async () => {
  await using swarm = new Swarm();
  for (let i = 0; i < 3; i++) swarm.holder({ "big.bin": BIG }, lying((piece) => piece === 3));
  const error = failure(await swarm.fetch(swarm.wanted({ "big.bin": BIG })));
  assertEquals([error.code, error.exitCode], ["integrity", 5]);
  assertEquals(swarm.list().filter((name) => !name.startsWith(".labswarm")), []);
});

Deno.test("a piece of a wrong length ends the connection and the holder", async () => {
  await using swarm = new Swarm();
  swarm.holder({ "big.bin": BIG }, lying((piece) => piece === 1, 1000));
  swarm.holder({ "big.bin": BIG });
  assertFetched(swarm, await swarm.fetch(swarm.wanted({ "big.bin": BIG })), { "big.bin": BIG });
});

Deno.test("only holders of wrong lengths: integrity", async () => {
  await using swarm = new Swarm();
  swarm.holder({ "big.bin": BIG }, lying((piece) => piece === 1, 1000));
  assertEquals(failure(await swarm.fetch(swarm.wanted({ "big.bin": BIG }))).exitCode, 5);
});

/** A fetch from a holder whose connections are cut in the middle of their second piece, so many times. */
async function fetchCut(swarm: Swarm, times: number) {
  const files = { "big.bin": BIG };
  const cutter = new Cutter(swarm.holder(files), 400 * KIB, times);
  const holders = [{ peer: "pc1", address: "127.0.0.1", port: cutter.port }];
  const outcome = await swarm.fetch(swarm.wanted(files).map((file) => ({ ...file, holders })));
  await cutter.close();
  return { outcome, cuts: cutter.cuts };
}

Deno.test("a connection that breaks in the middle of a piece is dialled again", async () => {
  await using swarm = new Swarm({ workers: 1 });
  const { outcome, cuts } = await fetchCut(swarm, 2);
  assertFetched(swarm, outcome, { "big.bin": BIG });
  assertEquals(cuts, 2);
});

Deno.test("a holder whose connections are all cut goes on as long as each delivers something", async () => {
  await using swarm = new Swarm({ workers: 1 });
  assertFetched(swarm, (await fetchCut(swarm, 1000)).outcome, { "big.bin": BIG });
});

Deno.test("a holder whose connections break again and again is given up as unreachable", async () => {
  await using swarm = new Swarm();
  swarm.holder(
    { "big.bin": BIG },
    (message, exchange, handler) =>
      message.kind === "PieceRequest" ? exchange.connection.close() : handler(message, exchange),
  );
  const error = failure(await swarm.fetch(swarm.wanted({ "big.bin": BIG })));
  assertEquals([error.code, error.exitCode], ["unreachable", 3]);
});

Deno.test("a holder that refuses pieces is passed over for this content", async () => {
  for (const code of ["changed", "not_found", "busy"] as const) {
    await using swarm = new Swarm();
    swarm.holder({ "big.bin": BIG }, refusing(code));
    swarm.holder({ "big.bin": BIG });
    assertFetched(swarm, await swarm.fetch(swarm.wanted({ "big.bin": BIG })), { "big.bin": BIG });
  }
});

Deno.test("when all refuse, the reason is told", async () => {
  await using swarm = new Swarm();
  swarm.holder({ "big.bin": BIG }, refusing("changed"));
  swarm.holder({ "big.bin": BIG }, refusing("changed", "GetRFC"));
  const error = failure(await swarm.fetch(swarm.wanted({ "big.bin": BIG })));
  assertEquals(error.code, "changed");
  assertMatch(error.message, /pc1: not today; pc2: not today|pc2: not today; pc1: not today/);
});

Deno.test("holders that no longer hold it: not found, exit code 1", async () => {
  await using swarm = new Swarm();
  swarm.holder({});
  swarm.holder({});
  const error = failure(await swarm.fetch(swarm.wanted({ "big.bin": BIG })));
  assertEquals([error.code, error.exitCode], ["not_found", 1]);
});

Deno.test("holders that aren't there: unreachable, exit code 3", async () => {
  await using swarm = new Swarm();
  const files = { "big.bin": BIG };
  for (let i = 0; i < 2; i++) await swarm.holder(files).die();
  const error = failure(await swarm.fetch(swarm.wanted(files)));
  assertEquals([error.code, error.exitCode], ["unreachable", 3]);
});

Deno.test("one file that can't be had doesn't keep the others", async () => {
  await using swarm = new Swarm();
  const gone = swarm.holder({ x: BIG });
  const here = swarm.holder(SMALL);
  const wanted = [...swarm.wanted({ x: BIG }, [gone]), ...swarm.wanted(SMALL, [here])];
  await gone.die();
  const outcome = await swarm.fetch(wanted);
  assertEquals(outcome.fetched.length, 4);
  assertEquals(outcome.failed.map(({ names }) => names), [["x"]]);
});

Deno.test("a file of a pack that can't be had doesn't keep the others of its pack", async () => {
  for (const code of ["not_found", "changed", "failed"] as const) {
    await using swarm = new Swarm();
    const files: Record<string, Uint8Array> = { ...SMALL };
    for (let i = 0; i < 40; i++) files[`many/${i}`] = noise(100 + i, i);
    const bad = ["many/7", "d/a.txt"];
    swarm.holder(files, (message, exchange, handler) => {
      const has = message.kind === "GetRFC" && bad.find((name) => message.files.some(([n]) => n === name));
      if (has) throw new LabError(code, `${has} is not what it was`);
      return handler(message, exchange);
    });
    const { fetched, failed } = await swarm.fetch(swarm.wanted(files));
    assertEquals(failed.map(({ names }) => names).sort(), [["d/a.txt"], ["many/7"]]);
    for (const { names: [name], error } of failed) {
      assertEquals([error.code, error.message], [
        code,
        `Cannot fetch ${name}: pc1: ${name} is not what it was`,
      ]);
    }
    assertEquals(fetched.length, Object.keys(files).length - bad.length);
    for (const { name } of fetched) assert(sameBytes(swarm.read(name), files[name]!), name);
    assertEquals(ours(swarm), []);
  }
});

Deno.test("a pack whose pieces are refused is fetched in parts", async () => {
  await using swarm = new Swarm();
  let spoilt: string | undefined;
  swarm.holder(SMALL, (message, exchange, handler) => {
    if (message.kind === "PieceRequest" && message.content === (spoilt ??= message.content)) {
      throw new LabError("changed", "not as a whole");
    }
    return handler(message, exchange);
  });
  assertFetched(swarm, await swarm.fetch(swarm.wanted(SMALL)), SMALL);
});

Deno.test("a pack isn't divided when its holder is busy, or is not there", async () => {
  await using swarm = new Swarm();
  const [busy, away] = [swarm.holder(SMALL, refusing("busy", "GetRFC")), swarm.holder(SMALL)];
  await away.die();
  for (const holder of [busy, away]) {
    const { failed } = await swarm.fetch(swarm.wanted(SMALL, [holder]));
    assertEquals(failed.map(({ names }) => names.length), [4]);
  }
});

Deno.test("a holder that falls silent is given up after the stall, and another takes over", async () => {
  await using swarm = new Swarm({ stall: 100 });
  swarm.holder({ "big.bin": BIG }, silent("PieceRequest"));
  swarm.holder({ "big.bin": BIG });
  assertFetched(swarm, await swarm.fetch(swarm.wanted({ "big.bin": BIG })), { "big.bin": BIG });
});

Deno.test("a holder that is silent when asked for its manifest doesn't keep the others, nor the end", async () => {
  await using swarm = new Swarm();
  const mute = swarm.holder({ "big.bin": BIG }, silent("GetRFC"));
  swarm.holder({ "big.bin": BIG });
  assertFetched(swarm, await swarm.fetch(swarm.wanted({ "big.bin": BIG })), { "big.bin": BIG });
  // Its connection is closed with the fetch, and it isn't asked again; nor is that said of it as its fault.
  await mute.close();
  assertEquals(mute.dialled, 1);
  assertEquals(swarm.context.log.lines.filter((line) => line.includes("cannot deliver")), []);
});

Deno.test("a holder that dies and comes back, having forgotten everything, goes on delivering", async () => {
  await using swarm = new Swarm();
  let restarted = false;
  const holder = swarm.holder({ "big.bin": BIG }, async (message, exchange, handler) => {
    if (message.kind === "PieceRequest" && holder.asked === 3 && !restarted) {
      restarted = true;
      const { port } = holder;
      await holder.die();
      holder.forget();
      return await holder.comeBack(port);
    }
    await handler(message, exchange);
  });
  assertFetched(swarm, await swarm.fetch(swarm.wanted({ "big.bin": BIG })), { "big.bin": BIG });
  assert(restarted);
});

Deno.test("a holder that forgets the manifest on an open connection is asked for it again", async () => {
  await using swarm = new Swarm();
  const holder = swarm.holder({ "big.bin": BIG }, (message, exchange, handler) => {
    if (message.kind === "PieceRequest" && holder.asked === 2) holder.forget();
    return handler(message, exchange);
  });
  assertFetched(swarm, await swarm.fetch(swarm.wanted({ "big.bin": BIG })), { "big.bin": BIG });
});

Deno.test("a holder that forgets the manifest twice is asked for it twice", async () => {
  await using swarm = new Swarm();
  const holder = swarm.holder({ "big.bin": BIG }, (message, exchange, handler) => {
    // All six pieces are asked for at once; so the eighth is one that is asked for again.
    if (message.kind === "PieceRequest" && [2, 8].includes(holder.asked)) holder.forget();
    return handler(message, exchange);
  });
  assertFetched(swarm, await swarm.fetch(swarm.wanted({ "big.bin": BIG })), { "big.bin": BIG });
});

Deno.test("a manifest of other files is refused, and so is what is no manifest", async () => {
  const answers = [
    encodeManifest({
      pieceSize: 256 * KIB,
      files: [{ name: "x", size: 0, sha256: "0".repeat(64) }],
      hashes: new Uint8Array(),
    }),
    noise(500),
  ];
  for (const bytes of answers) {
    await using swarm = new Swarm();
    swarm.holder({ "big.bin": BIG }, async (message, exchange, handler) => {
      if (message.kind !== "GetRFC") return await handler(message, exchange);
      const fill = (into: Uint8Array, offset: number) =>
        into.set(bytes.subarray(offset, offset + into.length));
      await exchange.connection.sendData({
        kind: "ManifestData",
        stream: exchange.stream,
        length: bytes.length,
        fill,
      });
    });
    assertEquals(failure(await swarm.fetch(swarm.wanted({ "big.bin": BIG }))).exitCode, 5);
    swarm.holder({ "big.bin": BIG });
    assertFetched(swarm, await swarm.fetch(swarm.wanted({ "big.bin": BIG })), { "big.bin": BIG });
  }
});

Deno.test("a fetch that is interrupted frees its lock, keeps its pieces and goes on from there", async () => {
  // By a faster clock a busy machine's holder would be asked for a piece again, since it is late.
  await using swarm = new Swarm({ clock: systemClock });
  const stop = new AbortController();
  const slow = swarm.holder({ "big.bin": BIG }, async (message, exchange, handler) => {
    if (message.kind === "PieceRequest" && message.piece > 2) return await new Promise(() => {});
    await handler(message, exchange);
  });
  const progress = (bytes: number) => bytes >= 3 * 256 * KIB && stop.abort();
  const thrown = await assertRejects(() =>
    swarm.fetch(swarm.wanted({ "big.bin": BIG }), { signal: stop.signal, progress })
  );
  assertEquals(codeOf(thrown), "interrupted");
  assertMatch(ours(swarm).join(), /^\.labswarm-[0-9a-f]+\.part$/);
  slow.misbehave = (message, exchange, handler) => handler(message, exchange);
  slow.asked = 0;
  const outcome = await swarm.fetch(swarm.wanted({ "big.bin": BIG }));
  assertFetched(swarm, outcome, { "big.bin": BIG });
  assertEquals([slow.asked, outcome.fetched[0]!.bytes], [3, BIG.length - 3 * 256 * KIB]);
});

Deno.test("a fetch whose signal was aborted before does nothing", async () => {
  await using swarm = new Swarm();
  const holder = swarm.holder({ "big.bin": BIG });
  const signal = AbortSignal.abort();
  assertEquals(
    codeOf(await assertRejects(() => swarm.fetch(swarm.wanted({ "big.bin": BIG }), { signal }))),
    "interrupted",
  );
  assertEquals([holder.asked, swarm.list().filter((name) => name.endsWith(".lock"))], [0, []]);
});

Deno.test("a fetch that is ended for a reason says that reason, and not to run it again", async () => {
  await using swarm = new Swarm();
  const stop = new AbortController();
  swarm.holder(
    { "big.bin": BIG },
    () => new Promise(() => stop.abort(new LabError("not_permitted", "revoked"))),
  );
  const thrown = await assertRejects(
    () => swarm.fetch(swarm.wanted({ "big.bin": BIG }), { signal: stop.signal }),
    LabError,
    "revoked",
  );
  assertEquals(codeOf(thrown), "not_permitted");
});

Deno.test("two fetches of one file into one folder: one fetches, the other is told so", async () => {
  await using swarm = new Swarm({ clock: fastClock(1) });
  const { promise: asked, resolve: wasAsked } = Promise.withResolvers<void>();
  const { promise: go, resolve: letGo } = Promise.withResolvers<void>();
  swarm.holder({ "big.bin": BIG }, async (message, exchange, handler) => {
    if (message.kind === "PieceRequest") {
      wasAsked();
      await go;
    }
    await handler(message, exchange);
  });
  const first = swarm.fetch(swarm.wanted({ "big.bin": BIG }));
  await asked;
  assertEquals(failure(await swarm.fetch(swarm.wanted({ "big.bin": BIG }))).code, "busy");
  letGo();
  assertFetched(swarm, await first, { "big.bin": BIG });
});
