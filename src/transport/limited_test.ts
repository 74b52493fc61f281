/** Pieces that are sent within a limit: in portions, and with word to whoever counts on it. */

import { assert, assertEquals } from "@std/assert";
import { LIMITS } from "../base/limits.ts";
import { CONTENT, pair, pass, settle } from "./_fixture.ts";
import { RateLimiter } from "./rate.ts";

const PIECE = 256 * 1024;

/** Two connections; the piece that is asked for goes within a limit, bytes per second. */
async function limited(bytesPerSecond: number) {
  let waits = 0;
  const w = await pair({
    acceptor: (_, { connection, stream }) =>
      connection.sendData({
        ...{ kind: "PieceData", stream, length: PIECE },
        fill() {},
        rate: new RateLimiter(connection.clock, bytesPerSecond),
        limited: () => void waits++,
      }),
  });
  const asked = w.dialer.open({ kind: "PieceRequest", content: CONTENT, piece: 0 });
  return { ...w, waits: () => waits, got: asked.collect("PieceData", LIMITS.piece, 200_000) };
}

Deno.test("a piece trickles: nobody waits half a minute for its first byte", async () => {
  const w = await limited(8_000);
  await settle();
  for (let second = 0; second < 30; second++) {
    const before = w.dialer.lastRead;
    await pass(w.clock, 1_000);
    assert(w.dialer.lastRead > before, `nothing came in second ${second}`);
  }
  await pass(w.clock, 35_000);
  assertEquals((await w.got).length, PIECE);
  assertEquals(w.waits(), 64, "64 parts of 4 KiB, each after a wait");
  w.end();
});

Deno.test("a limit that isn't reached makes nobody wait", async () => {
  const w = await limited(1e9);
  assertEquals((await w.got).length, PIECE);
  assertEquals(w.waits(), 0);
  w.end();
});
