import { assertEquals } from "@std/assert";
import { Rates } from "./rates.ts";

Deno.test("growth per second over the last minute, not since the start", () => {
  const rates = new Rates<"messages" | "errors">();
  assertEquals(rates.perSecond({ messages: 7, errors: 0 }, 0), { messages: 0, errors: 0 });
  // A busy first minute, then one message a second.
  for (let second = 0; second <= 300; second += 5) {
    rates.sample({ messages: second <= 60 ? 100 * second : 6000 + second - 60, errors: 2 }, second * 1000);
  }
  assertEquals(rates.perSecond({ messages: 6240, errors: 2 }, 300_000), { messages: 1, errors: 0 });
});
