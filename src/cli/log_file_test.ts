/** A log over years: bounded whatever happens, and never dead for good. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { FakeClock } from "../base/clock.ts";
import { NO_VOLUME, TempFolder, tinyVolume } from "../storage/_testing.ts";
import { type LogFileOptions, OLD_FILES, RotatingFile } from "./log_file.ts";

const MAX = 10_000;
/** A line of 100 bytes. */
const line = (n: number) => `${String(n).padStart(99, ".")}\n`;

class World {
  readonly clock = new FakeClock();
  readonly said: string[] = [];
  readonly log: RotatingFile;
  #n = 0;

  constructor(readonly folder: string, options: Partial<LogFileOptions> = {}) {
    this.log = new RotatingFile({
      ...{ path: `${folder}/x.log`, rotate: true, clock: this.clock, maxBytes: MAX },
      tell: (sentence) => this.said.push(sentence),
      ...options,
    });
  }

  /** So many lines, some each second. */
  write(lines: number): void {
    for (let i = 0; i < lines; i++) {
      this.log.write(line(this.#n++));
      if (i % 10 === 9) this.clock.advance(1_000);
    }
    this.clock.advance(1_000);
  }

  /** Numbers of the lines of a file. */
  numbers(name = "x.log"): number[] {
    const text = Deno.readTextFileSync(`${this.folder}/${name}`);
    return text.split("\n").slice(0, -1).map((each) => Number(each.replaceAll(".", "")));
  }

  sizes(): Record<string, number> {
    const names = [...Deno.readDirSync(this.folder)].filter(({ isFile }) => isFile).map(({ name }) => name);
    return Object.fromEntries(
      names.sort().map((name) => [name, Deno.statSync(`${this.folder}/${name}`).size]),
    );
  }

  get last(): number {
    return this.#n - 1;
  }
}

const upTo = (last: number, count: number) => Array.from({ length: count }, (_, i) => last - count + 1 + i);

Deno.test("whatever is logged, there are five files, none larger than it may be, without a gap", async () => {
  using temp = new TempFolder();
  const w = new World(temp.path);
  w.write(3_000);
  await w.log.close();
  const names = ["x.log", ...Array.from({ length: OLD_FILES }, (_, i) => `x.log.${i + 1}`)];
  assertEquals(Object.keys(w.sizes()), names);
  for (const size of Object.values(w.sizes())) assert(size <= MAX, `${size}`);
  const all = names.toReversed().flatMap((name) => w.numbers(name));
  assertEquals(all, upTo(w.last, all.length));
  assertEquals(w.said, []);
});

Deno.test("where only the file itself may be written it stays bounded too, and keeps what was said last", async () => {
  using temp = new TempFolder();
  const w = new World(temp.path, { rotate: false });
  for (let i = 0; i < 50; i++) {
    w.write(100);
    const { "x.log": size = 0, ...others } = w.sizes();
    assertEquals(others, {});
    assert(size <= MAX * (1 + OLD_FILES), `${size}`);
    const numbers = w.numbers();
    assertEquals(numbers, upTo(w.last, numbers.length));
    assert(i < 5 || numbers.length >= 200);
  }
  await w.log.close();
});

Deno.test("a file that can't be renamed goes on, bounded; later it's renamed after all", async () => {
  using temp = new TempFolder();
  const w = new World(temp.path);
  // As if another program held it: nothing can be renamed over a folder.
  const inTheWay = [1, 2, 3, 4].map((i) => `x.log.${i}`);
  for (const name of inTheWay) temp.folder(`${name}/something`);
  for (let i = 0; i < 30; i++) {
    w.write(100);
    assert(w.sizes()["x.log"]! <= MAX);
    const numbers = w.numbers();
    assertEquals(numbers, upTo(w.last, numbers.length));
  }
  for (const name of inTheWay) Deno.removeSync(temp.at(name), { recursive: true });
  w.clock.advance(60_000);
  w.write(60);
  assertEquals(Object.keys(w.sizes()), ["x.log", "x.log.1"]);
  assertEquals([...w.numbers("x.log.1"), ...w.numbers()].at(-1), w.last);
  assertEquals(w.said, []);
  await w.log.close();
});

Deno.test("a file that somebody renames or removes is begun anew; one that is emptied goes on", async () => {
  using temp = new TempFolder();
  const w = new World(temp.path);
  w.write(10);
  Deno.renameSync(temp.at("x.log"), temp.at("away.log"));
  w.write(10);
  assertEquals([w.numbers("away.log"), w.numbers()], [upTo(9, 10), upTo(19, 10)]);
  Deno.removeSync(temp.at("x.log"));
  w.write(10);
  Deno.truncateSync(temp.at("x.log"));
  w.write(10);
  assertEquals(w.numbers(), upTo(39, 10));
  await w.log.close();
});

Deno.test("while nothing can be written that is said once, memory stays small, and afterwards it says what is missing", async () => {
  using temp = new TempFolder();
  const w = new World(temp.path, { maxBytes: 10_000_000 });
  w.write(10);
  Deno.removeSync(temp.at("x.log"));
  temp.folder("x.log");
  w.write(50_000);
  assertEquals(w.said.length, 1);
  assertMatch(w.said[0]!, /^Cannot write the log file .*x\.log: .*; tried again until it works$/);
  Deno.removeSync(temp.at("x.log"));
  w.write(10);
  const [first, ...rest] = Deno.readTextFileSync(temp.at("x.log")).split("\n").slice(0, -1);
  const { message } = JSON.parse(first!);
  assertMatch(message, /^\d+ lines are missing here$/);
  assertEquals(rest.length + parseInt(message), 50_010);
  assert(rest.length * 100 <= 1_001_000, `${rest.length} lines had waited`);
  assertEquals(rest.at(-1), line(w.last).trimEnd());
  assertEquals(w.said.slice(1), [`The log file ${temp.at("x.log")} is being written again`]);
  await w.log.close();
});

Deno.test(
  "on a full disk, too; with room again nothing is missing" + NO_VOLUME,
  { ignore: NO_VOLUME !== "" },
  async () => {
    using volume = tinyVolume(512 * 1024)!;
    const ballast = volume.file("ballast", new Uint8Array(440 * 1024));
    const w = new World(volume.path, { maxBytes: 10_000_000 });
    w.write(2_000);
    assertEquals(w.said.length, 1);
    assertMatch(w.said[0]!, /No space left/);
    const before = w.numbers();
    assertEquals(before, upTo(before.length - 1, before.length), "no half line");
    Deno.removeSync(ballast);
    w.write(10);
    assertEquals(w.numbers(), upTo(2_009, 2_010));
    assertEquals(w.said.length, 2);
    await w.log.close();
  },
);
