/** How much may be on the way to a receiver that says what has come. */

import { assert, assertEquals } from "@std/assert";
import { CREDIT_BYTES, CreditWindow, PACED_BYTES } from "./credit.ts";

/** Sends while the window is open; returns how many bytes went. */
function fill(window: CreditWindow, isNarrow = false): number {
  let sent = 0;
  for (; window.isOpen(isNarrow); sent += PACED_BYTES) window.sent(PACED_BYTES);
  return sent;
}

/** A receiver that takes so many bytes per millisecond for so long; returns the largest window seen. */
function run(window: CreditWindow, rate: number, ms: number): number {
  fill(window);
  let [owed, largest] = [0, 0];
  for (let now = 0; now < ms; now++) {
    for (owed += rate; owed >= CREDIT_BYTES; owed -= CREDIT_BYTES) window.came(CREDIT_BYTES, now);
    fill(window);
    largest = Math.max(largest, window.size);
  }
  return largest;
}

Deno.test("a first window, then no more than what has come", () => {
  const window = new CreditWindow();
  const first = fill(window);
  assert(first >= 150_000 && first < 300_000, `${first}`);
  assertEquals(fill(window), 0);
  window.came(PACED_BYTES * 2, 1);
  assert(fill(window) > 0);
});

Deno.test("the window fits the rate: 25 ms of it, but a least size on slow links and a largest on fast ones", () => {
  assertEquals(run(new CreditWindow(), 6_000, 1_000), 400_000);
  const gigabit = run(new CreditWindow(), 120_000, 1_000);
  assert(gigabit > 2_500_000 && gigabit < 3_500_000, `${gigabit}`);
  assertEquals(run(new CreditWindow(), 4_000_000, 500), 16 * 1024 * 1024);
});

Deno.test("who is to wait for another gets a third", () => {
  const [wide, narrow] = [new CreditWindow(), new CreditWindow()];
  assert(fill(narrow, true) < fill(wide));
  assert(narrow.isOpen(false));
});

Deno.test("who claims more than it was sent gains nothing", () => {
  const window = new CreditWindow();
  window.sent(1_000);
  assertEquals(window.came(Number.MAX_SAFE_INTEGER, 0), 1_000);
  const honest = fill(new CreditWindow());
  assertEquals(fill(window), honest);
  assertEquals(new CreditWindow().came(5, 0), 0);
});

Deno.test("a receiver that hasn't enough to tell of is never waited for, however narrow the window", () => {
  const window = new CreditWindow();
  window.sent(CREDIT_BYTES - 1);
  assert(window.isOpen(true));
});
