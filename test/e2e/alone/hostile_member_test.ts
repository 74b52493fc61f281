/**
 * A secured lab with a member who means ill: what it does with its own key, said by hand, while honest traffic goes on; and
 * what honest traffic costs there.
 */

import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { join } from "@std/path";
import type { Lab, Running } from "../../../scripts/programs.ts";
import { systemClock as clock } from "../../../src/base/clock.ts";
import { LabError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import type { Credentials } from "../../../src/join/credentials.ts";
import { LabSecurity } from "../../../src/join/lab_security.ts";
import type { Message, WireRow } from "../../../src/protocol/messages.ts";
import { connect } from "../../../src/transport/connect.ts";
import type { Connection } from "../../../src/transport/connection.ts";
import { Watchdog } from "../../../src/transport/watchdog.ts";
import { assertFile, bytesOf, MB, put, shared } from "../files.ts";
import { assertCode, eventsOf, labTest } from "../lab.ts";

const SHA = "ab".repeat(32);
/** Seen on a terminal it would clear it, and forge a line of the log. */
const ESCAPES = "\x1b[2J\r\nINFO Registered \x07\u202eevil";

/** A secured lab with these members, who have joined. */
async function stage(lab: Lab, ...pcs: string[]) {
  const { address, code, running, port } = await lab.securedRs();
  const peers = await Promise.all(pcs.map((pc) => lab.peer(pc, address, "--join", code)));
  return { rs: running, address, code, port, peers };
}

/** What a member has: the key in its data folder, and nothing that keeps it to the rules. */
async function villain(lab: Lab, pc: string) {
  const kept = JSON.parse(await Deno.readTextFile(join(lab.pc(pc), "peer-data/membership.json")));
  const security = await LabSecurity.from(kept as Credentials);
  const options = { clock, watchdog: new Watchdog(clock), security };
  const open: Connection[] = [];
  return {
    id: security.self.id,
    async dial(port: number, id: string): Promise<Connection> {
      const identity = { role: "peer" as const, name: "rs", agent: "evil" };
      const { connection } = await connect({ host: "127.0.0.1", port, id }, identity, options);
      open.push(connection);
      return connection;
    },
    close: () => open.forEach((each) => each.close()),
  };
}

async function refused(connection: Connection, message: Message, code: string, text: string): Promise<void> {
  const exchange = connection.open(message);
  const e = await assertRejects(() => exchange.next(), LabError, text);
  assertEquals(e.code, code, `${message.kind}: ${e.message}`);
}

function memoryOf({ pid }: Running): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) * 1024;
}

function rows(from: number, count: number): WireRow[] {
  return Array.from({ length: count }, (_, i) => ({
    ...{ name: `bomb/${from + i}.bin`, title: "", size: 1, sha256: SHA, flag: 1 as const },
    modified: "2026-01-02T03:04:05Z",
  }));
}

/** Honest work beside it: another member fetches, and finds what it should. */
async function honest(lab: Lab, name: string): Promise<void> {
  const ended = assertCode(
    await lab.run("peer", "bob", ["fetch", "good.bin", "--json", "--out", `share/${name}`]),
    0,
  );
  assertFile(String(eventsOf(ended, "fetched")[0]?.path), bytesOf(2 * MB, 1));
}

labTest(
  "a member who means ill: commands, others' names and addresses, forged lines, an index bomb",
  async (lab, t) => {
    put(lab.pc("alice"), "share/good.bin", bytesOf(2 * MB, 1));
    const { rs, port, peers: [alice, bob] } = await stage(lab, "alice", "bob", "mallory");
    await lab.started.find(({ title }) => title.startsWith("mallory"))!.kill();
    await alice!.said(/Shared/);
    const mallory = await villain(lab, "mallory");
    const victim = String((await bob!.event("registered")).cookie);
    const victimPort = Number((await bob!.event("listening")).port);
    try {
      const link = await mallory.dial(port, "rs");
      const toBob = await mallory.dial(victimPort, victim);

      await t.step("commands: refused by the server and straight at a peer", async () => {
        const file: [string, number, string] = ["virus.exe", 5, SHA];
        const offer: Message = {
          ...{ kind: "Offer", purpose: "broadcast", id: "1", peer: "rs", port: 9, files: [file], bytes: 5 },
        };
        await refused(toBob, offer, "not_permitted", "takes a lead");
        await refused(toBob, { kind: "Withdraw", id: "1" }, "unsupported", "does not answer");
        const broadcast = { id: "1", name: "x", peer: "rs", at: 0, files: [file], lasts: 60 };
        await refused(link, { kind: "Broadcast", ...broadcast }, "not_permitted", "takes a lead");
        await refused(link, { kind: "Receipts", id: "1", peers: [] }, "not_found", "broadcast");
        assert(bob!.stderr.includes("A broadcast from mallory was refused"), bob!.stderr);
        await honest(lab, "one");
      });

      await t.step("others' names, cookies and addresses; lines that a terminal would obey", async () => {
        const register: Message = { kind: "Register", name: "alice", host: ESCAPES, port: victimPort };
        await refused(link, { ...register, cookie: victim }, "not_permitted", "another peer's");
        await refused(link, { kind: "Leave", cookie: victim }, "not_permitted", "another peer's");
        const { peer, cookie, address } = await link.request(register, "Registered");
        assertEquals([peer, cookie, address], ["mallory", mallory.id, "127.0.0.1"]);
        // It says that it's where bob is, and has what alice has: whoever dials it there finds out that bob isn't mallory.
        const alices = await link.request({ kind: "RFCQuery", patterns: ["good.bin"] }, "RFCIndex");
        const { holders: _, ...good } = alices.rows[0]!;
        const evil = { ...good, name: ESCAPES };
        const announce = { cookie, reset: true, rows: [good, evil], gone: [] };
        assertEquals((await link.request({ kind: "Announce", ...announce }, "Announced")).rows, 1);
        await honest(lab, "two");
        const alone = ["fetch", "good.bin", "--from", "mallory", "--out", "share/x"];
        const ended = await lab.run("peer", "bob", alone);
        assert(ended.code !== 0 && /another PC answers there/.test(ended.stderr), ended.stderr);
        await rs.said(/Announce .*mallory: 1 row refused/);
        const said = [rs, alice!, bob!].map(({ stderr }) => stderr).join();
        // deno-lint-ignore no-control-regex
        assert(!/[\x00-\x09\x0b-\x1f\x7f\u202e]/.test(said), JSON.stringify(said.slice(-2000)));
        assert(!/^INFO Registered .*evil/m.test(said), "a forged line");
      });

      await t.step(
        "an index of a million rows: refused where it's full, and what it held is let go",
        async () => {
          const announce = (at: number, reset = false) =>
            link.request(
              { kind: "Announce", cookie: mallory.id, reset, rows: rows(at, LIMITS.pageRows), gone: [] },
              "Announced",
            );
          await announce(0, true);
          const before = memoryOf(rs);
          let kept = 0;
          let full = 0;
          for (let at = 0; at < 1_000_000; at += LIMITS.pageRows) {
            try {
              kept = (await announce(at)).rows;
            } catch (thrown) {
              assertEquals((thrown as LabError).code, "busy");
              full++;
            }
          }
          assertEquals([kept, full], [
            LIMITS.rowsPerPeer,
            (1_000_000 - LIMITS.rowsPerPeer) / LIMITS.pageRows,
          ]);
          const grown = memoryOf(rs) - before;
          assertLess(grown, 400 * MB, `${Math.round(grown / MB)} MB for ${kept} rows`);
          await honest(lab, "three");
          await link.request(
            { kind: "Announce", cookie: mallory.id, reset: true, rows: [], gone: [] },
            "Announced",
          );
        },
      );
    } finally {
      mallory.close();
    }
  },
);

labTest(
  "a member who asks for too much: long searches on 24 connections, messages that nobody reads",
  async (lab, t) => {
    put(lab.pc("alice"), "share/good.bin", bytesOf(2 * MB, 1));
    const { port, peers: [alice] } = await stage(lab, "alice", "bob", "mallory");
    await lab.started.find(({ title }) => title.startsWith("mallory"))!.kill();
    await alice!.said(/Shared/);
    const mallory = await villain(lab, "mallory");
    const asker = await villain(lab, "bob");
    try {
      await t.step("searches: the server answers others at once meanwhile", async () => {
        const link = await mallory.dial(port, "rs");
        await link.request({ kind: "Register", name: "mallory", host: "pc", port: 9 }, "Registered");
        for (let at = 0; at < 40_000; at += LIMITS.pageRows) {
          const page = { reset: at === 0, rows: rows(at, LIMITS.pageRows), gone: [] };
          await link.request({ kind: "Announce", cookie: mallory.id, ...page }, "Announced");
        }
        const other = await asker.dial(port, "rs");
        const links = await Promise.all(Array.from({ length: 24 }, () => mallory.dial(port, "rs")));
        const search: Message = { kind: "RFCQuery", patterns: ["*[0-9]?[!x]*[0-9]*.bi[!a-z]"] };
        for (const each of links) for (let i = 0; i < 60; i++) each.open(search);
        let worst = 0;
        for (let i = 0; i < 20; i++) {
          const began = performance.now();
          await other.request({ kind: "PQuery" }, "Peers");
          worst = Math.max(worst, performance.now() - began);
        }
        assertLess(worst, 3_000);
        await honest(lab, "one");
        for (const each of links) each.close();
      });

      await t.step(
        "what is sent on after questions that wait: refused before it fills the memory",
        async () => {
          const { port: at } = await alice!.event("listening");
          const link = await mallory.dial(Number(at), String((await alice!.event("registered")).cookie));
          const before = memoryOf(alice!);
          const waits = Array.from({ length: 60 }, (_, i) => {
            const content = String(i).padStart(64, "0");
            return link.open({ kind: "PieceRequest", content, piece: 0, paced: true });
          });
          const more: Message = {
            kind: "Announce",
            cookie: "7",
            reset: true,
            rows: [],
            gone: Array(2_000).fill(""),
          };
          let sent = 0;
          for (let i = 0; !link.isClosed && i < 600 * waits.length; i++, sent++) {
            await waits[i % waits.length]!.send(more).catch(() => {});
          }
          assert(link.isClosed, `${sent} messages were taken`);
          const grown = memoryOf(alice!) - before;
          assertLess(grown, 300 * MB, `${Math.round(grown / MB)} MB`);
          await honest(lab, "two");
        },
      );
    } finally {
      mallory.close();
      asker.close();
    }
  },
);

labTest("secured: a broadcast to three peers, each has it once", async (lab) => {
  const { peers } = await stage(lab, "a", "b", "c");
  const bytes = bytesOf(24 * MB, 5);
  put(lab.pc("rs"), "share/image.bin", bytes);
  const ended = assertCode(await lab.run("rs", "rs", ["broadcast", "share/image.bin", "--json"]), 0);
  assertEquals(eventsOf(ended, "broadcast").map(({ done, failed }) => [done, failed]), [[3, 0]]);
  for (const [i, pc] of ["a", "b", "c"].entries()) {
    assertFile(join(lab.pc(pc), "share/image.bin"), bytes);
    assertEquals(await shared(lab.pc(pc)), ["image.bin"]);
    const status = assertCode(await lab.run("peer", pc, ["status", "--json"]), 0);
    assertLess(Number(eventsOf(status, "status")[0]?.received), 1.1 * bytes.length);
    assertEquals(peers[i]!.stderr.includes("ERROR"), false, peers[i]!.stderr);
  }
});

/** Bytes a second of the better of two fetches. */
async function fetchRate(lab: Lab, pc: string): Promise<number> {
  const rates = [];
  for (const out of ["share/1", "share/2"]) {
    const ended = assertCode(await lab.run("peer", pc, ["fetch", "big.bin", "--json", "--out", out]), 0);
    const [line] = eventsOf(ended, "fetched");
    rates.push(Number(line?.bytes) / Number(line?.seconds));
    await Deno.remove(join(lab.pc(pc), out), { recursive: true });
  }
  return Math.max(...rates);
}

labTest("secured: a fetch is not held up; 9 MB/s where plain has hundreds was a fault", async (lab) => {
  const bytes = bytesOf(64 * MB, 6);
  for (const pc of ["holder", "plain"]) put(lab.pc(pc), "share/big.bin", bytes);
  const { peers } = await stage(lab, "holder", "pc");
  const open = await lab.rs("open");
  const plain = await lab.peer("plain", open.address);
  await lab.peer("other", open.address);
  await Promise.all([peers[0]!, plain].map((peer) => peer.said(/Shared/, { timeout: 40_000 })));
  const [secured, opened] = [await fetchRate(lab, "pc"), await fetchRate(lab, "other")];
  assertGreater(
    secured,
    opened / 8,
    `${Math.round(secured / MB)} MB/s, plain ${Math.round(opened / MB)} MB/s`,
  );
});
