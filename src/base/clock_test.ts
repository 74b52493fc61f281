import { assertEquals, assertRejects } from "@std/assert";
import { FakeClock, sleepOrLess, systemClock, whenPatienceEnds } from "./clock.ts";

Deno.test("a fake clock calls back in order of time, then of asking", () => {
  const clock = new FakeClock(0);
  const seen: string[] = [];
  const note = (what: string) => () => void seen.push(`${what}@${clock.now()}`);
  clock.after(20, note("b"));
  clock.after(10, note("a"));
  clock.after(20, note("c"));
  const stop = clock.every(8, note("tick"));
  clock.after(5, note("never"))();
  clock.advance(19);
  assertEquals(seen, ["tick@8", "a@10", "tick@16"]);
  stop();
  clock.advance(81);
  assertEquals([seen.slice(3), clock.now(), clock.monotonic()], [["b@20", "c@20"], 100, 100]);
});

Deno.test("what a callback asks for is called in the same advance, if due", () => {
  const clock = new FakeClock(0);
  const seen: number[] = [];
  clock.after(1, () => clock.after(1, () => seen.push(clock.now())));
  clock.advance(5);
  assertEquals(seen, [2]);
});

Deno.test("patience ends at its time; where timers come late something else has its turn several times before", () => {
  const clock = new FakeClock(0);
  const seen: number[] = [];
  for (const ms of [5_003, 200, 7, 0]) whenPatienceEnds(clock, ms, () => seen.push(clock.now()));
  clock.advance(10_000);
  assertEquals(seen, [0, 7, 200, 5_003]);

  // One call each time that a busy program gets round to it.
  const turns: (() => void)[] = [];
  const busy = { after: (_: number, callback: () => void) => (turns.push(callback), () => turns.splice(0)) };
  let isOver = false;
  whenPatienceEnds(busy, 200, () => isOver = true);
  for (let turn = 1; turn < 10; turn++) {
    turns.shift()!();
    assertEquals([isOver, turns.length], [false, 1]);
  }
  turns.shift()!();
  assertEquals([isOver, turns.length], [true, 0]);
  const answered = whenPatienceEnds(busy, 200, () => {});
  turns.shift()!();
  answered();
  assertEquals(turns.length, 0);
});

Deno.test("a sleep that may be cut short ends at its time or at the signal, and rejects at neither", async () => {
  const clock = new FakeClock(0);
  const stop = new AbortController();
  const ended: string[] = [];
  const note = (what: string) => () => void ended.push(`${what}@${clock.now()}`);
  const full = sleepOrLess(clock, 10).then(note("full"));
  const cut = sleepOrLess(clock, 60_000, stop.signal).then(note("cut"));
  clock.advance(10);
  await full;
  stop.abort(new TypeError("up"));
  await cut;
  await sleepOrLess(clock, 60_000, stop.signal).then(note("none"));
  assertEquals(ended, ["full@10", "cut@10", "none@10"]);
});

for (const [name, clock] of [["fake", new FakeClock()], ["real", systemClock]] as const) {
  Deno.test(`${name} clock: a sleep that is interrupted rejects with the reason and leaves no timer`, async () => {
    const stop = new AbortController();
    const slept = clock.sleep(60_000, stop.signal);
    stop.abort(new TypeError("up"));
    await assertRejects(() => slept, TypeError, "up");
    await assertRejects(() => clock.sleep(1, stop.signal), TypeError, "up");
  });

  Deno.test(`${name} clock: timers that are cancelled leave nothing behind`, () => {
    clock.every(60_000, () => {})();
    clock.after(60_000, () => {})();
  });
}

Deno.test("a sleep that is over does not hold on to its signal", async () => {
  const clock = new FakeClock();
  let listeners = 0;
  const { signal } = new AbortController();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args));
  signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args));
  const fake = clock.sleep(10, signal);
  const real = systemClock.sleep(0, signal);
  clock.advance(10);
  await Promise.all([fake, real]);
  assertEquals(listeners, 0);
});

/** The runtime's timers, as far as they go; a delay that they can't count goes off at once, as it does there. */
function withTimers(test: (pass: (days: number) => void) => void): void {
  const { setTimeout, clearTimeout } = globalThis;
  const clock = new FakeClock(0);
  const cancels = new Map<number, () => void>();
  Object.assign(globalThis, {
    setTimeout: (callback: () => void, ms: number) =>
      cancels.set(cancels.size + 1, clock.after(ms >= 2 ** 31 ? 0 : ms, callback)).size,
    clearTimeout: (timer: number) => cancels.get(timer)?.(),
  });
  try {
    test((days) => clock.advance(days * 86_400_000));
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
}

Deno.test("real clock: a month is a month, though a timer holds 24 days only; for ever is for ever", () =>
  withTimers((pass) => {
    const seen: string[] = [];
    const note = (what: string) => () => void seen.push(what);
    const month = 30 * 86_400_000;
    systemClock.after(month, note("a month"));
    systemClock.after(3 * month, note("three"));
    const stop = systemClock.every(month, note("each"));
    const cancel = systemClock.after(month, note("never"));
    systemClock.after(Infinity, note("for ever"));
    pass(29.9);
    assertEquals(seen, []);
    cancel();
    pass(0.2);
    assertEquals(seen, ["a month", "each"]);
    pass(30);
    assertEquals(seen, ["a month", "each", "each"]);
    stop();
    pass(30);
    assertEquals(seen, ["a month", "each", "each", "three"]);
    pass(10_000);
    assertEquals(seen.length, 4);
  }));
