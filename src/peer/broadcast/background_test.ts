import { assert, assertEquals, assertLess } from "@std/assert";
import { FakeClock } from "../../base/clock.ts";
import { RateLimiter } from "../../transport/rate.ts";
import { Background } from "./background.ts";

const PC = { host: "10.0.0.1", port: 23476 };
const NO_LIMIT = (clock: FakeClock) => new RateLimiter(clock, Infinity);

/** Lets answers of round trips arrive. */
const settle = () => new Promise<void>((resolve) => queueMicrotask(() => queueMicrotask(resolve)));

/** Sends as fast as it may for so long; returns the bytes. */
async function send(background: Background, clock: FakeClock, ms: number, process = NO_LIMIT(clock)) {
  let bytes = 0;
  for (const end = clock.monotonic() + ms; clock.monotonic() < end;) {
    const pace = background.pace(process)!;
    bytes += pace.partBytes;
    clock.advance(Math.max(1, pace.rate.take(pace.partBytes)));
    await settle();
  }
  return bytes;
}

Deno.test("it grows while round trips are short, and falls when they are not", async () => {
  const clock = new FakeClock();
  let ms = 1;
  const background = new Background(clock, () => Promise.resolve(ms));
  background.begin(() => [PC]);
  await send(background, clock, 3000);
  const free = background.rate;
  assert(free > 5e6, String(free));
  ms = 50;
  await send(background, clock, 3000);
  assertLess(background.rate, free / 4);
  background.close();
});

Deno.test("a PC that doesn't answer makes it fall, the limit of the process holds too", async () => {
  const clock = new FakeClock();
  const background = new Background(clock, () => Promise.reject(new Error("off")));
  background.begin(() => [PC]);
  await send(background, clock, 5000);
  assertEquals(background.rate, 250e3);
  const sent = await send(background, clock, 10_000, new RateLimiter(clock, 100e3, 1000));
  assertLess(sent, 1.1e6);
  background.close();
});

Deno.test("after its end it is still passed on in the background for a minute, then nothing is", async () => {
  const clock = new FakeClock();
  let trips = 0;
  const background = new Background(clock, () => Promise.resolve(++trips && 1));
  assertEquals(background.pace(NO_LIMIT(clock)), undefined);
  const end = background.begin(() => [PC]);
  await send(background, clock, 1000);
  end();
  clock.advance(59_000);
  const before = trips;
  assert(background.pace(NO_LIMIT(clock)) !== undefined);
  clock.advance(30_000);
  assertEquals(background.pace(NO_LIMIT(clock)), undefined);
  assertEquals(trips, before, "nobody is asked while nothing is sent");
});
