/**
 * A secured lab in a flood of callers who begin TLS's handshake and say nothing more: a socket that is given up is really
 * closed, both servers stay small, and honest work goes on.
 */

import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { join } from "@std/path";
import { LIMITS } from "../../src/base/limits.ts";
import { assertFile, bytesOf, MB, put } from "./files.ts";
import { assertCode, labTest, peakMemory } from "./lab.ts";

/** Callers of each server. */
const CALLERS = 2_500;
/** Of those so many may hang on: who came before the flood was noticed (`handshakesPerAddress`, `unclosable`). */
const HANG_ON = 1_300;
/** What a process may use at most, at any time. */
const MEMORY = 300 * MB;

labTest("the page lets go of callers who never end their requests, and is there for others", async (lab) => {
  const { running } = await lab.securedRs("rs", "--http-port", "0");
  const port = Number((await running.event("listening")).httpPort);
  const callers: Deno.Conn[] = [];
  const enough = Promise.withResolvers<void>();
  let gone = 0;
  const leave = () => void (++gone === 300 - LIMITS.pageStrangers && enough.resolve());
  try {
    for (let i = 0; i < 300; i++) {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      callers.push(conn);
      await conn.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")).catch(() => {});
      conn.read(new Uint8Array(1)).catch(() => null).then(leave);
    }
    await enough.promise;
    const page = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } });
    assertEquals(page.status, 200);
    await page.body?.cancel();
  } finally {
    for (const conn of callers) conn.close();
  }
});

labTest(
  "callers who never end TLS's handshake are let go of, and cost nobody anything",
  async (lab) => {
    const { address, code, port, running: rs } = await lab.securedRs();
    const bytes = bytesOf(3 * MB, 1);
    put(lab.pc("holder"), "share/file.bin", bytes);
    const holder = await lab.peer("holder", address, "--join", code);
    await lab.peer("asker", address, "--join", code);
    await holder.said(/Shared/, { timeout: 40_000 });
    const ports = [port, Number((await holder.event("listening")).port)];
    const honest = async (folder: string) => {
      const began = performance.now();
      const args = ["fetch", "file.bin", "--rs", address, "--out", `share/${folder}`];
      assertCode(await lab.run("peer", "asker", args), 0);
      assertFile(join(lab.pc("asker"), "share", folder, "file.bin"), bytes);
      assertLess(performance.now() - began, 30_000);
    };
    const callers: Deno.Conn[] = [];
    let gone = 0;
    const wanted = ports.length * (CALLERS - HANG_ON);
    const enough = Promise.withResolvers<void>();
    const leave = () => void (++gone === wanted && enough.resolve());
    const call = async (port: number) => {
      let conn: Deno.Conn;
      try {
        conn = await Deno.connect({ hostname: "127.0.0.1", port });
      } catch {
        // Nobody listens in the moment in which the door is put up.
        return leave();
      }
      callers.push(conn);
      await conn.write(Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1)).catch(() => {});
      conn.read(new Uint8Array(1)).catch(() => null).then(leave);
    };
    try {
      await honest("before");
      for (let i = 0; i < CALLERS; i += 50) {
        await Promise.all(Array.from({ length: 50 }, () => ports.map(call)).flat());
      }
      await honest("during");
      await enough.promise;
      assertGreater(gone, wanted - 1);
      // A newcomer gets in, too.
      await lab.peer("newcomer", address, "--join", code);
      await honest("after");
      for (const [name, program] of Object.entries({ rs, holder })) {
        const peak = peakMemory(program);
        assertLess(peak, MEMORY, `${name} took ${Math.round(peak / MB)} MB`);
        assertEquals((program.stderr.match(/by a door/g) ?? []).length, 1, name);
      }
    } finally {
      for (const conn of callers) conn.close();
    }
  },
  Deno.build.os === "linux" ? {} : { skip: "looks at processes by /proc" },
);
