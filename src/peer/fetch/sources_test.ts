/** When a holder counts as gone. */

import { assertEquals } from "@std/assert";
import { FakeClock } from "../../base/clock.ts";
import { Sources } from "./sources.ts";
import type { ReceiveOrder } from "../receive_protocol.ts";
import type { WorkerPool } from "./worker_pool.ts";

const HOLDER = { peer: "pc7", address: "10.1.0.7", port: 1 };
const ENDED = { code: "unreachable", message: "it ended" } as const;

function stage() {
  const clock = new FakeClock();
  const dialled: number[] = [];
  const tell = (_: number, order: ReceiveOrder) => {
    if (order.kind === "dial") dialled.push(order.source);
  };
  const sources = new Sources({ size: 2, tell } as unknown as WorkerPool, clock);
  sources.ensure(HOLDER, 1);
  /** The connection is open for so long, and ends. */
  const lives = (ms: number, owed: number) => {
    const source = dialled.at(-1)!;
    sources.opened(source);
    clock.advance(ms);
    const gone = sources.lost(source, { ...ENDED, owed });
    clock.advance(10_000);
    return gone !== undefined;
  };
  return { sources, dialled, lives };
}

Deno.test("a holder that hangs up because nothing is asked of it is dialled again, however often it does", () => {
  const { dialled, lives } = stage();
  for (let i = 0; i < 10; i++) assertEquals(lives(120_000, 0), false);
  assertEquals(dialled.length, 11);
});

Deno.test("a holder whose connection ends while it owes pieces, or at once, is gone after the fourth time", () => {
  for (const [ms, owed] of [[120_000, 3], [100, 0]] as const) {
    const { lives } = stage();
    assertEquals(
      [1, 2, 3, 4].map(() => lives(ms, owed)),
      [false, false, false, true],
      `${ms} ms, ${owed} owed`,
    );
  }
});
