/** Notices that something in a share has changed, real ones where the system has them. */

import { assertEquals } from "@std/assert";
import { until } from "../base/_patience.ts";
import { FakeClock, systemClock } from "../base/clock.ts";
import { Lines, TempFolder } from "../storage/_testing.ts";
import { type Notices, ShareWatch } from "./share_watch.ts";

/** Gives these, one after the other, then waits until it's closed. */
function watcher(...events: (Deno.FsEvent | Error)[]): Notices {
  const closed = Promise.withResolvers<void>();
  return {
    close: () => closed.resolve(),
    async *[Symbol.asyncIterator]() {
      for (const event of events) {
        if (event instanceof Error) throw event;
        yield event;
      }
      await closed.promise;
    },
  };
}

const event = (kind: Deno.FsEvent["kind"], ...paths: string[]): Deno.FsEvent => ({ kind, paths });

/** Lets what is under way go on. */
const turn = () => new Promise((resolve) => systemClock.after(0, () => resolve(undefined)));

Deno.test("a name that is not UTF-8 is told of once, and notices go on after it", async () => {
  const [clock, log] = [new FakeClock(), new Lines()];
  const odd = () => watcher(new TypeError("path contains invalid UTF-8 characters"));
  const watchers = [odd(), odd(), watcher(event("create", "/share/a"))];
  let changes = 0;
  const watch = new ShareWatch({
    ...{ share: "/share", clock, log, changed: () => changes++ },
    watch: () => watchers.shift()!,
  });
  await turn();
  assertEquals([watchers.length, changes], [2, 0]);
  for (const left of [1, 0]) {
    clock.advance(3_000);
    await turn();
    assertEquals(watchers.length, left);
  }
  assertEquals(changes, 3);
  assertEquals(log.lines.filter((line) => line.includes("not UTF-8")).length, 1);
  watch.close();
});

Deno.test("where notices end for another reason, or there are none, the intervals are left; our own files are none", async () => {
  for (
    const begin of [() => watcher(new Error("gone")), () => {
      throw new Error("none");
    }]
  ) {
    const [clock, log] = [new FakeClock(), new Lines()];
    const watch = new ShareWatch({ share: "/share", clock, log, changed: () => {}, watch: begin });
    await turn();
    clock.advance(60_000);
    await turn();
    assertEquals(log.lines.filter((line) => line.includes("no change notices")).length, 1);
    watch.close();
  }
  let changes = 0;
  const watch = new ShareWatch({
    ...{ share: "/share", clock: new FakeClock(), log: new Lines(), changed: () => changes++ },
    watch: () => watcher(event("modify", "/share/.labswarm-k.part"), event("access", "/share/a")),
  });
  await turn();
  assertEquals(changes, 0);
  watch.close();
});

Deno.test("while something comes in notices are not asked for; afterwards it counts as one change, and they are again", async () => {
  let [asked, changes] = [0, 0];
  const watch = new ShareWatch({
    ...{ share: "/share", clock: new FakeClock(), log: new Lines(), changed: () => changes++ },
    watch: () => ({
      close: () => {},
      async *[Symbol.asyncIterator]() {
        for (let i = 0; i < 10; i++) {
          asked++;
          yield event("modify", i % 2 === 0 ? "/share/.labswarm-k.part" : "/share/a");
          await turn();
        }
      },
    }),
  });
  const [first, second] = [watch.rest(), watch.rest()];
  for (let turns = 0; turns < 30; turns++) await turn();
  assertEquals([asked, changes], [1, 0]);
  first();
  first();
  for (let turns = 0; turns < 5; turns++) await turn();
  assertEquals([asked, changes], [1, 0]);
  second();
  assertEquals(changes, 1);
  for (let turns = 0; turns < 30; turns++) await turn();
  assertEquals([asked, changes], [10, 6]);
  watch.close();
});

Deno.test("a notice while something comes in is part of the change at its end", async () => {
  let changes = 0;
  const watch = new ShareWatch({
    ...{ share: "/share", clock: new FakeClock(), log: new Lines(), changed: () => changes++ },
    watch: () => watcher(event("modify", "/share/a")),
  });
  const goOn = watch.rest();
  await turn();
  assertEquals(changes, 0);
  goOn();
  assertEquals(changes, 1);
  await turn();
  assertEquals(changes, 1);
  watch.close();
});

Deno.test("closed while something comes in: the watching ends, and nothing counts as changed", async () => {
  let changes = 0;
  const ended = Promise.withResolvers<void>();
  const watch = new ShareWatch({
    ...{ share: "/share", clock: new FakeClock(), log: new Lines(), changed: () => changes++ },
    watch: () => {
      const notices = watcher(event("modify", "/share/.labswarm-k.part"));
      return {
        close: () => notices.close(),
        async *[Symbol.asyncIterator]() {
          yield* notices;
          ended.resolve();
        },
      };
    },
  });
  const goOn = watch.rest();
  await turn();
  watch.close();
  await ended.promise;
  goOn();
  assertEquals(changes, 0);
});

Deno.test({
  name: "the system's own notices: a file with a name in Latin-1, and one after it",
  ignore: Deno.build.os !== "linux",
  async fn() {
    using temp = new TempFolder();
    const share = temp.folder("share");
    const log = new Lines();
    const clock = new FakeClock();
    let changes = 0;
    const watch = new ShareWatch({ share, clock, log, changed: () => changes++ });
    // Names in bytes are written by a program that has them.
    const printf = `touch "$(printf '${share}/caf\\351.txt')"`;
    await new Deno.Command("sh", { args: ["-c", printf] }).output();
    await until("the sentence", () => log.lines.some((line) => line.includes("not UTF-8")), turn);
    // The runtime may tell of that file once more, to whoever watches next: then notices begin again once more.
    const isHeard = async () => {
      clock.advance(3_000);
      const before = changes;
      temp.file("share/a.txt", "a");
      for (let turns = 0; turns < 100 && changes === before; turns++) await turn();
      return changes > before;
    };
    await until("a notice", isHeard, turn);
    watch.close();
  },
});
