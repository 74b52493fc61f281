/** One contract for everything that a connection can run on. A new transport adds a line to TRANSPORTS. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { until, within } from "../../src/base/_patience.ts";
import { systemClock } from "../../src/base/clock.ts";
import { makeLab } from "../../src/join/_testing.ts";
import { RS_NAME } from "../../src/protocol/secured.ts";
import { acceptAll, openListener } from "../../src/transport/accept.ts";
import { Door } from "../../src/transport/door.ts";
import { memoryPipe } from "../../src/transport/memory.ts";
import { type ByteStream, writeAll } from "../../src/transport/stream.ts";
import { dialTcp, listenTcp } from "../../src/transport/tcp.ts";

const HERE = { host: "127.0.0.1", port: 0 };
const { rs: { credentials: tls } } = await makeLab();
const target = { name: RS_NAME, authority: tls.authority };

/** Makes two connected streams, and whatever has to be put away after the test. */
type Connect = () => Promise<{ a: ByteStream; b: ByteStream; stop: () => void }>;

const TRANSPORTS: Record<string, Connect> = {
  memory: () => {
    const [a, b] = memoryPipe({ capacity: 1000 });
    return Promise.resolve({ a, b, stop() {} });
  },
  tcp: async () => {
    const accepted = Promise.withResolvers<ByteStream>();
    const server = listenTcp({ host: "127.0.0.1", port: 0 }, {
      clock: systemClock,
      accept: accepted.resolve,
    });
    const a = await dialTcp(server.address, { clock: systemClock });
    return { a, b: await accepted.promise, stop: () => server.close() };
  },
  tls: async () => {
    const accepted = Promise.withResolvers<ByteStream>();
    const server = listenTcp(HERE, { clock: systemClock, accept: accepted.resolve, tls });
    const a = await dialTcp(server.address, { clock: systemClock, tls: target });
    return { a, b: await accepted.promise, stop: () => server.close() };
  },
  "tls by the door": async () => {
    const accepted = Promise.withResolvers<ByteStream>();
    const door = new Door({ clock: systemClock, tls, accept: accepted.resolve });
    const server = acceptAll(openListener(HERE), systemClock, (conn) => void door.enter(conn));
    const a = await dialTcp(server.address, { clock: systemClock, tls: target });
    const stop = () => (server.close(), door.close());
    return { a, b: await accepted.promise, stop };
  },
};

const pattern = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) % 256);

async function readExactly(stream: ByteStream, length: number, step = 4096): Promise<Uint8Array> {
  const all = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const n = await stream.read(all.subarray(at, Math.min(at + step, length)));
    if (n === null) break;
    assert(n > 0, "a read gave nothing");
    at += n;
  }
  return all.subarray(0, at);
}

for (const [name, connect] of Object.entries(TRANSPORTS)) {
  const contract = (what: string, body: (a: ByteStream, b: ByteStream) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, async () => {
      const { a, b, stop } = await connect();
      try {
        await body(a, b);
      } finally {
        a.close();
        b.close();
        stop();
      }
    });

  contract("bytes arrive in order, both ways at once", async (a, b) => {
    const there = pattern(300_000);
    const back = pattern(200_001).reverse();
    const [, , atB, atA] = await Promise.all([
      writeAll(a, there),
      writeAll(b, back),
      readExactly(b, there.length),
      readExactly(a, back.length),
    ]);
    assertEquals(atB, there);
    assertEquals(atA, back);
  });

  contract("a small buffer gets the bytes in parts", async (a, b) => {
    await writeAll(a, pattern(100));
    assertEquals(await readExactly(b, 100, 7), pattern(100));
  });

  contract("a read waits for the first byte, not for a full buffer", async (a, b) => {
    const read = b.read(new Uint8Array(1000));
    await writeAll(a, pattern(3));
    assertEquals(await read, 3);
  });

  contract("the caller may use its buffer again after a write", async (a, b) => {
    const bytes = pattern(500);
    await writeAll(a, bytes);
    bytes.fill(0);
    assertEquals(await readExactly(b, 500), pattern(500));
  });

  contract("a writer waits for a reader that is slow, and loses nothing", async (a, b) => {
    const all = new Uint8Array(20_000_000);
    all.set(pattern(5000));
    let done = false;
    const writing = writeAll(a, all).then(() => done = true);
    assertEquals(await readExactly(b, 10), all.subarray(0, 10));
    assert(!done, "20 MB went out while 10 bytes were read");
    assertEquals((await readExactly(b, all.length - 10, 1 << 20)).length, all.length - 10);
    await writing;
  });

  contract("what was written before a close is read, then the end, again and again", async (a, b) => {
    await writeAll(a, pattern(600));
    a.close();
    assertEquals(await readExactly(b, 1000), pattern(600));
    assertEquals(await b.read(new Uint8Array(10)), null);
    assertEquals(await b.read(new Uint8Array(10)), null);
  });

  contract("writing to one that has gone fails, sooner or later", async (a, b) => {
    b.close();
    await assertRejects(async () => {
      for (let i = 0; i < 10_000; i++) await writeAll(a, pattern(10_000));
    });
  });

  contract("a close ends one's own pending read", async (a) => {
    const read = a.read(new Uint8Array(10)).catch(() => null);
    a.close();
    assertEquals(await read, null);
  });

  contract("a close ends one's own pending write", async (a) => {
    const writing = writeAll(a, new Uint8Array(50_000_000));
    const failed = assertRejects(() => writing);
    a.close();
    await failed;
  });

  contract("a close ends one's own write that waits for a reader who takes nothing", async (a, b) => {
    let [moved, before] = [0, 0];
    const writing = writeAll(a, new Uint8Array(50_000_000), () => moved++);
    const failed = assertRejects(() => writing);
    await until("it moves no more", () => {
      const isStill = moved > 0 && moved === before;
      before = moved;
      return isStill;
    });
    a.close();
    await within("the write ends", failed);
    // The system lets go of it once the other side has taken what was on its way.
    const buffer = new Uint8Array(1 << 20);
    while (await b.read(buffer).catch(() => null) !== null);
  });

  contract("after its own close a stream neither reads nor writes, and may be closed again", async (a, b) => {
    await writeAll(b, pattern(10));
    a.close();
    a.close();
    await assertRejects(() => a.read(new Uint8Array(10)));
    await assertRejects(() => writeAll(a, pattern(10)));
  });

  contract("each end knows the other's address", (a, b) => {
    assertEquals([a.local, a.remote], [b.remote, b.local]);
    return Promise.resolve();
  });
}

Deno.test("tcp: one that has finished writing can still be written to (half-closed)", async () => {
  const accepted = Promise.withResolvers<ByteStream>();
  const server = listenTcp({ host: "127.0.0.1", port: 0 }, { clock: systemClock, accept: accepted.resolve });
  using raw = await Deno.connect({ hostname: "127.0.0.1", port: server.address.port });
  const b = await accepted.promise;
  await raw.closeWrite();
  assertEquals(await b.read(new Uint8Array(1)), null);
  await writeAll(b, pattern(5));
  const got = new Uint8Array(5);
  assertEquals(await raw.read(got), 5);
  assertEquals(got, pattern(5));
  b.close();
  server.close();
});
