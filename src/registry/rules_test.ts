import { assert, assertEquals } from "@std/assert";
import { TIMEOUTS } from "../base/limits.ts";
import * as rules from "./rules.ts";
import type { Moment, PeerRecord } from "./rules.ts";

const TTL = 7_200_000;
const DAY = 24 * 3600 * 1000;
const START: Moment = { wall: Date.UTC(2026, 0, 1), mono: 50_000 };
const WHO = { name: "pc7", cookie: "c7", host: "PC7", address: "192.168.1.7", port: 23476 };

function after(ms: number): Moment {
  return { wall: START.wall + ms, mono: START.mono + ms };
}

function registered(): PeerRecord {
  return rules.register(WHO, TTL, START);
}

Deno.test("who listens where another did shows that it's gone, unless that one's connection lives", () => {
  const connected = registered();
  const awaited = rules.disconnected(connected, START);
  const other = { ...WHO, cookie: "c8" };
  const cases: [string, Parameters<typeof rules.displaces>[0], PeerRecord, boolean][] = [
    ["its connection has broken", other, awaited, true],
    ["it was active before a restart", other, rules.restarted(connected, TTL, START), true],
    ["its connection lives: both are behind one router", other, connected, false],
    ["it's inactive already", other, rules.leave(connected), false],
    ["it is the same peer", WHO, awaited, false],
    ["another port", { ...other, port: 23477 }, awaited, false],
    ["another address", { ...other, address: "192.168.1.8" }, awaited, false],
  ];
  for (const [name, claim, record, is] of cases) assertEquals(rules.displaces(claim, record), is, name);
});

Deno.test("each event leads from each state to the right one", () => {
  const connected = registered();
  const awaited = rules.disconnected(connected, START);
  const inactive = rules.leave(connected);
  const state = ({ active, expires, comeBackBy }: PeerRecord): string => {
    if (!active) return expires === 0 && comeBackBy === undefined ? "inactive" : "broken";
    return comeBackBy === undefined ? "connected" : "awaited";
  };
  const events: [string, (record: PeerRecord) => PeerRecord, [string, string, string]][] = [
    ["comeBack", (r) => rules.comeBack(r, WHO, TTL, after(1)), ["connected", "connected", "connected"]],
    ["keepAlive", (r) => rules.keepAlive(r, TTL, after(1)), ["connected", "awaited", "inactive"]],
    ["pquery", (r) => rules.pquery(r, TTL, after(1)), ["connected", "awaited", "inactive"]],
    ["disconnected", (r) => rules.disconnected(r, after(1)), ["awaited", "awaited", "inactive"]],
    ["leave", rules.leave, ["inactive", "inactive", "inactive"]],
    ["restarted", (r) => rules.restarted(r, TTL, after(1)), ["awaited", "awaited", "inactive"]],
    ["expire before grace", (r) => rules.expire(r, after(9_999)), ["connected", "awaited", "inactive"]],
    ["expire after grace", (r) => rules.expire(r, after(10_000)), ["connected", "inactive", "inactive"]],
    ["expire after TTL", (r) => rules.expire(r, after(TTL)), ["inactive", "inactive", "inactive"]],
  ];
  for (const [name, event, expected] of events) {
    assertEquals([connected, awaited, inactive].map((record) => state(event(record))), expected, name);
  }
});

Deno.test("the TTL runs down, is renewed by KeepAlive and PQuery, and is 0 when inactive", () => {
  const record = registered();
  assertEquals(rules.ttlLeft(record, START), 7200);
  assertEquals(rules.ttlLeft(record, after(7_199_001)), 1);
  assertEquals(rules.ttlLeft(rules.keepAlive(record, TTL, after(1000_000)), after(1000_000)), 7200);
  assertEquals(rules.ttlLeft(rules.pquery(record, TTL, after(1000_000)), after(1001_000)), 7199);
  assertEquals(rules.ttlLeft(rules.leave(record), START), 0);
  // Nobody is active with no time left: a second is told until it is noticed that the time is up.
  assertEquals(rules.ttlLeft(record, after(TTL + 500)), 1);
  assertEquals(rules.whyOver(record, after(TTL)), "ttl");
});

Deno.test("what comes back keeps name and cookie, and takes over the rest", () => {
  const moved = { ...WHO, name: "other", cookie: "forged", host: "PC8", address: "192.168.1.8", port: 1 };
  const record = rules.comeBack(rules.leave(registered()), moved, TTL, after(DAY));
  assertEquals(record, {
    ...{ name: "pc7", cookie: "c7", host: "PC8", address: "192.168.1.8", port: 1 },
    ...{ active: true, expires: after(DAY).mono + TTL, comeBackBy: undefined },
    ...{ registrations: [START.wall, START.wall + DAY], lastRegistered: START.wall + DAY },
  });
});

Deno.test("registrations at a server whose clock is minutes ahead count", () => {
  let record = registered();
  record = rules.comeBack(record, WHO, TTL, after(300_000));
  assertEquals(rules.registrationsLately(record, after(1_000)), 2);
  record = rules.comeBack(record, WHO, TTL, after(2_000));
  assertEquals(rules.registrationsLately(record, after(3_000)), 3);
});

Deno.test("registrations count for 30 days, and not those of a time to come", () => {
  let record = registered();
  for (const day of [10, 20, 29.9]) record = rules.comeBack(record, WHO, TTL, after(day * DAY));
  assertEquals(rules.registrationsLately(record, after(29.9 * DAY)), 4);
  assertEquals(rules.registrationsLately(record, after(30 * DAY)), 3);
  assertEquals(rules.registrationsLately(record, after(100 * DAY)), 0);
  record = rules.comeBack(record, WHO, TTL, after(15 * DAY)); // the PC's clock was set back
  assertEquals(record.registrations.map((at) => (at - START.wall) / DAY), [0, 10, 15]);
  for (let i = 0; i < rules.REGISTRATIONS_KEPT + 5; i++) {
    record = rules.comeBack(record, WHO, TTL, after(15 * DAY + i));
  }
  assertEquals(record.registrations.length, rules.REGISTRATIONS_KEPT);
});

Deno.test("setting the PC's clock ends no lease", () => {
  const { mono } = after(1000);
  assertEquals(rules.whyOver(registered(), { wall: START.wall + 400 * DAY, mono }), undefined);
});

Deno.test("after a restart there is more time to come back", () => {
  const record = rules.restarted(registered(), TTL, after(0));
  assertEquals(rules.whyOver(record, after(TIMEOUTS.graceAfterRestart - 1)), undefined);
  assertEquals(rules.whyOver(record, after(TIMEOUTS.graceAfterRestart)), "grace");
});

Deno.test("a taken name gets a number, and stays within 64 units of whole characters", () => {
  const taken = new Set(["pc7", "pc7-2", "x".repeat(64), "😀".repeat(32)]);
  const free = (name: string, first?: number) => rules.freeName(name, (each) => taken.has(each), first).name;
  assertEquals(free("pc8"), "pc8");
  assertEquals(free("pc7"), "pc7-3");
  assertEquals(free("pc7", 9), "pc7-9");
  assertEquals(free("x".repeat(64)), "x".repeat(62) + "-2");
  assertEquals(free("😀".repeat(32)), "😀".repeat(31) + "-2");
  assert(free("😀".repeat(32)).isWellFormed());
});
