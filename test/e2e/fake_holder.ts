/**
 * Peers and registration servers that lie: they speak the protocol with the modules of the product, and answer what a test
 * wants them to. They never touch a disk.
 */

import { concat } from "../../src/base/bytes.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { parseHostPort } from "../../src/base/units.ts";
import { type ContentFile, Layout } from "../../src/catalog/layout.ts";
import { encodeManifest } from "../../src/catalog/manifest.ts";
import type { PeerContext } from "../../src/peer/context.ts";
import { connectRs } from "../../src/peer/rs_client.ts";
import { HEADER_BYTES, writeHeader } from "../../src/protocol/frame.ts";
import {
  DATA,
  type Message,
  type MessageOf,
  type WirePeer,
  type WireRow,
} from "../../src/protocol/messages.ts";
import type { Connection, Handler } from "../../src/transport/connection.ts";
import type { Exchange } from "../../src/transport/exchange.ts";
import { greet, welcome } from "../../src/transport/handshake.ts";
import type { ByteStream } from "../../src/transport/stream.ts";
import { dialTcp, listenTcp } from "../../src/transport/tcp.ts";
import { Watchdog } from "../../src/transport/watchdog.ts";
import { sha256 } from "./files.ts";

/** How a liar answers a request: these bytes in a frame; these bytes as they are; never; by hanging up. */
export type Answer = { bytes: Uint8Array } | { raw: Uint8Array } | "stall" | "hang up";

/** A file as a liar claims it. */
export interface Claimed {
  name: string;
  size: number;
  sha256: string;
  /** What it really holds; nothing is delivered without. */
  bytes?: Uint8Array;
}

/** How a liar lies. What isn't said is honest. */
export interface Lies {
  /** @param honest the right bytes of the piece. */
  piece?: (honest: Uint8Array<ArrayBuffer>, index: number, stream: number) => Answer;
  manifest?: (honest: Uint8Array, files: readonly ContentFile[]) => Answer;
}

/** A file, claimed as it is. */
export function claim(name: string, bytes: Uint8Array): Claimed {
  return { name, size: bytes.length, sha256: sha256(bytes), bytes };
}

/** Header of a data frame with any length. */
export function dataHeader(kind: "PieceData" | "ManifestData", length: number, stream: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  writeHeader(header, { type: DATA[kind].type, length: 0, stream });
  new DataView(header.buffer).setUint32(0, length);
  return header;
}

function fakeContext(): PeerContext {
  const clock = systemClock;
  return { clock, random: systemRandom, log: silentLogger, watchdog: new Watchdog(clock), agent: "liar" };
}

/** A row of an index. */
export function rowOf({ name, size, sha256 }: Claimed): WireRow {
  return { name, title: "", size, sha256, modified: "2026-01-01T00:00:00.000Z", flag: 1 };
}

/** A listening liar; connections end with it. */
class FakeServer {
  readonly port: number;
  #connections = new Set<Connection>();
  #listener: ReturnType<typeof listenTcp>;

  constructor(
    context: PeerContext,
    role: "peer" | "rs",
    name: string,
    handlerOf: (raw: ByteStream) => Handler,
  ) {
    const accept = (stream: ByteStream) => {
      const handler = handlerOf(stream);
      const identity = { role, name, agent: context.agent };
      const connection = welcome(stream, { identity, handlerFor: () => handler }, context);
      this.#connections.add(connection);
    };
    this.#listener = listenTcp({ host: "127.0.0.1", port: 0 }, { clock: context.clock, accept });
    this.port = this.#listener.address.port;
  }

  close(): void {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
  }
}

/** A peer that lies. */
export class FakeHolder {
  readonly port: number;
  #files: readonly Claimed[];
  #lies: Lies;
  #contents = new Map<string, { layout: Layout; bytes: Uint8Array<ArrayBuffer> }>();
  #server: FakeServer;
  #registration: Connection | undefined;
  #waiting: { kind: string; resolve: () => void }[] = [];
  readonly #context = fakeContext();

  private constructor(readonly name: string, files: readonly Claimed[], lies: Lies) {
    this.#files = files;
    this.#lies = lies;
    this.#server = new FakeServer(
      this.#context,
      "peer",
      name,
      (raw) => (message, exchange) => this.#answer(message, exchange, raw),
    );
    this.port = this.#server.port;
  }

  /**
   * Starts to listen, registers and announces the files, at most a page of them.
   *
   * @param rs HOST:PORT; undefined: it registers nowhere.
   */
  static async start(
    rs: string | undefined,
    name: string,
    files: readonly Claimed[],
    lies: Lies = {},
  ): Promise<FakeHolder> {
    const holder = new FakeHolder(name, files, lies);
    if (rs !== undefined) await holder.#register(rs);
    return holder;
  }

  async #register(rs: string): Promise<void> {
    const identity = { role: "peer" as const, name: this.name, agent: "liar" };
    const connection = await connectRs(parseHostPort(rs, 0), identity, this.#context);
    this.#registration = connection;
    const { cookie } = await connection.request(
      { kind: "Register", name: this.name, host: "liar", port: this.port },
      "Registered",
    );
    const rows = this.#files.map(rowOf);
    await connection.request({ kind: "Announce", cookie, reset: true, rows, gone: [] }, "Announced");
  }

  close(): void {
    this.#registration?.close();
    this.#server.close();
  }

  /** Waits until it is asked for something from now on. */
  asked(kind: "GetRFC" | "PieceRequest"): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ kind, resolve }));
  }

  async #answer(message: Message, exchange: Exchange, raw: ByteStream): Promise<void> {
    for (const { kind, resolve } of this.#waiting) if (kind === message.kind) resolve();
    if (message.kind === "RFCQuery") {
      const rows = this.#files.map((file) => ({ ...rowOf(file), holders: [0] }));
      const holders = [{ name: this.name, address: "127.0.0.1", port: this.port }];
      await exchange.send({ kind: "RFCIndex", holders, rows });
    } else if (message.kind === "GetRFC") await this.#manifest(message, exchange, raw);
    else if (message.kind === "PieceRequest") {
      const { layout, bytes } = this.#contents.get(message.content)!;
      const at = message.piece * layout.pieceSize;
      const honest = bytes.slice(at, at + layout.pieceLength(layout.piece(message.piece)));
      const answer = this.#lies.piece?.(honest, message.piece, exchange.stream) ?? { bytes: honest };
      await give("PieceData", answer, exchange, raw);
    }
  }

  async #manifest(message: MessageOf<"GetRFC">, exchange: Exchange, raw: ByteStream): Promise<void> {
    const files = message.files.map(([name, size, sha256]) => ({ name, size, sha256 }));
    const held = files.map(({ name }) => this.#files.find((file) => file.name === name)?.bytes);
    const layout = new Layout(files);
    const bytes = concat(held.map((each) => each ?? new Uint8Array(0)));
    const honest = manifestOf(files, bytes);
    this.#contents.set(sha256(honest), { layout, bytes });
    const answer = this.#lies.manifest?.(honest, files) ?? { bytes: honest };
    if (typeof answer !== "string" && "bytes" in answer) {
      this.#contents.set(sha256(answer.bytes), { layout, bytes });
    }
    await give("ManifestData", answer, exchange, raw);
  }
}

/** The manifest of files that, end to end, are these bytes. */
export function manifestOf(files: readonly ContentFile[], bytes: Uint8Array): Uint8Array {
  const layout = new Layout(files);
  const hashes = new Uint8Array(32 * layout.pieceCount);
  for (let i = 0; i < layout.pieceCount; i++) {
    const piece = bytes.subarray(i * layout.pieceSize, (i + 1) * layout.pieceSize);
    hashes.set(Uint8Array.fromHex(sha256(piece)), 32 * i);
  }
  return encodeManifest({ pieceSize: layout.pieceSize, files: [...files], hashes });
}

async function give(
  kind: "PieceData" | "ManifestData",
  answer: Answer,
  exchange: Exchange,
  raw: ByteStream,
): Promise<void> {
  if (answer === "hang up") return exchange.connection.close();
  // Until the asker or the test ends it.
  if (answer === "stall") return await exchange.connection.closed;
  if ("raw" in answer) {
    await raw.write(answer.raw);
    return;
  }
  const { bytes } = answer;
  await exchange.connection.sendData({
    kind,
    stream: exchange.stream,
    length: bytes.length,
    fill: (into, offset) => into.set(bytes.subarray(offset, offset + into.length)),
  });
}

/** A registration server that tells whatever it likes. */
export class FakeRs {
  readonly address: string;
  #server: FakeServer;

  /** @param holder name under which the files' holder is told, and its port. */
  constructor(
    files: readonly Claimed[],
    holder: { name: string; port: number },
    peers: readonly WirePeer[] = [],
  ) {
    const answer: Handler = async (message, exchange) => {
      if (message.kind === "PQuery") await exchange.send({ kind: "Peers", peers: [...peers] });
      if (message.kind !== "RFCQuery") return;
      const rows = files.map((file) => ({ ...rowOf(file), holders: [0] }));
      await exchange.send({ kind: "RFCIndex", holders: [{ ...holder, address: "127.0.0.1" }], rows });
    };
    this.#server = new FakeServer(fakeContext(), "rs", "rs", () => answer);
    this.address = `127.0.0.1:${this.#server.port}`;
  }

  close(): void {
    this.#server.close();
  }
}

/** Someone who offers files; answers with the code of the error, or "received". */
export class FakePusher {
  private constructor(private connection: Connection) {}

  static async dial(port: number): Promise<FakePusher> {
    const context = fakeContext();
    const stream = await dialTcp({ host: "127.0.0.1", port }, context);
    const { connection } = await greet(stream, { role: "tool", agent: "liar" }, context);
    return new FakePusher(connection);
  }

  async offer(peer: string, files: readonly Claimed[], port: number): Promise<string> {
    const exchange = this.connection.open({
      ...{ kind: "Offer", purpose: "send", id: "0", peer, port },
      files: files.map(({ name, size, sha256 }) => [name, size, sha256] as [string, number, string]),
      bytes: files.reduce((sum, file) => sum + file.size, 0),
    });
    try {
      while (true) if ((await exchange.next()).kind === "Receipt") return "received";
    } catch (cause) {
      return String((cause as { code?: string }).code);
    } finally {
      this.connection.forget(exchange);
    }
  }

  close(): void {
    this.connection.close();
  }
}
