/** A broadcast whose file is hashed while it travels: real receivers and workers, hashing that waits at a gate. */

import { assert, assertEquals, assertGreater, assertMatch, assertRejects } from "@std/assert";
import { toHex } from "../../base/bytes.ts";
import { codeOf, LabError } from "../../base/errors.ts";
import type { MessageOf, WirePeer } from "../../protocol/messages.ts";
import { HEADER_BYTES } from "../../protocol/frame.ts";
import { noise, TempFolder } from "../../storage/_testing.ts";
import { sha256 } from "../../storage/hashing.ts";
import type { Connection, Handler } from "../../transport/connection.ts";
import type { Exchange } from "../../transport/exchange.ts";
import { greet } from "../../transport/handshake.ts";
import { RateLimiter } from "../../transport/rate.ts";
import { serve, type Server } from "../../transport/server.ts";
import { dialTcp } from "../../transport/tcp.ts";
import { contextOf, TOOL } from "../_testing.ts";
import type { FetchedFile } from "../fetch/content_run.ts";
import { WarmPool } from "../fetch/warm_pool.ts";
import { offerServer } from "../send.ts";
import { fileToSend, type SendFile } from "../send_files.ts";
import { ContentStore } from "../serve/content_store.ts";
import { peerHandler } from "../serve/handlers.ts";
import { offerHandler } from "../serve/offers.ts";
import { Broadcast } from "./broadcast.ts";
import { HashFeed } from "./hash_feed.ts";
import { HashedFile } from "./hashed_file.ts";
import { Relay } from "./relay.ts";

const KIB = 1024;
const PIECE = 256 * KIB;
const ID = "ab".repeat(32);
/** Six pieces. */
const BYTES = noise(1_500 * KIB, 7);
const SHA256 = toHex(sha256(BYTES));
/** Asks for a piece that is here. */
const NOBODY = { aborted: false, onEnd: () => () => {} };

/** A PC that takes broadcasts and passes them on. */
class Receiver {
  readonly received: FetchedFile[] = [];
  readonly progress: number[] = [];
  readonly server: Server;
  readonly relay: Relay;
  /** What it has passed on, bytes. */
  sent = 0;
  #ending = new AbortController();
  #pool: WarmPool;
  #contents: ContentStore;

  constructor(private temp: TempFolder, readonly name: string, context = contextOf()) {
    this.relay = new Relay(context.clock);
    this.#pool = new WarmPool(temp.folder(name), () => TOOL);
    this.#contents = new ContentStore(() => undefined, undefined, context.clock);
    const offers = offerHandler({
      context,
      name: () => name,
      folderFor: () => temp.at(name),
      received: (file) => this.received.push(file),
      signal: this.#ending.signal,
      pool: () => this.#pool.borrow(),
      acceptOpenBroadcasts: true,
      broadcast: {
        relay: this.relay,
        whole: () => Promise.resolve(),
        beforeFinish: ({ files }) => {
          for (const { target } of files) {
            if (temp.list().includes(`${name}/${target}`)) Deno.removeSync(temp.at(name, target));
          }
          return () => {};
        },
      },
    });
    const handler: Handler = peerHandler({
      rows: () => [],
      contents: this.#contents,
      relay: this.relay,
      askers: this.relay.askers,
      rate: new RateLimiter(context.clock, Infinity),
      self: () => ({ name, port: this.server.address.port }),
      offer: offers,
      sent: (bytes) => this.sent += bytes,
    });
    this.server = serve({ host: "127.0.0.1", port: 0 }, {
      identity: { role: "peer", name, agent: "test" },
      handlerFor: () => handler,
    }, context);
  }

  get record(): WirePeer {
    const { port } = this.server.address;
    const { name } = this;
    return {
      name,
      host: name,
      address: "127.0.0.1",
      port,
      ...{ active: true, ttl: 100, registrations30d: 1, lastRegistered: "" },
    };
  }

  async close(): Promise<void> {
    this.#ending.abort(new LabError("interrupted", "over"));
    await closeServer(this.server);
    this.#pool.close();
    this.relay.close();
    this.#contents.close();
  }
}

async function closeServer(server: Server): Promise<void> {
  const all = [...server.connections];
  server.close();
  await Promise.all(all.map((each) => each.closed));
}

/** A source, receivers, and who knows them. */
class World implements AsyncDisposable {
  readonly temp = new TempFolder();
  readonly context = contextOf();
  readonly path = this.temp.file("source/image.bin", BYTES);
  readonly receivers: Receiver[];
  readonly hashing: HashedFile;
  readonly source: Server;
  /** What the source has sent, bytes. */
  readonly sent: RateLimiter;
  #open = Promise.withResolvers<void>();
  #rs: Server;
  #contents: ContentStore;

  /** @param upTo hashing goes so far, bytes, until `open`. */
  constructor(count: number, upTo = Infinity) {
    this.receivers = Array.from({ length: count }, (_, i) => new Receiver(this.temp, `pc${i}`));
    const gate = (offset: number) => offset < upTo ? Promise.resolve() : this.#open.promise;
    const file = fileToSend(this.path, "image.bin")!;
    this.hashing = new HashedFile(file, { id: ID, offered: "image.bin", clock: this.context.clock, gate });
    this.sent = new RateLimiter(this.context.clock, Infinity);
    this.#contents = new ContentStore(() => undefined, undefined, this.context.clock);
    this.source = offerServer(this.#contents, {
      ...{ context: this.context, name: "rs", limiter: this.sent, hashing: this.hashing },
    });
    this.#rs = serve({ host: "127.0.0.1", port: 0 }, {
      identity: { role: "rs", agent: "test" },
      handlerFor: () => (_, exchange) =>
        exchange.send({ kind: "Peers", peers: this.receivers.map(({ record }) => record) }),
    }, this.context);
  }

  open(): void {
    this.#open.resolve();
  }

  /** The whole, as the command does it; `halted` settles when nothing more comes until the gate opens. */
  broadcast(): { run: Broadcast; over: Promise<void>; reached: (bytes: number) => Promise<void> } {
    const waiting: { bytes: number; resolve: () => void }[] = [];
    const file: SendFile = {
      ...fileToSend(this.path, "image.bin")!,
      ...{ offered: "image.bin", sha256: ID, hashing: this.hashing },
    };
    const run: Broadcast = new Broadcast([file], {
      rs: this.#rs.address,
      identity: TOOL,
      context: this.context,
      cookie: undefined,
      name: "rs",
      to: undefined,
      timeout: 20_000,
      port: this.source.address.port,
      home: ["127.0.0.1"],
      changed: (targets) => {
        const least = Math.min(...targets.map(({ bytes }) => bytes));
        for (const each of waiting) if (least >= each.bytes) each.resolve();
      },
      signal: new AbortController().signal,
    });
    const over = run.run();
    over.catch(() => {});
    const reached = (bytes: number) =>
      Promise.race([
        new Promise<void>((resolve) => waiting.push({ bytes, resolve })),
        over.then(() => Promise.reject(new Error(`It ended: ${JSON.stringify(run.targets)}`))),
      ]);
    return { run, over, reached };
  }

  /** Speaks to the first receiver as the test likes. */
  async offer(
    more: Partial<MessageOf<"Offer">> = {},
  ): Promise<{ connection: Connection; exchange: Exchange }> {
    const stream = await dialTcp(this.receivers[0]!.server.address, { clock: this.context.clock });
    const { connection } = await greet(stream, TOOL, this.context);
    const exchange = connection.open({
      kind: "Offer",
      purpose: "broadcast",
      id: "b1",
      peer: "rs",
      port: this.source.address.port,
      files: [["image.bin", BYTES.length, ID]],
      bytes: BYTES.length,
      stripes: [[], []],
      provisional: true,
      ...more,
    });
    return { connection, exchange };
  }

  list(): string[] {
    return this.temp.list().filter((name) => !name.startsWith("source/") && !name.endsWith(".lock"));
  }

  read(pc: number): Uint8Array {
    return Deno.readFileSync(this.temp.at(`pc${pc}`, "image.bin"));
  }

  async [Symbol.asyncDispose]() {
    this.open();
    for (const receiver of this.receivers) await receiver.close();
    await closeServer(this.source);
    await closeServer(this.#rs);
    await this.hashing.close();
    this.#contents.close();
    this.temp[Symbol.dispose]();
  }
}

/** Reads until the end of an exchange, or until so many bytes are verified. */
async function until(exchange: Exchange, bytes = Infinity): Promise<MessageOf<"Receipt"> | undefined> {
  while (true) {
    const incoming = await exchange.next();
    if (incoming.kind === "OfferProgress" && incoming.bytes >= bytes) return undefined;
    if (incoming.kind === "Receipt") return incoming;
  }
}

Deno.test("what is hashed travels to all, and between them, while the rest is not; then all have it", async () => {
  await using w = new World(3, 3 * PIECE);
  const { run, over, reached } = w.broadcast();
  await reached(3 * PIECE);
  assertEquals(w.hashing.feed.known, 3);
  assertEquals(w.list().filter((name) => name.endsWith("image.bin")), []);
  w.open();
  await over;
  assertEquals(run.targets.map(({ state }) => state), ["done", "done", "done"]);
  for (const [i, { received }] of w.receivers.entries()) {
    assertEquals(w.read(i), BYTES);
    assertEquals(received.map((file) => file.sha256), [SHA256]);
  }
  assertGreater(w.receivers.reduce((sum, { sent }) => sum + sent, 0), 0);
  assertEquals(w.list(), ["pc0/image.bin", "pc1/image.bin", "pc2/image.bin"]);
});

Deno.test("once closed, those who have it pass it on under its own name", async () => {
  await using w = new World(1);
  await w.broadcast().over;
  const { content } = await w.hashing.feed.closed();
  const { relay } = w.receivers[0]!;
  assert(relay.manifest([{ name: "image.bin", size: BYTES.length, sha256: SHA256 }]));
  assertEquals((await relay.piece(content, 0, NOBODY))?.length, PIECE);
});

Deno.test("a file that changes while it travels ends the broadcast, and nobody gets it", async () => {
  await using w = new World(2, 3 * PIECE);
  const { run, over, reached } = w.broadcast();
  await reached(3 * PIECE);
  Deno.utimeSync(w.path, 1, 1);
  w.open();
  const error = await assertRejects(() => over, LabError, "changed while it was broadcast");
  assertEquals(codeOf(error), "changed");
  for (const { state, reason } of run.targets) {
    assertEquals(state, "failed");
    assertMatch(String(reason), /changed while it was broadcast/);
  }
  assertEquals(w.list().filter((name) => name.endsWith("image.bin")), []);
});

Deno.test("what is here already by that name doesn't come again, and is lent to others", async () => {
  await using w = new World(1);
  w.temp.file("pc0/image.bin", BYTES);
  await w.broadcast().over;
  assertEquals(w.sent.taken, 0);
  const lent = await w.receivers[0]!.relay.piece(ID, 5, NOBODY);
  assertEquals(lent?.length, BYTES.length - 5 * PIECE);
});

Deno.test("another file of that name and size waits for the close, then gives way", async () => {
  await using w = new World(1);
  w.temp.file("pc0/image.bin", noise(BYTES.length, 8));
  await w.broadcast().over;
  assertEquals(w.read(0), BYTES);
});

/** All hashes and pieces have come; then the file is closed with this. */
async function closeWith(w: World, lie: { sha256: string; content?: string }) {
  const closing = await w.hashing.feed.closed();
  const { connection, exchange } = await w.offer();
  await exchange.send({ kind: "PieceHashes", at: 0, hashes: w.hashing.feed.page(0) });
  assertEquals(await until(exchange, BYTES.length), undefined);
  // A name that these hashes and that SHA-256 do make.
  const made = new HashFeed(ID, { name: "image.bin", size: BYTES.length });
  made.add(0, w.hashing.feed.page(0));
  made.close({ sha256: lie.sha256 });
  await exchange.send({ kind: "OfferClose", ...closing, ...made.closing, ...lie });
  return { connection, exchange };
}

Deno.test("a false close: the content's name is another. Nothing of it is kept", async () => {
  await using w = new World(1);
  const { connection, exchange } = await closeWith(w, { sha256: SHA256, content: ID });
  const error = await assertRejects(() => until(exchange), LabError);
  assertEquals(codeOf(error), "integrity");
  assertEquals(w.list(), []);
  connection.close();
});

Deno.test("a false close: the file's SHA-256 is another. Its pieces are right, the rest is for the next scan", async () => {
  await using w = new World(1);
  const { connection, exchange } = await closeWith(w, { sha256: ID });
  assertEquals((await until(exchange))?.kind, "Receipt");
  assertEquals(w.read(0), BYTES);
  connection.close();
});

Deno.test("hashes that contradict each other, or leave a gap, end it", async () => {
  for (const second of [{ at: 0, hashes: [ID] }, { at: 5, hashes: [ID] }]) {
    await using w = new World(1);
    await w.hashing.feed.closed();
    const { connection, exchange } = await w.offer();
    await exchange.send({ kind: "PieceHashes", at: 0, hashes: w.hashing.feed.page(0).slice(0, 2) });
    await exchange.send({ kind: "PieceHashes", ...second });
    assertEquals(codeOf(await assertRejects(() => until(exchange), LabError)), "integrity");
    connection.close();
  }
});

Deno.test("a piece that isn't what its hash says is not taken from the source either", async () => {
  await using w = new World(1);
  await w.hashing.feed.closed();
  const { connection, exchange } = await w.offer();
  const hashes = w.hashing.feed.page(0);
  await exchange.send({ kind: "PieceHashes", at: 0, hashes: [...hashes.slice(0, 5), ID] });
  assertEquals(codeOf(await assertRejects(() => until(exchange), LabError)), "integrity");
  assertEquals(w.list().filter((name) => name.endsWith("image.bin")), []);
  connection.close();
});

Deno.test("the connection breaks: the same broadcast, offered again, goes on", async () => {
  await using w = new World(1);
  const closing = await w.hashing.feed.closed();
  const hashes = w.hashing.feed.page(0);
  const first = await w.offer();
  await first.exchange.send({ kind: "PieceHashes", at: 0, hashes: hashes.slice(0, 3) });
  await until(first.exchange, 3 * PIECE);
  await first.connection.finish();
  const again = await w.offer();
  await again.exchange.send({ kind: "PieceHashes", at: 0, hashes });
  await again.exchange.send({ kind: "OfferClose", ...closing });
  assertEquals((await until(again.exchange))?.files.map((file) => file.sha256), [SHA256]);
  assertEquals(w.sent.taken, BYTES.length + 6 * HEADER_BYTES);
  again.connection.close();
});

Deno.test("a receiver that begins anew goes on from its part file, checked, closed by then or not", async () => {
  await using w = new World(1, 4 * PIECE);
  const first = await w.offer();
  await w.hashing.feed.more(3);
  await first.exchange.send({ kind: "PieceHashes", at: 0, hashes: w.hashing.feed.page(0) });
  await until(first.exchange, 4 * PIECE);
  await w.receivers[0]!.close();
  const part = w.list().find((name) => name.endsWith(".part"));
  const file = Deno.openSync(w.temp.at(part!), { write: true });
  // One that the power cut left half written.
  file.seekSync(PIECE + 7, Deno.SeekMode.Start);
  file.writeSync(new Uint8Array(100));
  file.close();
  w.receivers.splice(0, 1, new Receiver(w.temp, "pc0"));
  const before = w.sent.taken;
  w.open();
  await w.broadcast().over;
  assertEquals(w.read(0), BYTES);
  assertEquals(w.sent.taken - before, BYTES.length - 3 * PIECE + 3 * HEADER_BYTES);
  await first.connection.finish();
});

Deno.test("only one file, only in a broadcast, only with stripes, and only by names that are right", async () => {
  await using w = new World(1);
  const wrong: [Partial<MessageOf<"Offer">>, string][] = [
    [{ purpose: "send" }, "usage"],
    [{ stripes: [] }, "usage"],
    [{ holders: [] }, "usage"],
    [{ files: [["a", 1, ID], ["b", 1, ID]] }, "usage"],
    [{ files: [["../a", 9, ID]] }, "name_refused"],
    [{ files: [["a", 0, ID]] }, "failed"],
    [{ files: [["a", 2 ** 53 - 1, ID]] }, "failed"],
  ];
  for (const [more, code] of wrong) {
    const { connection, exchange } = await w.offer(more);
    assertEquals(codeOf(await assertRejects(() => until(exchange), LabError)), code, JSON.stringify(more));
    connection.close();
  }
});
