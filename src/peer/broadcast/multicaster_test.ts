/** The sending side of multicast: when it begins, what goes out, when it ends. */

import { assert, assertEquals, assertFalse, assertGreater, assertLess } from "@std/assert";
import { concat, fromHex, toHex } from "../../base/bytes.ts";
import { FakeClock, systemClock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { decodeBlock, MULTICAST } from "../../protocol/multicast.ts";
import { noise, TempFolder } from "../../storage/_testing.ts";
import { sha256 } from "../../storage/hashing.ts";
import { blockSeal } from "../../transport/block_seal.ts";
import { contextOf } from "../_testing.ts";
import { fileToSend } from "../send_files.ts";
import { HashedFile } from "./hashed_file.ts";
import { Multicaster, sessionOf } from "./multicaster.ts";

const ID = "a1b2c3d4".repeat(8);
const SIZE = 8 * 1024 * 1024 + 100_000;
const BYTES = noise(SIZE, 5);
const CARD = { name: "eth0", address: "10.1.0.2", netmask: "255.255.255.0" };
const OTHER = { name: "eth1", address: "10.9.0.2", netmask: "255.255.255.0" };
const pcs = (...addresses: string[]) => addresses.map((address, i) => ({ name: `pc${i}`, address }));
const THREE = pcs("10.1.0.7", "10.1.0.8", "10.1.0.9");

/** A file that is hashed, a clock that goes by itself, and a network that only notes. */
class Stage implements AsyncDisposable {
  readonly temp = new TempFolder();
  readonly clock = new FakeClock();
  readonly file: HashedFile;
  readonly sent: Uint8Array[] = [];
  readonly opened: string[] = [];
  readonly stop = new AbortController();
  finished = 0;
  /** Is called with each datagram. */
  onSend: () => void = () => {};
  #isTicking = true;
  #ticking: Promise<void>;

  constructor(size = SIZE) {
    const path = this.temp.file("a.iso", BYTES.subarray(0, size));
    const file = fileToSend(path, "a.iso")!;
    this.file = new HashedFile(file, { id: ID, offered: "a.iso", clock: systemClock });
    this.#ticking = this.#tick();
  }

  plan(receivers = THREE, interfaces = [OTHER, CARD], isSecured = false): Multicaster | undefined {
    const context = contextOf(this.clock);
    const security = isSecured ? { onRevoked: () => () => {} } as never : undefined;
    return Multicaster.plan({
      ...{
        context: { ...context, security },
        file: this.file,
        limiter: { take: () => 0 },
        receivers,
        interfaces,
      },
      open: (from, group) => {
        this.opened.push(`${from} ${group}`);
        return {
          send: (datagram) => {
            this.sent.push(datagram.slice());
            this.onSend();
            return Promise.resolve();
          },
          finish: () => Promise.resolve(void this.finished++),
        };
      },
    });
  }

  /** What receivers hear, put together; and how often the end was said. */
  heard(key?: string): { bytes: Uint8Array; ends: number } {
    const seal = blockSeal(key);
    const parts: Uint8Array[] = [];
    let ends = 0;
    for (const datagram of this.sent) {
      const block = decodeBlock(datagram, fromHex(sessionOf(ID)))!;
      const clear = seal.open(datagram, block.number)!;
      if (block.piece === undefined) ends++;
      else {
        assertEquals(block.number, parts.length);
        parts.push(clear);
      }
    }
    seal.end();
    return { bytes: concat(parts), ends };
  }

  async #tick(): Promise<void> {
    while (this.#isTicking) {
      this.clock.advance(5);
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isTicking = false;
    await this.#ticking;
    await this.file.close();
    this.temp[Symbol.dispose]();
  }
}

Deno.test("multicaster: not for a small file, nor for fewer than three in a subnet; out of the card that reaches most", async () => {
  await using small = new Stage(8 * 1024 * 1024 - 1);
  assertEquals(small.plan(), undefined);
  await using stage = new Stage();
  assertEquals(stage.plan(pcs("10.1.0.7", "10.1.0.8", "10.9.0.9")), undefined);
  assertEquals(stage.plan(THREE, []), undefined);
  const multicaster = stage.plan(pcs("10.9.0.9", "10.1.0.7", "10.1.0.8", "10.1.0.9"))!;
  assertEquals(multicaster.offerTo("pc0", "10.9.0.9"), {}, "it is in another subnet");
  assertEquals(Object.keys(multicaster.offerTo("pc1", "10.1.0.7").multicast!), ["group", "piece"]);
});

Deno.test("multicaster: once all listen the whole file goes out, each block once, and then its end on every port", async () => {
  await using stage = new Stage();
  const multicaster = stage.plan()!;
  const running = multicaster.run(stage.stop.signal);
  const { group } = multicaster.offerTo("pc0", "10.1.0.7").multicast!;
  for (const { name } of THREE) {
    assertEquals(stage.sent.length, 0);
    multicaster.heard(name, { got: 0, lost: 0 });
  }
  await running;
  const { bytes, ends } = stage.heard();
  assertEquals(toHex(sha256(bytes)), toHex(sha256(BYTES)));
  assertEquals(ends, 3 * MULTICAST.ports);
  assert(multicaster.hasSent);
  assertEquals([stage.opened, stage.finished], [[`10.1.0.2 ${group}`], 1]);
  assertEquals(multicaster.offerTo("pc0", "10.1.0.7"), {}, "it is over");
});

Deno.test("multicaster: in a secured lab nothing goes out in clear, and who has the key can read it", async () => {
  await using stage = new Stage();
  const multicaster = stage.plan(THREE, [CARD], true)!;
  const { key } = multicaster.offerTo("pc0", "10.1.0.7").multicast!;
  const running = multicaster.run(stage.stop.signal);
  for (const { name } of THREE) multicaster.heard(name, { got: 0, lost: 0 });
  await running;
  const clear = toHex(BYTES.subarray(0, 16));
  assert(
    !stage.sent.some((datagram) =>
      toHex(datagram.subarray(MULTICAST.headerBytes, MULTICAST.headerBytes + 16)) === clear
    ),
  );
  assertEquals(toHex(sha256(stage.heard(key).bytes)), toHex(sha256(BYTES)));
});

Deno.test("multicaster: a PC that doesn't listen is waited for a moment only", async () => {
  await using stage = new Stage();
  const four = [...THREE, { name: "pc3", address: "10.1.0.10" }];
  const multicaster = stage.plan(four)!;
  const began = stage.clock.monotonic();
  let first = 0;
  stage.onSend = () => first ||= stage.clock.monotonic();
  const running = multicaster.run(stage.stop.signal);
  for (const { name } of THREE) multicaster.heard(name, { got: 0, lost: 0 });
  await running;
  assertGreater(first - began, 190);
  assertEquals(stage.heard().bytes.length, SIZE);
});

Deno.test("multicaster: while PCs begin to listen one after the other it waits for them, and no longer than 1.5 s", async () => {
  for (const [count, least, most] of [[6, 150 * 5, 1_400], [20, 1_490, 2_500]] as const) {
    await using stage = new Stage();
    const all = pcs(...Array.from({ length: count + 1 }, (_, i) => `10.1.0.${10 + i}`));
    const multicaster = stage.plan(all)!;
    const began = stage.clock.monotonic();
    let first = 0;
    stage.onSend = () => first ||= stage.clock.monotonic();
    const running = multicaster.run(stage.stop.signal);
    all.slice(0, count).forEach(({ name }, i) =>
      stage.clock.after(150 * i, () => multicaster.heard(name, { got: 0, lost: 0 }))
    );
    await running;
    assertGreater(first - began, least);
    assertLess(first - began, most);
  }
});

Deno.test("multicaster: with too few listeners nothing goes out but its end", async () => {
  await using stage = new Stage();
  const multicaster = stage.plan()!;
  multicaster.heard("pc0", { got: 0, lost: 0 });
  multicaster.heard("stranger", { got: 0, lost: 0 });
  multicaster.heard("pc1", { got: 0, lost: 0 });
  await multicaster.run(stage.stop.signal);
  assertFalse(multicaster.hasSent);
  assertEquals(stage.heard(), { bytes: new Uint8Array(0), ends: 3 * MULTICAST.ports });
});

Deno.test("multicaster: it ends early when those who listened are gone, or all is over, or the file fails", async () => {
  const endings: ((stage: Stage, multicaster: Multicaster) => void)[] = [
    (_, multicaster) => ["pc0", "pc1"].forEach((name) => multicaster.gone(name)),
    (_, multicaster) => ["pc0", "pc2"].forEach((name) => multicaster.heard(name, undefined)),
    (_, multicaster) => multicaster.end(),
    (stage) => stage.stop.abort(new LabError("interrupted", "enough")),
  ];
  for (const end of endings) {
    await using stage = new Stage();
    const multicaster = stage.plan()!;
    stage.onSend = () => stage.sent.length === 20 && end(stage, multicaster);
    const running = multicaster.run(stage.stop.signal);
    for (const { name } of THREE) multicaster.heard(name, { got: 0, lost: 0 });
    await running;
    const { bytes, ends } = stage.heard();
    assert(bytes.length < SIZE / 4, `${bytes.length} bytes went out after all`);
    assertEquals([ends, stage.finished], [3 * MULTICAST.ports, 1]);
  }
});

Deno.test("multicaster: who is offered it while it runs hears from which piece on it comes", async () => {
  await using stage = new Stage();
  const multicaster = stage.plan()!;
  let offered: number | undefined;
  stage.onSend = () => {
    if (stage.sent.length === 100) offered = multicaster.offerTo("pc1", "10.1.0.8").multicast?.piece;
  };
  const running = multicaster.run(stage.stop.signal);
  for (const { name } of THREE) multicaster.heard(name, { got: 0, lost: 0 });
  await running;
  assertEquals(offered, Math.floor(99 / Math.ceil(stage.file.feed.layout.pieceSize / MULTICAST.blockBytes)));
});
