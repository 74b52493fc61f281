/** The living index: when it needs a worker, and when it doesn't. */

import { assertEquals, assertRejects } from "@std/assert";
import { type Clock, FakeClock, systemClock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { Lines, TempFolder } from "../storage/_testing.ts";
import { ShareIndex } from "./share_index.ts";

function stage() {
  const temp = new TempFolder();
  const share = temp.folder("share");
  const options = { share, data: temp.folder("data"), log: new Lines() };
  const index = (clock: Clock = systemClock) => new ShareIndex({ ...options, clock });
  return { temp, index, [Symbol.dispose]: () => temp[Symbol.dispose]() };
}

/** Counts the workers that are started while it lasts. */
function countWorkers() {
  const { Worker: Real } = globalThis;
  let started = 0;
  globalThis.Worker = class extends Real {
    constructor(...args: ConstructorParameters<typeof Real>) {
      super(...args);
      started++;
    }
  };
  return { started: () => started, [Symbol.dispose]: () => void (globalThis.Worker = Real) };
}

Deno.test("an empty share is scanned without a worker, and index.csv is written; its first file starts one", async () => {
  using s = stage();
  using workers = countWorkers();
  const index = s.index();
  await index.open();
  await index.scan();
  s.temp.file("share/.labswarm-part", "what is being received is no file of the share");
  await index.scan();
  assertEquals([workers.started(), index.rows.length], [0, 0]);
  assertEquals(s.temp.read("data/index.csv").split(/\r?\n/)[0], "name,title,size,sha256,modified,flag");
  s.temp.file("share/a.txt", "a");
  await index.scan();
  assertEquals([workers.started(), index.present().map(({ name }) => name)], [1, ["a.txt"]]);
  Deno.removeSync(s.temp.at("share/a.txt"));
  await index.scan();
  assertEquals([workers.started(), index.rows.map(({ flag }) => flag)], [1, [0]]);
  await index.close();
});

Deno.test("a file that was there at the last run and has gone is noticed in an empty share", async () => {
  using s = stage();
  s.temp.file("share/a.txt", "a");
  const before = s.index();
  await before.open();
  await before.scan();
  await before.close();
  Deno.removeSync(s.temp.at("share/a.txt"));
  const index = s.index();
  await index.open();
  await index.scan();
  assertEquals(index.rows.map(({ name, flag }) => [name, flag]), [["a.txt", 0]]);
  await index.close();
});

Deno.test("a worker that was started ahead is the one that scans; once closed nothing scans, and none is started", async () => {
  using s = stage();
  using workers = countWorkers();
  const index = s.index();
  await index.open();
  index.warm();
  index.warm();
  await index.scan();
  assertEquals(workers.started(), 1);
  await index.close();
  index.warm();
  await assertRejects(() => index.scan(), LabError, "closed");
  assertEquals(workers.started(), 1);
});

Deno.test("what has come is scanned for soon; while more is coming, at its end", async () => {
  using s = stage();
  using workers = countWorkers();
  const clock = new FakeClock();
  const index = s.index(clock);
  await index.open();
  s.temp.file("share/a.txt", "a");
  index.keepCurrent(3_600_000);
  const over = index.incoming();
  index.came();
  clock.advance(10_000);
  assertEquals(workers.started(), 0);
  over();
  clock.advance(1_000);
  assertEquals(workers.started(), 1);
  await index.close();
  const other = s.index(clock);
  await other.open();
  other.keepCurrent(3_600_000);
  other.came();
  clock.advance(1_000);
  assertEquals(workers.started(), 2, "nothing more is coming");
  await other.close();
});
