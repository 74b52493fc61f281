import { assert, assertEquals, assertMatch } from "@std/assert";
import { unicodeWidth } from "@std/cli";
import { FakeClock } from "../../../base/clock.ts";
import type { NetworkRow } from "../../../peer/fetch/select.ts";
import type { Transfer } from "../../../peer/serve/transfers.ts";
import { choiceLine } from "./choice_line.ts";
import { MenuLog } from "./menu_log.ts";
import { transferLines } from "./work.ts";
import {
  addressFault,
  byName,
  contentChoices,
  ENTRIES,
  fileQuestion,
  heading,
  holdersText,
  logText,
  menuChoices,
  nameTextFault,
  receiverChoices,
  registeredText,
  unquoted,
} from "./texts.ts";

const taken: Transfer = { direction: "in", name: "a.iso", bytes: 5e6, total: 1e7, rate: 1e6, sources: 2 };

Deno.test("a choice fits the terminal as wide as it is now: its hint comes back when that is widened", () => {
  let width = 80;
  const line = choiceLine(
    { value: "x", label: "Send a file", hint: "to another PC, or to the server" },
    () => width,
  );
  const shown = () => [line.label, line.hint];
  assertEquals(shown(), ["Send a file", "to another PC, or to the server"]);
  width = 45;
  assertEquals(shown(), ["Send a file", "to another PC,…"]);
  width = 30;
  assertEquals(shown(), ["Send a file", ""]);
  width = 80;
  assertEquals(shown(), ["Send a file", "to another PC, or to the server"]);
  assertEquals(choiceLine({ value: "x", label: "Leave" }, () => 80).hint, "");
});

Deno.test("transfers under way: what the serve tells and what the menu does, each once", () => {
  assertEquals(transferLines([], [], 80), ["Nothing is under way at the moment"]);
  const given: Transfer = { direction: "out", name: "b", peer: "pc9", bytes: 4096, rate: 0 };
  const jobs = [
    {
      title: "*.iso",
      direction: "in" as const,
      reports: [{ name: "a.iso", bytes: 5e6, total: 1e7, rate: 1e6 }],
    },
    { title: "c to rs", direction: "out" as const, reports: [] },
  ];
  assertEquals(transferLines([taken, given], jobs, 80), [
    "3 transfers",
    "UNDER WAY  NAME     FROM, TO              DONE       RATE   LEFT",
    "sending    c to rs  -                        -          -      -",
    "receiving  a.iso    2 sources  50 % of 10.0 MB  1.00 MB/s  5.0 s",
    "sending    b        pc9                4.10 kB          -      -",
  ]);
  const long = { ...taken, name: "日本\x1b[2J".repeat(40), peer: "x".repeat(64) };
  for (const line of transferLines([long], [], 80)) assert(unicodeWidth(line) <= 80, line);
});

const row = (name: string, peers: string[], more: Partial<NetworkRow> = {}): NetworkRow => ({
  ...{ name, title: "", size: 1200, sha256: "ab".repeat(32), modified: "2026-01-02T03:04:05Z" },
  holders: peers.map((peer) => ({ peer, address: "10.0.0.1", port: 1 })),
  ...more,
});

const status = {
  ...{ peer: "pc7", registered: true, rs: "10.0.0.1:23475", port: 23476, share: "/share" },
  transfers: [],
};

Deno.test("the menu says where things stand", () => {
  assertEquals(menuChoices(undefined).map((choice) => choice.value), [...ENTRIES]);
  assertEquals(menuChoices(status)[0]?.hint, "done: pc7");
  assertMatch(heading(undefined), /^Not registered/);
  assertMatch(heading(status), /^pc7, registered at 10\.0\.0\.1:23475/);
  assertMatch(heading({ ...status, registered: false }), /not registered at the moment/);
  assertMatch(
    registeredText({ ...status, registered: false, fault: "no\nway" }),
    /^Not registered yet \(no\\u\{a\}way\)/,
  );
});

Deno.test("what is typed", () => {
  assertEquals(addressFault("10.0.0.1"), undefined);
  assertEquals(addressFault("rs.lab:23475"), undefined);
  assertMatch(addressFault("")!, /Type its address/);
  assertMatch(addressFault("http://x/")!, /write it like/);
  assertEquals(nameTextFault("pc7"), undefined);
  assertMatch(nameTextFault("a/b")!, /^This name can't be used: /);
  assertMatch(nameTextFault("")!, /Type a name/);
  assertEquals(unquoted(' "C:\\my files\\a.txt" '), "C:\\my files\\a.txt");
  assertEquals(unquoted("it's"), "it's");
});

Deno.test("files to choose among, found by name, title and glob", () => {
  const groups = byName([
    row("b.txt", ["p1"], { title: "Transmission Control" }),
    row("a.txt", ["p1", "p2", "p3", "p4"]),
    row("a.txt", ["p5"], { size: 7 }),
  ]);
  const { choices, matcher } = fileQuestion("?", groups);
  assertEquals(choices.map((choice) => `${choice.label} ${choice.hint}`), [
    "a.txt 2 different contents",
    "b.txt 1.20 kB, Transmission Control, p1",
  ]);
  const found = (typed: string) => choices.map((c) => c.value).filter(matcher!(typed));
  assertEquals(found("control"), ["b.txt"]);
  assertEquals(found("a.*"), ["a.txt"]);
  assertEquals(found(""), ["a.txt", "b.txt"]);
  assertEquals(holdersText(row("a", ["p1", "p2", "p3", "p4"])), "p1, p2 and 2 more");
  assertEquals(contentChoices(groups.get("a.txt")!).map((c) => `${c.value}|${c.label}|${c.hint}`), [
    "p1|p1, p2 and 2 more: 1.20 kB, changed 2026-01-02 03:04|SHA-256 abababab",
    "p5|p5: 7 B, changed 2026-01-02 03:04|SHA-256 abababab",
  ]);
});

Deno.test("texts from the network are harmless, receivers include the registration server", () => {
  const [rs, peer] = receiverChoices([
    {
      name: "p\x1b[2J",
      host: "h",
      address: "10.0.0.2",
      port: 1,
      active: true,
      ttl: 1,
      registrations30d: 1,
      lastRegistered: "",
    },
    {
      name: "gone",
      host: "h",
      address: "10.0.0.3",
      port: 1,
      active: false,
      ttl: 0,
      registrations30d: 1,
      lastRegistered: "",
    },
  ]);
  assertEquals(rs?.value, "rs");
  assert(!peer!.label.includes("\x1b"));
});

Deno.test("the log keeps lines, and hands out what is new once", async () => {
  const clock = new FakeClock(0);
  const written: unknown[] = [];
  const file = { debug() {}, info() {}, error() {}, warn: (...args: unknown[]) => void written.push(args) };
  const log = new MenuLog(clock, file);
  const trouble = log.trouble();
  log.info("one");
  log.warn("two", { peer: "p" });
  await trouble;
  log.news("three");
  assertEquals(log.takeNews().lines.map((line) => `${line.tone} ${line.message}`), [
    "warn two",
    "info three",
  ]);
  assertEquals(log.takeNews(), { lines: [], missed: 0 });
  assertEquals(written, [["two", { peer: "p", told: true }]]);
  for (let i = 0; i < 300; i++) log.error(`e${i}`);
  const { lines, missed } = log.takeNews();
  assertEquals([lines.length, missed, log.entries.length], [8, 292, 100]);
  assertEquals(logText(log.entries.slice(-1), 12_000), "12 s ago: e299");
});
