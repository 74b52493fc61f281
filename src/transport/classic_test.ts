import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { FakeClock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../base/limits.ts";
import { silentLogger } from "../base/log.ts";
import { type ClassicHost, type ClassicServer, serveClassic } from "./classic.ts";
import { RateLimiter } from "./rate.ts";

const FILE = { kind: "file", size: 200_000, modified: "2026-01-01T00:00:00Z" } as const;
const LIST = '{"msg":"listoffiles"}';
const GET = '{"msg":"Requesting_files","file":"a"}';

/** A server with a clock that stands still, and its clients. */
class Stage implements Disposable {
  readonly clock = new FakeClock();
  readonly host: ClassicHost;
  readonly server: ClassicServer;
  #clients: Deno.TcpConn[] = [];

  constructor(more: Partial<ClassicHost> = {}) {
    const answer: ClassicHost["answer"] = () => ({ answer: { kind: "index", names: ["a"], csv: "" } });
    this.host = { clock: this.clock, log: silentLogger, name: "pc", answer, ...more };
    this.server = serveClassic({ host: "127.0.0.1", port: 0 }, this.host);
  }

  async dial(): Promise<Deno.TcpConn> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: this.server.address.port });
    this.#clients.push(conn);
    return conn;
  }

  [Symbol.dispose](): void {
    this.server.close();
    for (const conn of this.#clients) conn.close();
  }
}

async function say(conn: Deno.Conn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

async function hear(conn: Deno.Conn): Promise<string | null> {
  const buffer = new Uint8Array(65536);
  const n = await conn.read(buffer);
  return n === null ? null : new TextDecoder().decode(buffer.subarray(0, n));
}

/** Everything until the end; what has come when the other side cuts the connection off. */
async function hearAll(conn: Deno.Conn): Promise<Uint8Array> {
  const parts: number[] = [];
  const buffer = new Uint8Array(65536);
  try {
    for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
      for (const byte of buffer.subarray(0, n)) parts.push(byte);
    }
  } catch { /* cut off */ }
  return Uint8Array.from(parts);
}

/** Lets the event loop go round once. */
const turn = () => new Promise((resolve) => setTimeout(resolve));

/** Time passes until something has happened. */
async function lapse<T>(stage: Stage, ms: number, wanted: Promise<T>): Promise<T> {
  let over = false;
  wanted.finally(() => over = true);
  for (; !over; await turn()) stage.clock.advance(ms);
  return await wanted;
}

Deno.test("a port that is taken is told by its flag", () => {
  using stage = new Stage();
  const taken = assertThrows(
    () => serveClassic(stage.server.address, stage.host),
    LabError,
  );
  assertMatch(taken.message, /another program has that port; choose another with --classic$/);
});

Deno.test("JSON is answered and the connection stays for a while; text is answered and it ends", async () => {
  using stage = new Stage();
  const json = await stage.dial();
  await say(json, LIST);
  assertEquals(await hear(json), '200 OK\n["a"]');
  await say(json, LIST);
  assertEquals(await hear(json), '200 OK\n["a"]');
  assertEquals(await lapse(stage, TIMEOUTS.classicLinger, hear(json)), null);
  const text = await stage.dial();
  await say(text, "RFCQuery P2P-DI/1.0\r\n\r\n");
  assertMatch(new TextDecoder().decode(await hearAll(text)), /^P2P-DI\/1\.0 200 OK\r\n/);
  assertEquals(stage.server.connections, 0);
});

Deno.test("who has nothing more to ask gets its answers and the end", async () => {
  using stage = new Stage();
  const conn = await stage.dial();
  await say(conn, LIST + LIST);
  await conn.closeWrite();
  assertEquals(new TextDecoder().decode(await hearAll(conn)), '200 OK\n["a"]'.repeat(2));
});

Deno.test("a file's bytes come after its answer, and then the end", async () => {
  let closed = 0;
  let sent = 0;
  using stage = new Stage({
    answer: () => ({
      answer: FILE,
      body: { read: (into, offset) => into.fill(offset === 0 ? 1 : 2), close: () => closed++ },
    }),
    sent: (bytes) => sent += bytes,
  });
  const conn = await stage.dial();
  await say(conn, GET);
  const got = await hearAll(conn);
  assertEquals([got.length, got[0], got.at(-1), closed, sent], [FILE.size, 1, 2, 1, FILE.size]);
});

Deno.test("a file that breaks in the middle is not made whole", async () => {
  let closed = 0;
  const read = (_: Uint8Array, offset: number) => {
    if (offset > 0) throw new LabError("changed", "It became shorter");
  };
  using stage = new Stage({ answer: () => ({ answer: FILE, body: { read, close: () => closed++ } }) });
  const conn = await stage.dial();
  await say(conn, GET);
  assert((await hearAll(conn)).length < FILE.size);
  assertEquals(closed, 1);
});

Deno.test("a file waits for the rate, and ends with the server", async () => {
  let closed = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const clock = new FakeClock();
  const sleep = (ms: number, signal?: AbortSignal) => {
    resolve();
    return FakeClock.prototype.sleep.call(clock, ms, signal);
  };
  using stage = new Stage({
    clock: Object.assign(clock, { sleep }),
    rate: new RateLimiter(clock, 1000),
    answer: () => ({ answer: FILE, body: { read: () => {}, close: () => closed++ } }),
  });
  const conn = await stage.dial();
  await say(conn, GET);
  await promise;
  stage.server.close();
  assertEquals((await hearAll(conn)).length, 0);
  assertEquals(closed, 1);
});

Deno.test("a request that doesn't come whole in time ends the connection, however it drips", async () => {
  using stage = new Stage();
  const conn = await stage.dial();
  while (stage.server.connections === 0) await turn();
  await say(conn, '{"msg"');
  stage.clock.advance(TIMEOUTS.classicRequest - 1);
  await say(conn, ":");
  await turn();
  assertEquals(stage.server.connections, 1);
  stage.clock.advance(1);
  assertEquals((await hearAll(conn)).length, 0);
});

Deno.test("garbage is told and ends the connection, after the answers that are due", async () => {
  using stage = new Stage();
  const conn = await stage.dial();
  await say(conn, `${LIST}!`);
  assertMatch(
    new TextDecoder().decode(await hearAll(conn)),
    /^200 OK\n\["a"\]400 Cannot decode a request: it begins with/,
  );
});

Deno.test("errors are told in the client's form; of a fault of ours no more than that", async () => {
  const log: string[] = [];
  const faults = [
    new LabError("not_found", "File Not Found"),
    new LabError("busy", "Full"),
    new LabError("usage", "What?"),
    new TypeError("x is undefined"),
  ];
  using stage = new Stage({
    log: { ...silentLogger, error: (line) => log.push(line) },
    answer: () => {
      throw faults.shift();
    },
  });
  const conn = await stage.dial();
  for (const told of ["404 File Not Found", "503 Full", "400 What?", "500 An internal error"]) {
    await say(conn, LIST);
    assertEquals(await hear(conn), told);
  }
  assertEquals(log.length, 1);
});

Deno.test("too many requests at once: those that fit are answered, and the connection ends", async () => {
  const go = Promise.withResolvers<void>();
  using stage = new Stage({
    answer: async () => {
      await go.promise;
      return { answer: { kind: "alive", ttl: 1 } };
    },
  });
  const flood = await stage.dial();
  await say(flood, LIST.repeat(LIMITS.classicPipelined + 1));
  const all = hearAll(flood);
  for (let i = 0; i < 10; i++) await turn();
  go.resolve();
  const told = new TextDecoder().decode(await all);
  assertEquals(told.split("200 OK").length - 1, LIMITS.classicPipelined);
  assertMatch(told, /400 More than 16 requests at once$/);
});

Deno.test("too many connections: the oldest that waits for nothing makes room", async () => {
  using stage = new Stage();
  const first = await stage.dial();
  await Promise.all(Array.from({ length: LIMITS.classicConnections }, () => stage.dial()));
  assertEquals((await hearAll(first)).length, 0);
  assert(stage.server.connections <= LIMITS.classicConnections);
});
