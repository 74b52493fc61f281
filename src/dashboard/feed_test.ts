import { cpuTime } from "../base/_cpu_time.ts";
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { LabError } from "../base/errors.ts";
import { seededRandom } from "../base/random.ts";
import { FakeLab, file, peer } from "./_testing.ts";
import { byName, percent, plain, rate, sentence, size, span } from "./page/format.js";
import { LabState, Meter } from "./page/state.js";

const read = (text: string | undefined) => text === undefined ? undefined : JSON.parse(text);

Deno.test("only what has changed is told", () => {
  const lab = new FakeLab();
  lab.rows.peers = [peer("a"), peer("b")];
  assertEquals(read(lab.feed.step()).peers.set.length, 2);
  assertEquals(lab.feed.step(), undefined);
  lab.rows.peers = [peer("b", { state: "off" }), peer("c")];
  assertEquals(read(lab.feed.step()), {
    peers: { set: [peer("b", { state: "off" }), peer("c")], gone: ["a"] },
  });
});

Deno.test("whatever happens in the lab, a page that follows from anywhere on has the same", () => {
  const random = seededRandom(7);
  const lab = new FakeLab();
  const pages: LabState[] = [];
  for (let step = 0; step < 200; step++) {
    const name = `p${Math.floor(random.next() * 20)}`;
    const others = lab.rows.peers.filter((row) => row.name !== name);
    lab.rows.peers = random.next() < 0.3 ? others : [...others, peer(name, { files: step })];
    if (random.next() < 0.2) lab.events.add({ at: step, level: "info", text: `step ${step}` });
    const changes = read(lab.feed.step());
    if (changes) { for (const page of pages) page.changes(changes, step); }
    if (step % 50 === 0) {
      const page = new LabState();
      page.all(read(lab.feed.all()), step);
      pages.push(page);
    }
  }
  const sorted = (rows: Iterable<{ name: string }>) => [...rows].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const page of pages) {
    assertEquals(sorted(page.peers.values()), sorted(lab.rows.peers));
    assertEquals(page.events, [...lab.events.all()]);
  }
});

Deno.test("a storm of events: the last ones are told", () => {
  const lab = new FakeLab();
  lab.feed.step();
  for (let i = 0; i < 1000; i++) lab.events.add({ at: i, level: "info", text: String(i) });
  const { events } = read(lab.feed.step());
  assertEquals([events.length, events.at(-1).text], [100, "999"]);
  assertEquals(lab.events.all().length, 200);
});

Deno.test("400 PCs: a step takes a few milliseconds", () => {
  const lab = new FakeLab();
  lab.rows.peers = Array.from({ length: 400 }, (_, i) => peer(`lab-${i}`));
  lab.feed.step();
  const began = cpuTime();
  for (let i = 0; i < 20; i++) {
    lab.rows.peers[i] = peer(`lab-${i}`, { files: 1 });
    lab.feed.step();
  }
  assertLess((cpuTime() - began) / 20, 25);
});

Deno.test("files: sorted, searched, filtered, by page; made anew when something changed, but not all the time", () => {
  const lab = new FakeLab();
  lab.rows.files = [
    ...Array.from(
      { length: 500 },
      (_, i) => file(`f${String(i).padStart(3, "0")}.txt`, { holders: 3, size: i }),
    ),
    file("Last.PDF", { holders: 1, title: "The End" }),
    file("away.pdf", { holders: 0 }),
  ];
  lab.version = 1;
  const ask = (more = {}) =>
    lab.files_.page({ query: "", sort: "rarity", only: "all", offset: 0, limit: 100, ...more });
  assertEquals(lab.files_.summary(), { version: 1, total: 502, last: 1, away: 1, cut: false });
  assertEquals(ask().rows.slice(0, 3).map(({ name }) => name), ["away.pdf", "Last.PDF", "f000.txt"]);
  assertEquals(ask({ sort: "size" }).rows[0]!.name, "f499.txt");
  assertEquals(ask({ sort: "name", offset: 500 }).rows.map(({ name }) => name), ["f499.txt", "Last.PDF"]);
  assertEquals(ask({ query: "END pdf" }).total, 1);
  assertEquals(ask({ only: "last" }).rows.map(({ name }) => name), ["Last.PDF"]);
  assertEquals(ask({ limit: 1e9 }).rows.length, 200);
  assert(!("text" in ask().rows[0]!));
  assertEquals(lab.looks, 1);
  lab.version = 2;
  lab.rows.files = [];
  ask();
  assertEquals(lab.looks, 1);
  lab.clock.advance(1_000);
  assertEquals(ask().total, 0);
});

Deno.test("pages: nobody looks, nothing is worked out; who doesn't read is let go; not more than there is room for", async () => {
  const lab = new FakeLab();
  let looks = 0;
  lab.peers = () => {
    looks++;
    return [];
  };
  lab.clock.advance(10_000);
  assertEquals(looks, 0);
  const reader = lab.live.open().getReader();
  await reader.read();
  for (let i = 0; i < 100; i++) {
    lab.events.add({ at: i, level: "info", text: "x" });
    lab.clock.advance(500);
  }
  assertEquals(lab.live.size, 0);
  const now = looks;
  lab.clock.advance(10_000);
  assertEquals(looks, now);
  const streams = Array.from({ length: 64 }, () => lab.live.open());
  assertThrows(() => lab.live.open(), LabError, "64 are open already");
  lab.live.close();
  for (const stream of streams) await stream.cancel();
  await reader.cancel();
});

Deno.test("numbers, sizes and times for people; nothing hidden in a text", () => {
  assertEquals([size(0), size(999), size(1_340_000), size(999_600), size(2e9)], [
    ...["0 B", "999 B", "1.34 MB", "1.00 MB", "2.00 GB"],
  ]);
  assertEquals(rate(11_900_000), "11.9 MB/s");
  assertEquals([percent(999, 1000), percent(1000, 1000), percent(0, 0)], [99, 100, 100]);
  assertEquals([span(3), span(180), span(7200), span(5 * 86400)], ["3 s", "3 min", "2 h", "5 days"]);
  assertEquals(plain("a\u202eb\nc\x1b"), "a\\u{202e}b\\u{a}c\\u{1b}");
  assertEquals(["PC-10", "pc-2", "PC-1"].sort(byName), ["PC-1", "pc-2", "PC-10"]);
});

Deno.test("a name that is read from the right turns nothing else of a sentence", () => {
  const isolated = (name: string) => `\u2068${name}\u2069`;
  const hebrew = "מעבדה-שבע 7 ב";
  assertEquals(sentence(`Announce: ${hebrew}: 44 files`), `Announce: ${isolated(hebrew)}: 44 files`);
  assertEquals(
    sentence("Lost: مختبر-الحاسوب (10.0.0.7:29006), מ; it has 10 s"),
    `Lost: ${isolated("مختبر-الحاسوب")} (10.0.0.7:29006), ${isolated("מ")}; it has 10 s`,
  );
  assertEquals(sentence("pc-7: 计算机 Zoë"), "pc-7: 计算机 Zoë");
  assertEquals(sentence("a\u2068b"), "a\\u{2068}b", "only ours");
});

Deno.test("a rate over the last seconds; standing still is no speed", () => {
  const meter = new Meter();
  assertEquals(meter.rate(0), 0);
  for (let s = 0; s <= 10; s++) meter.report(s * 2e6, s * 1000);
  assertEquals(meter.rate(10_500), 2e6);
  assertEquals(meter.rate(15_000), 0);
  meter.report(1e6, 16_000);
  assertEquals(meter.rate(16_000), 0);
});
