/** A second try beside a first one that takes long. */

import { assertEquals, assertRejects } from "@std/assert";
import { FakeClock } from "../base/clock.ts";
import { hedged } from "./hedged.ts";

class Thing {
  isClosed = false;
  close() {
    this.isClosed = true;
  }
}

/** Tries that end when they are told to. */
function stage() {
  const clock = new FakeClock();
  const tries: PromiseWithResolvers<Thing>[] = [];
  const open = () => {
    const one = Promise.withResolvers<Thing>();
    tries.push(one);
    return one.promise;
  };
  const opened = hedged(open, { clock, signal: new AbortController().signal, after: 200 });
  return { clock, tries, opened };
}

Deno.test("what is opened in time is opened once", async () => {
  const { clock, tries, opened } = stage();
  await clock.advance(199);
  const thing = new Thing();
  tries[0]!.resolve(thing);
  assertEquals(await opened, thing);
  await clock.advance(1_000);
  assertEquals([tries.length, thing.isClosed], [1, false]);
});

for (const winner of [0, 1]) {
  Deno.test(`where it takes long there are two tries; number ${winner + 1} is first and taken, the other is closed`, async () => {
    const { clock, tries, opened } = stage();
    await clock.advance(200);
    const things = [new Thing(), new Thing()];
    tries[winner]!.resolve(things[winner]!);
    assertEquals(await opened, things[winner]);
    tries[1 - winner]!.resolve(things[1 - winner]!);
    await clock.advance(1);
    assertEquals(things.map(({ isClosed }) => isClosed), [winner === 1, winner === 0]);
  });
}

Deno.test("a try that fails is the answer, and what comes of the other is closed", async () => {
  const { clock, tries, opened } = stage();
  await clock.advance(200);
  tries[0]!.reject(new Error("refused"));
  await assertRejects(() => opened, Error, "refused");
  const late = new Thing();
  tries[1]!.resolve(late);
  await clock.advance(1);
  assertEquals(late.isClosed, true);
});
