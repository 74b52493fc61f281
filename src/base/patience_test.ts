import { assertEquals, assertRejects } from "@std/assert";
import { comesTo, until, within } from "./_patience.ts";

const never = () => new Promise<never>(() => {});

Deno.test("what never comes is a failure that says what it was; what comes is passed on, failures too", async () => {
  await assertRejects(() => within("a word", never(), 5), Error, "After 0.005 s it hasn't come yet: a word.");
  assertEquals(await within("a word", Promise.resolve("word")), "word");
  await assertRejects(() => within("a word", Promise.reject(new TypeError("other"))), TypeError, "other");
});

Deno.test("what doesn't become so is a failure, whether the work between two looks ends or not", async () => {
  const no = () => false;
  await assertRejects(() => until("rain", no, () => Promise.resolve(), 5), Error, "it isn't so yet: rain.");
  await assertRejects(() => until("rain", no, never, 5), Error, "hasn't come yet: rain.");
  let looks = 0;
  await until("the third look", () => ++looks === 3, () => {});
  assertEquals(looks, 3);
});

Deno.test("an answer is asked for until it is the right one", async () => {
  let n = 0;
  await comesTo(() => [++n], [3]);
  assertEquals(n, 3);
});
