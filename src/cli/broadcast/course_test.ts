import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Target } from "../../peer/broadcast/broadcast.ts";
import { Course, Meter, Trace } from "./course.ts";

const target = (state: Target["state"], bytes: number): Target => ({ name: "pc1", state, bytes });

Deno.test("a meter: the best second counts, between two reports", () => {
  const meter = new Meter();
  for (let i = 0; i <= 40; i++) meter.report({ at: i / 10, bytes: i < 20 ? i * 10 : 190 + (i - 19) * 20 });
  assertAlmostEquals(meter.best!, 200, 1e-6);
  assertAlmostEquals(meter.rate(4), 200, 1e-6);
  assertEquals(meter.rate(7), 0, "nothing came for three seconds");
});

Deno.test("a meter: less than a second is taken as a whole, a single report as nothing", () => {
  const meter = new Meter();
  meter.report({ at: 1, bytes: 500 });
  assertEquals([meter.best, meter.rate(1)], [undefined, 0]);
  meter.report({ at: 1.5, bytes: 600 });
  assertEquals(meter.best, 200);
});

Deno.test("what a PC had before it began, and had again after a break, counts as no speed", () => {
  const course = new Course();
  course.observe([target("waiting", 0)], 0);
  course.observe([target("receiving", 0)], 1);
  // Half of it was there already.
  course.observe([target("receiving", 500_000)], 1.1);
  for (let i = 1; i <= 20; i++) course.observe([target("receiving", 500_000 + i * 100)], 1.1 + i / 10);
  course.observe([target("waiting", 502_000)], 4);
  course.observe([target("receiving", 502_000)], 9);
  course.observe([target("receiving", 900_000)], 9.1);
  course.observe([target("done", 900_100)], 9.2);
  const [pc] = course.pcs(9.3);
  assertAlmostEquals(pc!.best!, 1000, 1e-6);
  assertEquals([pc!.state, pc!.bytes, pc!.seconds], ["done", 900_100, 9.2]);
});

Deno.test("a trace keeps few points, the first and the last among them, evenly", () => {
  const trace = new Trace(50);
  for (let i = 0; i <= 100_000; i++) trace.add({ at: i / 100, bytes: i });
  const { points } = trace;
  assert(points.length <= 52 && points.length >= 20, String(points.length));
  assertEquals([points[0]!.at, points.at(-1)!.at], [0, 1000]);
  const gaps = points.slice(1).map(({ at }, i) => at - points[i]!.at);
  assert(Math.max(...gaps) <= 1000 / 20, String(Math.max(...gaps)));
});
