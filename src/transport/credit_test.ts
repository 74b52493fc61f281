/** How much may be on the way to a receiver that says what has come. */

import { assert, assertEquals } from "@std/assert";
import { CREDIT_BYTES, CreditWindow, PACED_BYTES, UNSAID_MOST } from "./credit.ts";

/** Sends while the window is open; returns how many bytes went. */
function fill(window: CreditWindow, isNarrow = false, now = 0): number {
  let sent = 0;
  for (; window.isOpen(isNarrow); sent += PACED_BYTES) window.sent(PACED_BYTES, now);
  return sent;
}

/**
 * A receiver behind a link of so many bytes per millisecond, from which a word comes back so many milliseconds later.
 *
 * @returns the largest window, and the bytes per millisecond that came in the last tenth of the time.
 */
function run({ rate, ms, wayBack = 0 }: { rate: number; ms: number; wayBack?: number }) {
  const window = new CreditWindow();
  const words: number[] = [];
  let queued = fill(window);
  let [carried, unsaid, largest, late] = [0, 0, 0, 0];
  for (let now = 0; now < ms; now++) {
    carried = Math.min(queued, rate);
    queued -= carried;
    if (now >= 0.9 * ms) late += carried;
    for (unsaid += carried; unsaid >= CREDIT_BYTES; unsaid -= CREDIT_BYTES) words.push(now + wayBack);
    for (; words[0] !== undefined && words[0] <= now; words.shift()) window.came(CREDIT_BYTES, now);
    queued += fill(window, false, now);
    largest = Math.max(largest, window.size);
  }
  return { largest, rate: late / (0.1 * ms) };
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
  // The first window is a little larger, until a rate is known.
  assertEquals(run({ rate: 6_000, ms: 1_000 }).largest, 220_000);
  const gigabit = run({ rate: 120_000, ms: 1_000 }).largest;
  assert(gigabit > 2_500_000 && gigabit < 3_500_000, `${gigabit}`);
  assertEquals(run({ rate: 4_000_000, ms: 500 }).largest, 16 * 1024 * 1024);
});

Deno.test("on a long way, between labs or by radio, the window grows until the link is full", () => {
  for (const wayBack of [10, 40, 100]) {
    const { rate } = run({ rate: 12_500, ms: 10_000, wayBack });
    assert(rate > 0.97 * 12_500, `${rate} with ${wayBack} ms`);
  }
});

Deno.test("who is to wait for another gets less", () => {
  const [wide, narrow] = [new CreditWindow(), new CreditWindow()];
  assert(fill(narrow, true) < fill(wide));
  assert(narrow.isOpen(false));
});

Deno.test("who claims more than it was sent gains nothing", () => {
  const window = new CreditWindow();
  window.sent(1_000, 0);
  assertEquals(window.came(Number.MAX_SAFE_INTEGER, 0), 1_000);
  const honest = fill(new CreditWindow());
  assertEquals(fill(window), honest);
  assertEquals(new CreditWindow().came(5, 0), 0);
});

Deno.test("who claims what it was never sent can be sent to all the same", () => {
  const window = new CreditWindow();
  window.came(5, 0);
  window.came(5, 1_000);
  assert(window.isOpen());
  assert(window.size < 1_000_000, `${window.size}`);
});

Deno.test("a receiver that hasn't enough to tell of is never waited for, however narrow the window", () => {
  const window = new CreditWindow();
  window.sent(UNSAID_MOST - 1, 0);
  assert(window.isOpen(true));
});
