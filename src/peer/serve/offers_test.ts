/** Offers that meet: of one broadcast, of two broadcasts of the same files, of senders that go away. Real workers. */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { codeOf, LabError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import type { MessageOf, WireFile } from "../../protocol/messages.ts";
import { TempFolder } from "../../storage/_testing.ts";
import { until } from "../../base/_patience.ts";
import { claimPart } from "../../storage/cast_part.ts";
import { removeOldParts } from "../../storage/old_parts.ts";
import type { Connection } from "../../transport/connection.ts";
import { Root } from "../../storage/root.ts";
import { greet } from "../../transport/handshake.ts";
import { serve } from "../../transport/server.ts";
import { dialTcp } from "../../transport/tcp.ts";
import { contextOf, Holder, type Misbehaviour, noise, TOOL } from "../_testing.ts";
import { Relay } from "../broadcast/relay.ts";
import type { FetchedFile } from "../fetch/content_run.ts";
import { WarmPool } from "../fetch/warm_pool.ts";
import { toHex } from "../../base/bytes.ts";
import { sha256 } from "../../storage/hashing.ts";
import type { ListLimits } from "./offer_lists.ts";
import { offerHandler } from "./offers.ts";

/** Six pieces. */
const BIG = noise(1_500 * 1024, 7);

/** A peer that takes broadcasts, and holders that offer. */
class World implements AsyncDisposable {
  readonly temp = new TempFolder();
  readonly context = contextOf();
  readonly relay = new Relay(this.context.clock);
  readonly received: FetchedFile[] = [];
  /** An entry for each withdrawal. */
  readonly withdrawn: true[] = [];
  /** Each time workers were asked for: how many. */
  readonly borrowed: (number | undefined)[] = [];
  readonly #ending = new AbortController();
  readonly #holders: Holder[] = [];
  readonly #pool = new WarmPool(this.temp.folder("share"), () => TOOL);
  readonly #server;
  #indexed = false;

  constructor(options: { takesBroadcasts?: boolean; isOpen?: boolean; lists?: ListLimits } = {}) {
    this.#pool.warm();
    const handler = offerHandler({
      context: this.context,
      name: () => "receiver",
      folderFor: () => this.temp.at("share"),
      received: (file) => this.received.push(file),
      withdrawn: () => this.withdrawn.push(true),
      ...(options.lists ? { lists: options.lists } : {}),
      known: () => this.#indexed ? sha256Hex(this.read()) : undefined,
      signal: this.#ending.signal,
      pool: (count) => {
        this.borrowed.push(count);
        return this.#pool.borrow(count);
      },
      ...(options.takesBroadcasts === false ? {} : {
        acceptOpenBroadcasts: options.isOpen ?? true,
        broadcast: {
          relay: this.relay,
          whole: () => Promise.resolve(),
          beforeFinish: () => () => {},
        },
      }),
    });
    this.#server = serve({ host: "127.0.0.1", port: 0 }, {
      identity: { role: "peer", agent: "test" },
      handlerFor: () => handler,
    }, this.context);
  }

  /** Somebody who has the file. */
  source(misbehave?: Misbehaviour): Holder {
    const name = `from${this.#holders.length}`;
    this.temp.file(`${name}/image.bin`, BIG);
    const root = Root.open(this.temp.at(name), "write");
    const holder = new Holder(name, root, new Map([["image.bin", BIG]]), this.context, misbehave);
    this.#holders.push(holder);
    return holder;
  }

  /** Offers the file of this holder. */
  async offer(holder: Holder, more: Partial<MessageOf<"Offer">> = {}) {
    const stream = await dialTcp(this.#server.address, { clock: this.context.clock });
    const { connection } = await greet(stream, TOOL, this.context);
    const offer: MessageOf<"Offer"> = {
      kind: "Offer",
      purpose: "broadcast",
      id: "b1",
      peer: holder.name,
      port: holder.port,
      files: [["image.bin", BIG.length, sha256Hex(BIG)]],
      bytes: BIG.length,
      ...(more.holders ? {} : { stripes: [[], []] }),
      ...more,
    };
    const exchange = connection.open(offer);
    const half = Promise.withResolvers<void>();
    const told = Promise.withResolvers<void>();
    const without: string[] = [];
    const receipt = (async () => {
      while (true) {
        const incoming = await exchange.next();
        if (incoming.kind === "OfferProgress" && incoming.bytes === 3 * 256 * 1024) half.resolve();
        if (incoming.kind === "OfferProgress" && incoming.without) without.push(...incoming.without);
        if (incoming.kind === "OfferNext") {
          exchange.send({ ...offer, files: [], more: false }).then(told.resolve);
        }
        if (incoming.kind === "Receipt") return incoming;
      }
    })();
    receipt.catch(() => {});
    return { connection, receipt, half: half.promise, told: told.promise, without };
  }

  /** The lists beside part files. */
  casts(): string[] {
    return this.temp.list().filter((name) => name.endsWith(".cast")).map((name) => this.temp.read(name));
  }

  /** How many are connected. */
  get callers(): number {
    return this.#server.connections.size;
  }

  /** The index knows what is in the share from now on. */
  index(): void {
    this.#indexed = true;
  }

  read(): Uint8Array {
    return Deno.readFileSync(this.temp.at("share", "image.bin"));
  }

  async [Symbol.asyncDispose]() {
    this.#ending.abort(new LabError("interrupted", "over"));
    const all = [...this.#server.connections];
    this.#server.close();
    await Promise.all(all.map((each) => each.closed));
    this.#pool.close();
    this.relay.close();
    for (const holder of this.#holders) await holder.close();
    this.temp[Symbol.dispose]();
  }
}

/** Holds pieces back until it is opened. */
function gate(from = 0) {
  const opened = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const misbehave: Misbehaviour = async (message, exchange, handler) => {
    if (message.kind === "PieceRequest" && message.piece >= from) {
      asked.resolve();
      await opened.promise;
    }
    await handler(message, exchange);
  };
  return { misbehave, open: () => opened.resolve(), asked: asked.promise };
}

Deno.test("one broadcast offered twice at once: one run, and both get the receipt", async () => {
  await using w = new World();
  const held = gate();
  const source = w.source(held.misbehave);
  const first = await w.offer(source);
  await held.asked;
  const second = await w.offer(source);
  held.open();
  const receipts = await Promise.all([first.receipt, second.receipt]);
  for (const { files } of receipts) assertEquals(files.map(({ name }) => name), ["image.bin"]);
  assertEquals(source.asked, 6);
  assertEquals(w.received.length, 1);
  assertEquals(w.read(), BIG);
  for (const { connection } of [first, second]) connection.close();
});

Deno.test("two broadcasts of the same file at once: the second joins the first", async () => {
  await using w = new World();
  const held = gate();
  const [source, other] = [w.source(held.misbehave), w.source()];
  const first = await w.offer(source);
  await held.asked;
  const second = await w.offer(other, { id: "b2" });
  held.open();
  await Promise.all([first.receipt, second.receipt]);
  assertEquals([source.asked, other.asked], [6, 0]);
  for (const { connection } of [first, second]) connection.close();
});

Deno.test("the first one's sender is gone: the second goes on from what had come", async () => {
  await using w = new World();
  const held = gate(3);
  const [source, other] = [w.source(held.misbehave), w.source()];
  const first = await w.offer(source);
  await first.half;
  await first.connection.finish();
  const second = await w.offer(other, { id: "b2" });
  await second.receipt;
  assertEquals(w.read(), BIG);
  assertEquals(other.asked, 3);
  second.connection.close();
  held.open();
});

Deno.test("a broadcast of as many files as may be is offered again as often as its connection breaks", async () => {
  await using w = new World({ lists: { perList: 1, perSender: 2, all: 2 } });
  const held = gate(3);
  const source = w.source(held.misbehave);
  const first = await w.offer(source, { more: true });
  await first.half;
  let last = first;
  for (let time = 0; time < 4; time++) {
    await last.connection.finish();
    await until("that is noticed", () => w.callers === 0);
    last = await w.offer(source, { more: true });
    await Promise.race([last.told, last.receipt]);
  }
  held.open();
  assertEquals((await last.receipt).files.map(({ name }) => name), ["image.bin"]);
  assertEquals(source.asked, 6);
  last.connection.close();
});

/** As the registration server offers it to who comes late. */
const late = (...holders: Holder[]) => ({
  id: "late",
  holders: holders.map(({ name, port }) => ({ name, address: "127.0.0.1", port })),
});

Deno.test("what comes late makes way for the broadcasts that run; they go on from what had come", async () => {
  await using w = new World();
  const held = gate(3);
  const [rs, ...sources] = [w.source(held.misbehave), w.source(), w.source()];
  const first = await w.offer(rs!, late(rs!));
  await first.half;
  // Both wait for its end at once, and then are one.
  const runs = await Promise.all(sources.map((source, i) => w.offer(source, { id: `b${i}` })));
  await Promise.all(runs.map(({ receipt }) => receipt));
  assertEquals(codeOf(await assertRejects(() => first.receipt)), "interrupted");
  assertEquals(w.read(), BIG);
  assertEquals(sources.map(({ asked }) => asked).sort(), [0, 3]);
  // Offered again it's here, and no worker is asked for.
  const before = w.borrowed.length;
  w.index();
  const again = await w.offer(rs!, late(rs!));
  assertEquals((await again.receipt).files.map(({ name }) => name), ["image.bin"]);
  assertEquals(w.borrowed.length, before);
  for (const { connection } of [first, ...runs, again]) connection.close();
  held.open();
});

Deno.test("while a broadcast runs, what comes late and has one of its files waits", async () => {
  await using w = new World();
  const held = gate();
  const source = w.source(held.misbehave);
  const first = await w.offer(source);
  await held.asked;
  const files: MessageOf<"Offer">["files"] = [["IMAGE.bin", BIG.length, sha256Hex(BIG)], [
    "b",
    1,
    "b".repeat(64),
  ]];
  const second = await w.offer(source, { ...late(source), files });
  assertEquals(codeOf(await assertRejects(() => second.receipt)), "busy");
  held.open();
  await first.receipt;
  assertEquals(w.borrowed, [undefined]);
  for (const { connection } of [first, second]) connection.close();
});

Deno.test("nobody has what comes late: who said so is told, and one worker was enough", async () => {
  await using w = new World();
  const [one, other] = [w.source(), w.source()];
  const files: MessageOf<"Offer">["files"] = [["other.bin", 10, "ab".repeat(32)]];
  await other.die();
  const { connection, receipt, without } = await w.offer(one, { ...late(one, other), files });
  assertEquals(codeOf(await assertRejects(() => receipt)), "not_found");
  assertEquals(without, [one.name]);
  assertEquals(w.borrowed, [1]);
  connection.close();
});

Deno.test("a broadcast goes on without its connection; a send ends with it", async () => {
  for (const [purpose, arrives] of [["broadcast", true], ["send", false]] as const) {
    await using w = new World();
    const held = gate();
    const source = w.source(held.misbehave);
    const { connection } = await w.offer(source, { purpose });
    await held.asked;
    await connection.finish();
    if (!arrives) await w.context.clock.sleep(50);
    held.open();
    for (let i = 0; i < 100 && w.received.length === 0; i++) await w.context.clock.sleep(arrives ? 20 : 3);
    assertEquals(w.received.length, arrives ? 1 : 0, purpose);
  }
});

Deno.test("what is sent stays what anybody may send, whatever a broadcast's fields it has: nothing is replaced, nobody else is dialled", async () => {
  await using w = new World();
  w.temp.file("share/image.bin", noise(1000, 3));
  const source = w.source();
  const stranger = w.source();
  const named = { name: stranger.name, address: "127.0.0.1", port: stranger.port };
  const kept = w.read();
  for (
    const plan of [{ stripes: [[named]], depths: [0] }, { holders: [named] }, {
      stripes: [[]],
      background: true,
    }]
  ) {
    const sent = await w.offer(source, { purpose: "send", stripes: [], ...plan });
    const { files: [file] } = await sent.receipt;
    assertEquals(file!.path, w.temp.at("share", `image (${source.name}).bin`));
    assertEquals(w.read(), kept);
    sent.connection.close();
  }
  assertEquals(stranger.asked, 0);
});

/** Takes what it is asked for and never answers. */
function silent() {
  const over = Promise.withResolvers<void>();
  return { misbehave: (() => over.promise) as Misbehaviour, end: () => over.resolve() };
}

Deno.test("however many sends stand still here, a broadcast gets in; of the same file, too", async () => {
  await using w = new World();
  const { misbehave, end } = silent();
  const source = w.source(misbehave);
  const sends = [];
  for (let i = 0; i < LIMITS.offersAtOnce; i++) {
    // The first has the name, size and hash of what is broadcast.
    const files = i === 0 ? {} : { files: [[`s${i}.bin`, 10, "ab".repeat(32)]] as WireFile[] };
    sends.push(await w.offer(source, { purpose: "send", ...files }));
  }
  await until("all sends are under way", () => source.dialled >= sends.length);
  const more = await w.offer(source, { purpose: "send", files: [["more.bin", 10, "ab".repeat(32)]] });
  assertEquals(codeOf(await assertRejects(() => more.receipt)), "busy");
  const broadcast = await w.offer(w.source(), { id: "b7" });
  assertEquals((await broadcast.receipt).files.map(({ name }) => name), ["image.bin"]);
  assertEquals(w.read(), BIG);
  for (const { connection } of [...sends, more, broadcast]) connection.close();
  end();
});

Deno.test("lists of files that others have begun and don't end keep no broadcast out", async () => {
  await using w = new World({ lists: { perList: 1, perSender: 1, all: 1 } });
  const { misbehave, end } = silent();
  const stuck = w.source(misbehave);
  const begun = await w.offer(stuck, { purpose: "send", files: [["a.bin", 10, "ab".repeat(32)]] });
  await until("it is under way", () => stuck.dialled > 0);
  const broadcast = await w.offer(w.source(), { more: true });
  assertEquals((await broadcast.receipt).files.map(({ name }) => name), ["image.bin"]);
  for (const { connection } of [begun, broadcast]) connection.close();
  end();
});

/** As a lead's `rs broadcasts --withdraw` comes to a PC. */
async function withdraw({ connection }: { connection: Connection }, w: World, id: string): Promise<void> {
  const heard = w.withdrawn.length;
  connection.forget(connection.open({ kind: "Withdraw", id }));
  await until("the end of what was withdrawn", () => w.withdrawn.length > heard);
}

/** What is left of it when enough time has gone by. */
async function left(w: World): Promise<string[]> {
  await removeOldParts(w.temp.at("share"), { now: w.context.clock.now() + 11 * 60_000 });
  return w.temp.list().filter((name) => name.startsWith("share/.labswarm")).map((name) =>
    name.split(".").at(-1)!
  ).sort();
}

Deno.test("withdrawn: what had come of it goes after a while, and comes to its end where it begins again before", async () => {
  await using w = new World();
  const held = gate(3);
  const source = w.source(held.misbehave);
  const first = await w.offer(source);
  await first.half;
  await withdraw(first, w, "b1");
  await removeOldParts(w.temp.at("share"), { now: w.context.clock.now() });
  const other = w.source(gate(5).misbehave);
  const second = await w.offer(other, { id: "b2" });
  await until("it goes on from what had come", () => other.asked === 3);
  await withdraw(second, w, "b2");
  assertEquals(await left(w), []);
  const third = await w.offer(w.source(), { id: "b3" });
  await third.receipt;
  assertEquals([w.read(), await left(w)], [BIG, []]);
  for (const { connection } of [first, second, third]) connection.close();
  held.open();
});

Deno.test("withdrawn: what another broadcast of it brings, or somebody's own fetch had begun, stays", async () => {
  await using w = new World();
  const held = gate(3);
  const source = w.source(held.misbehave);
  const first = await w.offer(source);
  await first.half;
  const second = await w.offer(source, { id: "b2" });
  await until("both are one", () => w.casts().some((text) => text === "b1\nb2\n"));
  await withdraw(first, w, "b1");
  assertEquals(await left(w), ["cast", "part"]);
  // Somebody here goes on with it and breaks off: it is theirs from then on.
  const [cast] = w.temp.list().filter((name) => name.endsWith(".cast"));
  claimPart(Root.open(w.temp.at("share"), "write"), cast!.slice("share/.labswarm-".length, -5), undefined);
  const later = gate(4);
  const third = await w.offer(w.source(later.misbehave), { id: "b3" });
  await later.asked;
  await withdraw(third, w, "b3");
  await withdraw(second, w, "b2");
  assertEquals(await left(w), ["part"]);
  for (const { connection } of [first, second, third]) connection.close();
  held.open();
});

Deno.test("who takes no broadcasts says so", async () => {
  await using w = new World({ takesBroadcasts: false });
  const { connection, receipt } = await w.offer(w.source());
  assertEquals(codeOf(await assertRejects(() => receipt, LabError)), "unsupported");
  connection.close();
});

Deno.test("a broadcast that anybody may have sent is refused, and both sides are told why", async () => {
  await using w = new World({ isOpen: false });
  const { connection, receipt } = await w.offer(w.source());
  const { message } = await assertRejects(() => receipt, LabError);
  assertStringIncludes(message, "start peer serve with --accept-open-broadcasts");
  const why = message.slice(message.indexOf("this lab"));
  assertEquals(w.context.log.lines.filter((line) => line.endsWith(` was refused: ${why}`)).length, 1);
  connection.close();
});

Deno.test("the source dies before it gives the manifest: those above are asked", async () => {
  await using w = new World();
  const [source, parent] = [w.source(), w.source()];
  const above = { name: "parent", address: "127.0.0.1", port: parent.port };
  await source.die();
  const { connection, receipt } = await w.offer(source, { port: 1, stripes: [[above], [above]] });
  await receipt;
  assertEquals(w.read(), BIG);
  assertEquals(parent.asked, 6);
  connection.close();
});

Deno.test("everybody who has it is gone: it fails, and says why", async () => {
  await using w = new World();
  const source = w.source();
  const { connection, receipt } = await w.offer(source, { port: 1 });
  const error = await assertRejects(() => receipt, LabError);
  assertEquals(codeOf(error), "unreachable");
  connection.close();
});

function sha256Hex(bytes: Uint8Array): string {
  return toHex(sha256(bytes));
}
