/** Who works next, where several want to. */

import { assertEquals } from "@std/assert";
import { Turns } from "./turns.ts";

/** Has each work as soon as it's its turn, in so many parts, and notes in which order. */
function stage() {
  const turns = new Turns();
  const order: string[] = [];
  const work = async (who: string, what: string, parts: number) => {
    await turns.take(who);
    for (let part = 1; part <= parts; part++) {
      order.push(what);
      if (part < parts) await turns.giveWay(who);
    }
    turns.pass();
  };
  return { turns, order, work };
}

Deno.test("who asks for much waits for others who ask for little", async () => {
  const { turns, order, work } = stage();
  await turns.take("x");
  const all = ["a", "a", "a", "a", "b", "c", "b"].map((who) => work(who, who, 1));
  turns.pass();
  await Promise.all(all);
  assertEquals(order.join(""), "abcabaa");
  // Nobody works: whoever comes needn't wait.
  await turns.take("b");
});

Deno.test("what takes long is broken off for others, and goes on before one's own next begins", async () => {
  const { turns, order, work } = stage();
  await turns.take("x");
  const all = [work("a", "1", 4), work("a", "2", 2), work("b", "B", 2), work("c", "C", 1)];
  turns.pass();
  await Promise.all(all);
  assertEquals(order.join(""), "1BC1B1122");
});
