/** Who has come back while nothing is heard of it is found; who is slow is left alone. */

import { assertEquals } from "@std/assert";
import { FakeClock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { Comeback } from "./comeback.ts";

function stage() {
  const clock = new FakeClock();
  const registered = { address: "10.1.0.7", port: 7, lastRegistered: "2026-01-01T00:00:00.000Z" };
  const pcs = new Map([["a", { ...registered }], ["b", { ...registered }]]);
  const s = { looks: 0, isGone: false };
  const lookUp = () => {
    s.looks++;
    return s.isGone ? Promise.reject(new LabError("unreachable", "no server")) : Promise.resolve();
  };
  // What the last look has told is a copy.
  const comeback = new Comeback({ clock, lookUp, at: (name) => ({ ...pcs.get(name)! }) });
  const back: string[] = [];
  const watch = (name: string) => comeback.watch(name, ({ code }) => void back.push(`${name} ${code}`));
  const pass = async (ms: number) => {
    clock.advance(ms);
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { clock, comeback, pcs, s, back, watch, pass };
}

Deno.test("comeback: a silent PC that is registered anew, or elsewhere, is back; another silent one isn't", async () => {
  for (
    const change of [{ address: "10.1.0.9" }, { port: 8 }, { lastRegistered: "2026-01-01T00:01:00.000Z" }]
  ) {
    const { back, comeback, pass, pcs, watch } = stage();
    watch("a");
    watch("b");
    await pass(10_000);
    assertEquals(back, []);
    Object.assign(pcs.get("a")!, change);
    await pass(10_000);
    assertEquals(back, ["a unreachable"], JSON.stringify(change));
    comeback.end();
  }
});

Deno.test("comeback: while PCs tell how far they are nobody is asked for them", async () => {
  const { back, comeback, pass, pcs, s, watch } = stage();
  const a = watch("a");
  for (let i = 0; i < 100; i++) {
    a.heard();
    pcs.get("a")!.lastRegistered = `${i}`;
    await pass(200);
  }
  assertEquals([s.looks, back], [0, []]);
  a.end();
  await pass(60_000);
  assertEquals([s.looks, back], [0, []]);
  comeback.end();
});

Deno.test("comeback: a server that isn't there is asked again; after the end none is", async () => {
  const { back, comeback, pass, pcs, s, watch } = stage();
  watch("a");
  s.isGone = true;
  pcs.get("a")!.port = 8;
  await pass(20_000);
  assertEquals([s.looks, back], [2, []]);
  s.isGone = false;
  await pass(10_000);
  assertEquals([s.looks, back], [3, ["a unreachable"]]);
  comeback.end();
  await pass(60_000);
  assertEquals(s.looks, 3);
});
