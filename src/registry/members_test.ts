import { assert, assertEquals, assertThrows } from "@std/assert";
import { LabError } from "../base/errors.ts";
import { nameKey, peerNameFault } from "../catalog/names.ts";
import * as fc from "../deps/fast_check.ts";
import { Members, toldOf, toWire } from "./members.ts";
import { CLOCKS_APART, type Moment, REGISTRATION_WINDOW, ttlLeft } from "./rules.ts";

const claim = (name: string) => ({ name, host: "PC", address: "192.168.1.7", port: 23476 });

/** Members with a clock and cookies of their own. */
class Bench {
  now: Moment = { wall: Date.UTC(2026, 0, 1), mono: 0 };
  #cookies = 0;
  /** @param prefix of fresh cookies: another one after a restart, so that none is given twice. */
  constructor(readonly members = new Members(7_200_000), readonly prefix = "c") {}
  register(name: string, cookie?: string) {
    return this.members.register(claim(name), cookie, `${this.prefix}${this.#cookies++}`, this.now);
  }
  pass(ms: number) {
    this.now = { wall: this.now.wall + ms, mono: this.now.mono + ms };
    return this.members.expire(this.now);
  }
  names(options?: { all?: boolean; after?: string }) {
    return [...this.members.list(options)].map((record) => record.name);
  }
}

Deno.test("a newcomer, one that comes back, an unknown cookie, a taken name", () => {
  const bench = new Bench();
  const first = bench.register("pc7");
  assertEquals([first.record.name, first.cameBack], ["pc7", false]);
  const back = bench.register("something else", first.record.cookie);
  assertEquals([back.record.name, back.record.cookie, back.cameBack], ["pc7", "c0", true]);
  assertEquals(back.record.registrations.length, 2);
  const stranger = bench.register("pc9", "nobody's");
  assertEquals([stranger.record.name, stranger.record.cookie], ["pc9", "c2"]);
  assertEquals(bench.register("PC7").record.name, "PC7-2");
  assertEquals(bench.register("pc7").record.name, "pc7-3");
  assertEquals(bench.register("pc7-2").record.name, "pc7-2-2");
});

Deno.test("a newcomer at the place of one whose connection broke: that one is inactive, and comes back", () => {
  const bench = new Bench();
  for (const name of ["gone", "alive"]) bench.register(name);
  bench.members.disconnected("c0", bench.now);
  const { displaced } = bench.register("new");
  assertEquals(displaced.map(({ name, active }) => [name, active]), [["gone", false]]);
  assertEquals(bench.names(), ["alive", "new"]);
  bench.members.disconnected("c2", bench.now);
  // Behind one router both may be right: each comes back by itself.
  assertEquals(bench.register("gone", "c0").displaced.map(({ name }) => name), ["new"]);
  assertEquals(bench.register("new", "c2").displaced, []);
  assertEquals(bench.names(), ["alive", "gone", "new"]);
  bench.members.forget("c0");
  assertEquals(bench.names(), ["alive", "new"]);
});

Deno.test("who is put out is expected no longer, its name is free, and who asks what has changed hears of it", () => {
  const bench = new Bench();
  for (const name of ["pc7", "pc8"]) bench.register(name);
  const { version } = bench.members;
  assertEquals(bench.members.expel("c0")?.active, false);
  assertEquals([bench.names({ all: true }), bench.members.size, bench.members.active], [["pc8"], 1, 1]);
  assertEquals(bench.members.byName("pc7"), undefined);
  const told = () => [...bench.members.changes(version)].map(({ record }) => [record.name, record.active]);
  assertEquals(told(), [["pc7", false]]);
  // Its last words, and what another server has of it, come too late.
  assertThrows(() => bench.register("pc7", "c0"), LabError, "revoked");
  assertEquals(bench.members.leave("c0")?.active, false);
  bench.members.adopt({ ...bench.members.byCookie("c0")!, active: true }, true, bench.now);
  assertEquals(bench.names({ all: true }), ["pc8"]);
  assertEquals(bench.register("PC7").record.name, "PC7");
  assertEquals(told(), [["pc7", false], ["PC7", true]]);
  assertEquals(bench.names({ all: true }), ["PC7", "pc8"]);
  assertEquals([bench.members.expel("c0"), bench.members.expel("nobody's")], [undefined, undefined]);
  bench.members.forget("c0");
  assertEquals([bench.names({ all: true }), bench.members.size], [["PC7", "pc8"], 2]);
});

Deno.test("lists are in the order of names, go on after any name, and leave out who is inactive", () => {
  const bench = new Bench();
  for (const name of ["b", "D", "a", "c"]) bench.register(name);
  bench.members.leave("c3");
  assertEquals(bench.names(), ["a", "b", "D"]);
  assertEquals(bench.names({ all: true }), ["a", "b", "c", "D"]);
  assertEquals(bench.names({ after: "b" }), ["D"]);
  assertEquals(bench.names({ after: "bb", all: true }), ["c", "D"]);
  assertEquals(bench.names({ after: "d" }), []);
});

Deno.test("a thousand PCs with one host name get a thousand names, quickly", () => {
  const bench = new Bench();
  for (let i = 0; i < 1000; i++) bench.register("lab");
  assertEquals(bench.names().length, 1000);
  assertEquals(bench.members.byName("LAB-1000")?.cookie, "c999");
});

Deno.test("when records run out, the oldest inactive one is forgotten, never an active one", () => {
  const bench = new Bench(new Members(7_200_000, 2));
  bench.register("a");
  bench.pass(1);
  bench.register("b");
  assertThrows(() => bench.register("c"), LabError, "no room");
  bench.members.leave("c1");
  assertEquals(bench.register("c").forgotten, "c1");
  assertEquals(bench.names({ all: true }), ["a", "c"]);
  assertEquals(bench.members.byName("b"), undefined);
});

Deno.test("property: whatever happens, the rules of the records hold", () => {
  const event = fc.oneof(
    fc.record({
      kind: fc.constant("register" as const),
      name: fc.constantFrom("pc1", "PC1", "pc1-2", "x".repeat(64), "é", "e\u0301"),
      who: fc.nat(12),
    }),
    fc.record({
      kind: fc.constantFrom(
        ...["renew" as const, "disconnected" as const, "leave" as const, "expel" as const],
      ),
      who: fc.nat(8),
    }),
    fc.record({
      kind: fc.constant("pass" as const),
      ms: fc.constantFrom(1, 9_000, 20_000, 7_000_000, 1e9, 3e9),
    }),
    fc.record({ kind: fc.constant("setClock" as const), ms: fc.integer({ min: -4e9, max: 4e9 }) }),
    fc.record({ kind: fc.constant("restart" as const) }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      let bench = new Bench(new Members(7_200_000, 6));
      for (const each of events) {
        if (each.kind === "register") tryRegister(bench, each.name, `c${each.who}`);
        else if (each.kind === "pass") bench.pass(each.ms);
        else if (each.kind === "setClock") bench.now = { ...bench.now, wall: bench.now.wall + each.ms };
        else if (each.kind === "restart") bench = restart(bench);
        else if (each.kind === "leave") bench.members.leave(`c${each.who}`);
        else if (each.kind === "expel") expel(bench, `c${each.who}`);
        else bench.members[each.kind](`c${each.who}`, bench.now);
        demandRules(bench);
      }
    }),
    { numRuns: 300 },
  );
});

function tryRegister(bench: Bench, name: string, cookie: string): void {
  const known = bench.members.byCookie(cookie);
  const before = known?.registrations.filter((at) =>
    at <= bench.now.wall + CLOCKS_APART && at > bench.now.wall - REGISTRATION_WINDOW
  );
  try {
    const { record, cameBack } = bench.register(name, cookie);
    assertEquals(cameBack, known !== undefined);
    if (known) assertEquals([record.name, record.cookie], [known.name, known.cookie]);
    assertEquals(record.registrations.length, (before?.length ?? 0) + 1);
    assertEquals(record.lastRegistered, bench.now.wall);
  } catch (thrown) {
    assert(thrown instanceof LabError && thrown.code === "busy");
    assertEquals(bench.members.active, 6);
  }
}

function expel({ members }: Bench, cookie: string): void {
  members.expel(cookie);
  // As the server does: it's in no store any more.
  members.forget(cookie);
}

function restart(bench: Bench): Bench {
  const next = new Bench(new Members(7_200_000, 6), bench.prefix + "c");
  next.now = { wall: bench.now.wall, mono: 0 };
  next.members.load([...bench.members.list({ all: true })], next.now);
  return next;
}

function demandRules({ members, now }: Bench): void {
  const records = [...members.list({ all: true })];
  assertEquals(members.size, records.length);
  assertEquals(new Set(records.map(({ name }) => nameKey(name))).size, records.length, "names are unique");
  assertEquals(new Set(records.map(({ cookie }) => cookie)).size, records.length, "cookies are unique");
  const keys = records.map(({ name }) => nameKey(name));
  assertEquals(keys, keys.toSorted(), "in order");
  for (const record of records) {
    assertEquals(members.byCookie(record.cookie), record);
    assertEquals(members.byName(record.name), record);
    assertEquals(peerNameFault(record.name), undefined);
    assertEquals(
      record.active || (ttlLeft(record, now) === 0 && record.expires === 0),
      true,
      "inactive, ttl 0",
    );
    assertEquals(record.registrations, record.registrations.toSorted((a, b) => a - b), "ascending");
    const newest = record.registrations.at(-1)!;
    assert(record.registrations.every((at) => at > newest - REGISTRATION_WINDOW), "in the window");
  }
  assertEquals([...members.list()], records.filter(({ active }) => active));
  assertEquals(members.active, records.filter(({ active }) => active).length);
}

Deno.test("what has changed is made once for those who are told the same, and anew as soon as anything differs", () => {
  const bench = new Bench();
  const { cookie } = bench.register("pc7").record;
  const seen = () => bench.members.byCookie(cookie)!;
  let last = toldOf(seen(), "192.168.1.7", bench.now);
  const isSame = (address = "192.168.1.7", id?: string) => {
    const told = toldOf(seen(), address, bench.now, id);
    assertEquals(told, toWire(seen(), address, bench.now, id));
    const same = told === last;
    last = told;
    return same;
  };
  assert(isSame());
  bench.pass(5_000);
  assert(!isSame(), "the time left");
  bench.members.renew(cookie, bench.now);
  assert(!isSame(), "the whole time again");
  bench.members.renew(cookie, bench.now);
  assert(isSame(), "a KeepAlive changes nothing that is told");
  assert(!isSame("10.0.0.1"), "another way to it");
  assert(!isSame("10.0.0.1", "m"), "a secured lab's id");
  bench.register("pc7", cookie);
  assert(!isSame("10.0.0.1", "m"), "it registered again");
  assertEquals(last.registrations30d, 2);
  bench.members.leave(cookie);
  assert(!isSame("10.0.0.1", "m"), "it left");
  assertEquals([last.active, last.ttl], [false, 0]);
  // It's inactive: only the days pass.
  bench.now = { wall: bench.now.wall + REGISTRATION_WINDOW, mono: bench.now.mono };
  assert(!isSame("10.0.0.1", "m"), "registrations that don't count any more");
  assertEquals(last.registrations30d, 0);
});
