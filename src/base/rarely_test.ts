import { assertEquals } from "@std/assert";
import { afterThisTurn, FakeClock } from "./clock.ts";
import { rarely } from "./rarely.ts";

const turn = () => new Promise<void>((resolve) => afterThisTurn(resolve));

function setting() {
  const clock = new FakeClock();
  const heard: [at: number, news: string][] = [];
  const began = clock.monotonic();
  const { tell, end } = rarely<string>(clock, 200, (news) => heard.push([clock.monotonic() - began, news]));
  return { clock, heard, tell, end };
}

Deno.test("what comes in one turn is passed on as one, at once", async () => {
  const { heard, tell } = setting();
  tell("a");
  tell("b");
  assertEquals(heard, []);
  await turn();
  assertEquals(heard, [[0, "b"]]);
});

Deno.test("the newest is passed on at most so often, and nothing twice", async () => {
  const { clock, heard, tell } = setting();
  tell("a");
  await turn();
  clock.advance(50);
  tell("b");
  clock.advance(50);
  tell("c");
  clock.advance(1_000);
  assertEquals(heard, [[0, "a"], [200, "c"]]);
  tell("d");
  await turn();
  assertEquals(heard.at(-1), [1_100, "d"]);
});

Deno.test("after the end nothing is passed on", async () => {
  const { clock, heard, tell, end } = setting();
  tell("a");
  end();
  await turn();
  clock.advance(1_000);
  assertEquals(heard, []);
});
