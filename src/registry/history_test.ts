import { DatabaseSync } from "node:sqlite";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { FakeClock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { silentLogger } from "../base/log.ts";
import { peer, row } from "./_store_contract.ts";
import { announce, Lab } from "./_testing.ts";
import { History, HISTORY_FILE, type HistoryQuery } from "./history.ts";
import { MemoryStore } from "./memory_store.ts";

const START = Date.UTC(2026, 0, 1);
const key = (name: string, letter = "a") => ({ name, sha256: letter.repeat(64), size: 5 });
const pc1 = { cookie: "c1", peer: "pc1" };
const pc2 = { cookie: "c2", peer: "pc2" };

/** What is told: "pc1 a.txt a 0-60", seconds since the start. */
async function told(history: History, asked: Partial<HistoryQuery> = {}): Promise<string[]> {
  const lines: string[] = [];
  for await (const { peer, name, sha256, began, ended } of history.ask({ query: "", ...asked })) {
    const second = (time: number | undefined) => time === undefined ? "" : (time - START) / 1000;
    lines.push(`${peer} ${name} ${sha256[0]} ${second(began)}-${second(ended)}`);
  }
  return lines;
}

async function withHistory(
  test: (history: History, clock: FakeClock, dataDir: string) => Promise<void>,
): Promise<void> {
  const dataDir = await Deno.makeTempDir();
  const clock = new AnswerClock(START);
  const history = History.open({ dataDir, clock, log: silentLogger });
  try {
    await test(history, clock, dataDir);
  } finally {
    history.close();
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** A clock whose shortest sleep takes no time: for giving others their turn. */
class AnswerClock extends FakeClock {
  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return ms === 0 ? Promise.resolve() : super.sleep(ms, signal);
  }
}

Deno.test("who held what from when until when; at a moment; by words", () =>
  withHistory(async (history, clock, dataDir) => {
    history.note(pc1, key("a.txt"), true);
    history.note(pc2, key("a.txt"), true);
    clock.advance(100_000);
    history.note(pc1, key("a.txt"), false);
    history.note(pc1, key("a.txt", "b"), true);
    clock.advance(100_000);
    history.note(pc2, key("a.txt"), false);
    history.note(pc2, key("b.pdf"), true);
    assertEquals(await told(history), [
      ...["pc1 a.txt a 0-100", "pc2 a.txt a 0-200", "pc1 a.txt b 100-", "pc2 b.pdf a 200-"],
    ]);
    assertEquals(await told(history, { query: "*.pdf" }), ["pc2 b.pdf a 200-"]);
    assertEquals(await told(history, { at: START + 50_000 }), ["pc1 a.txt a 0-100", "pc2 a.txt a 0-200"]);
    assertEquals(await told(history, { at: START + 100_000, query: "A.TXT" }), [
      ...["pc2 a.txt a 0-200", "pc1 a.txt b 100-"],
    ]);
    // After a restart, too.
    history.close();
    const again = History.open({ dataDir, clock, log: silentLogger });
    assertEquals((await told(again)).length, 4);
    again.close();
  }));

Deno.test("an index that begins anew changes nothing; a minute away does", () =>
  withHistory(async (history, clock) => {
    history.note(pc1, key("a"), true);
    clock.advance(200_000);
    history.note(pc1, key("a"), false);
    history.note(pc1, key("a"), true);
    clock.advance(5_000);
    // Told in several messages, seconds apart.
    history.note(pc1, key("a"), false);
    clock.advance(30_000);
    history.note(pc1, key("a"), true);
    clock.advance(2_000);
    assertEquals(await told(history), ["pc1 a a 0-"]);
    history.note(pc1, key("a"), false);
    clock.advance(70_000);
    history.note(pc1, key("a"), true);
    assertEquals(await told(history), ["pc1 a a 0-237", "pc1 a a 307-"]);
  }));

Deno.test("what ended a year ago is forgotten; what goes on isn't", () =>
  withHistory(async (history, clock) => {
    history.note(pc1, key("old"), true);
    history.note(pc1, key("kept"), true);
    clock.advance(2_000);
    history.note(pc1, key("old"), false);
    clock.advance(2_000);
    assertEquals((await told(history)).length, 2);
    clock.advance(367 * 24 * 3600_000);
    assertEquals(await told(history), ["pc1 kept a 0-"]);
  }));

Deno.test("a damaged history is set aside and a new one begun", async () => {
  const dataDir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(dataDir, HISTORY_FILE), "no database".repeat(500));
    const history = History.open({ dataDir, clock: new AnswerClock(START), log: silentLogger });
    assertEquals(await told(history), []);
    history.close();
    const names = [...Deno.readDirSync(dataDir)].map(({ name }) => name).sort();
    assertEquals(names.length, 2);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

/** Damages the history of a data folder where it isn't looked at when it is opened. */
function spoil(dataDir: string): void {
  const path = join(dataDir, HISTORY_FILE);
  const db = new DatabaseSync(path);
  const { at, size } = db.prepare(
    "SELECT (rootpage - 1) * page_size AS at, page_size AS size FROM sqlite_master, pragma_page_size " +
      "WHERE name = 'spans'",
  ).get() as { at: number; size: number };
  db.close();
  using file = Deno.openSync(path, { write: true });
  file.seekSync(at, Deno.SeekMode.Start);
  file.writeSync(new Uint8Array(size));
}

Deno.test("damage that shows only later is set aside, too, once; what is held then is in the new file", () =>
  withHistory(async (before, clock, dataDir) => {
    before.note(pc1, key("old"), true);
    before.close();
    const said: string[] = [];
    const hear = (line: string) => said.push(line);
    const open = () => History.open({ dataDir, clock, log: { ...silentLogger, warn: hear, error: hear } });
    const held = { holders: () => ["c1"], heldBy: () => [key("old"), key("new")] };

    spoil(dataDir);
    const history = open();
    await history.align(held, () => "pc1");
    history.note(pc1, key("new"), true);
    clock.advance(2_000);
    assertEquals((await told(history)).map((line) => line.split(" ")[1]).sort(), ["new", "old"]);
    assertEquals(said.length, 1, said.join());
    assertStringIncludes(said[0]!, "set aside as history.sqlite.damaged-");
    history.close();

    // Whoever asks meets it first.
    spoil(dataDir);
    const another = open();
    await assertRejects(() => told(another), LabError, "Cannot read history.sqlite");
    assertEquals(await told(another), []);
    another.close();
  }));

/** A clock by which every step takes a while; it keeps how long was slept. */
class StepClock extends AnswerClock {
  readonly slept: number[] = [];
  #steps = 0;
  override monotonic(): number {
    return super.monotonic() + 5 * this.#steps++;
  }
  override sleep(ms: number): Promise<void> {
    this.slept.push(ms);
    return Promise.resolve();
  }
}

Deno.test("a new file is filled beside other work, and without a pause once somebody waits for it", () =>
  withHistory(async (before, _, dataDir) => {
    before.note(pc1, key("old"), true);
    before.close();
    spoil(dataDir);
    const clock = new StepClock(START);
    const history = History.open({ dataDir, clock, log: silentLogger });
    const keys = Array.from({ length: 2_000 }, (_, n) => key(`file ${n}`));
    const holders = Array.from({ length: 9 }, (_, n) => `c${n}`);
    // Meets the damage, and begins anew beside whatever comes.
    await history.align({ holders: () => holders, heldBy: () => keys }, (cookie) => cookie);
    while (!clock.slept.some((ms) => ms > 0)) await Promise.resolve();
    const [paused, asked] = [clock.slept.length, told(history)];
    assertEquals((await asked).length, 9 * 2_000);
    assertEquals(clock.slept.slice(paused).filter((ms) => ms > 0), []);
    history.close();
  }));

Deno.test("the server tells it what peers announce, and when they leave", () =>
  withHistory(async (history) => {
    await using lab = await Lab.start({ history });
    const pc7 = await lab.join("pc7");
    const { link, cookie } = pc7;
    const row = (name: string) => ({
      ...key(name),
      title: "",
      modified: "2026-01-01T00:00:00Z",
      flag: 1 as const,
    });
    await announce(pc7, [row("x"), row("y")]);
    await link.request({ kind: "Announce", cookie, reset: false, rows: [], gone: ["x"] }, "Announced");
    assertEquals((await told(history)).map((line) => line.split(" ").slice(0, 2).join(" ")), ["pc7 y"]);
    await link.request({ kind: "Leave", cookie }, "Left");
    const spans = await Array.fromAsync(history.ask({ query: "" }));
    assertEquals(spans.map(({ name, ended }) => [name, ended === undefined]), [["y", false]]);
  }));

Deno.test("what changed while the server was off is known at its next start", () =>
  withHistory(async (history, clock) => {
    history.note(pc1, key("kept"), true);
    history.note(pc1, key("changed"), true);
    history.note(pc2, key("left"), true);
    clock.advance(100_000);
    const now = new Map([["c1", [key("kept"), key("changed", "b")]], ["c3", [key("new")]]]);
    await history.align(
      { holders: () => now.keys(), heldBy: (cookie) => now.get(cookie) ?? [] },
      (cookie) => cookie.replace("c", "pc"),
    );
    assertEquals(await told(history), [
      ...["pc1 kept a 0-", "pc1 changed a 0-100", "pc2 left a 0-100", "pc1 changed b 100-", "pc3 new a 100-"],
    ]);
  }));

Deno.test("a server that starts tells its history what its store has", () =>
  withHistory(async (history) => {
    const store = new MemoryStore();
    await store.savePeers([peer(1)]);
    await store.changeHoldings({ cookie: "c1", reset: true, rows: [row("x")], gone: [] });
    history.note({ cookie: "c1", peer: "pc1" }, key("before"), true);
    await using _lab = await Lab.start({ history, data: { store } });
    const spans = await Array.fromAsync(history.ask({ query: "" }));
    assertEquals(spans.map(({ peer, name, ended }) => [peer, name, ended === undefined]), [
      ["pc1", "before", false],
      ["pc1", "x", true],
    ]);
  }));
