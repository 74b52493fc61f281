import { assertEquals } from "@std/assert";
import { Budget } from "./budget.ts";

Deno.test("a second's worth in one go; what is overdrawn takes its time; what isn't used isn't saved", () => {
  const budget = new Budget(100);
  for (let i = 0; i < 100; i++) budget.take(0);
  assertEquals(budget.owed(0), 0);
  for (let i = 0; i < 50; i++) budget.take(0);
  assertEquals(budget.owed(0), 500);
  assertEquals(budget.owed(250), 250);
  assertEquals(budget.owed(500), 0);
  for (let i = 0; i < 110; i++) budget.take(60_000);
  assertEquals(budget.owed(60_000), 100);
});
