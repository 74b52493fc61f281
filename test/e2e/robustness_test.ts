/** Nonsense on the wire and a thousand silent connections: servers stay up and small, and honest clients are served. */

import { assert, assertEquals, assertLess } from "@std/assert";
import { join } from "@std/path";
import type { Lab } from "../../scripts/programs.ts";
import { FakePusher } from "./fake_holder.ts";
import { assertFile, bytesOf, MB, put } from "./files.ts";
import { assertCode, eventsOf, labTest, peakMemory } from "./lab.ts";

/** What a process may use at most, at any time. */
const MEMORY = 300 * MB;
const IDLE = 1_000;

const hello = (stream = 1) => {
  const body = new TextEncoder().encode(
    JSON.stringify({ versions: [2], role: "tool", agent: "idle", features: [] }),
  );
  return frame(1, body.length, body, stream);
};

function frame(type: number, length: number, body: Uint8Array, stream = 3): Uint8Array {
  const bytes = new Uint8Array(12 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  view.setUint8(4, type);
  view.setUint32(8, stream);
  bytes.set(body, 12);
  return bytes;
}

/** Sends bytes and, unless told to stay, waits until the other side hangs up, as it must. */
async function provoke(port: number, bytes: Uint8Array): Promise<void> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    await conn.write(bytes);
    const buffer = new Uint8Array(4096);
    while (await conn.read(buffer) !== null);
  } catch { /* hung up with a reset: that's an answer, too */ }
}

/** Nonsense after which a connection must be ended at once. */
const NONSENSE: Record<string, (i: number) => Uint8Array> = {
  "random bytes": (i) => bytesOf(10_000 + i, i).map((byte) => byte | 1),
  "a length of 4 GB": () => frame(1, 0xffffffff, new Uint8Array(100)),
  "a length of 4 GB after the greeting": () => join2(hello(), frame(0x40, 0xffffffff, new Uint8Array(0))),
  "4 GB of an unknown type": () => join2(hello(), frame(0xee, 0xffffffff, new Uint8Array(0))),
  "bad JSON": () => frame(1, 4, new TextEncoder().encode("{[}]")),
  "deep JSON": () => join2(hello(), frame(0x20, 200_000, new TextEncoder().encode("[".repeat(200_000)))),
  "HTTP": () => new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
  "TLS": () => Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, ...bytesOf(100, 1)),
  "an answer nobody asked for, then nonsense": () =>
    join2(hello(), bytesOf(500, 3).map((byte) => byte | 0x80)),
  "two greetings": () => join2(hello(), hello(3)),
};

function join2(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Honest work: a fetch of a file and a list, both in good time: before anything that hangs is given up. */
async function honestWork(lab: Lab, address: string, pc: string): Promise<void> {
  const began = performance.now();
  assertCode(await lab.run("peer", pc, ["fetch", "file.bin", "--rs", address]), 0);
  assertFile(join(lab.pc(pc), "share/file.bin"), bytesOf(3 * MB, 1));
  const peers = assertCode(await lab.run("rs", pc, ["peers", "--json", "--rs", address]), 0);
  assertEquals(eventsOf(peers, "peer").map(({ name, active }) => [name, active]), [["bob", true]]);
  assertLess(performance.now() - began, 30_000);
}

labTest("random bytes, half frames, 4 GB lengths, 1,000 idle connections each", async (lab, t) => {
  const { address, port, running: rs } = await lab.rs();
  put(lab.pc("bob"), "share/file.bin", bytesOf(3 * MB, 1));
  const bob = await lab.peer("bob", address);
  const ports = [port, Number((await bob.event("listening")).port)];
  const idle: Deno.TcpConn[] = [];
  try {
    for (const [name, bytes] of Object.entries(NONSENSE)) {
      await t.step(name, async () => {
        const all = Array.from({ length: 20 }, (_, i) => ports.map((port) => provoke(port, bytes(i)))).flat();
        await Promise.all(all);
      });
    }

    await t.step("1,000 idle connections, some greeted, some in the middle of a frame", async () => {
      for (let i = 0; i < IDLE; i += 50) {
        const some = Array.from(
          { length: 50 },
          () => ports.map((port) => Deno.connect({ hostname: "127.0.0.1", port })),
        );
        idle.push(...await Promise.all(some.flat()));
      }
      const openings = [new Uint8Array(0), hello(), hello().subarray(0, 7), hello().subarray(0, 50)];
      const halfPage = join2(hello(), frame(0x20, 1_000_000, new Uint8Array(60_000).fill(0x20)));
      await Promise.all(idle.map((conn, i) => conn.write([...openings, halfPage][i % 5]!)));
      await honestWork(lab, address, "first");
      // And all the while somebody sends nonsense.
      const more = Object.values(NONSENSE).flatMap((bytes) => ports.map((port) => provoke(port, bytes(1))));
      await Promise.all([honestWork(lab, address, "second"), ...more]);
    });

    await t.step("thousands of questions in one go", async () => {
      for (const port of ports) {
        const pusher = await FakePusher.dial(port);
        const file = { name: "../x", size: 1, sha256: "0".repeat(64) };
        const codes = await Promise.all(Array.from({ length: 5_000 }, () => pusher.offer("x", [file], 1)));
        assert(codes.every((code) => code === "busy" || code === "name_refused"), [...new Set(codes)].join());
        pusher.close();
      }
      await honestWork(lab, address, "third");
    });

    for (const [name, program] of Object.entries({ rs, bob })) {
      const peak = peakMemory(program);
      assertLess(peak, MEMORY, `${name} took ${Math.round(peak / MB)} MB`);
    }
    assertCode(await lab.run("peer", "bob", ["leave"]), 0);
    assertEquals((await rs.kill("SIGTERM")).code, 130);
  } finally {
    for (const conn of idle) conn.close();
  }
});
