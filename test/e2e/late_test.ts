/** Broadcasts and the PCs that were off, came late, or fell out; withdrawing, offering again, expiry. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import type { Ended, JsonLine, Lab, Running } from "../../scripts/programs.ts";
import { assertFile, bytesOf, MB, put, shared, tree } from "./files.ts";
import { assertCode, eventsOf, labTest, sentence, whileStopped } from "./lab.ts";

const NAME = "image.bin";
const PATH = join("share", NAME);

/** Puts a file outside of the share of the registration server's PC: only its command can read it. */
function outside(lab: Lab, bytes: Uint8Array): void {
  put(lab.pc("lead"), PATH, bytes);
}

async function broadcast(lab: Lab, rs: string, ...args: string[]): Promise<Ended> {
  return await lab.run("rs", "lead", ["broadcast", PATH, "--json", "--rs", rs, ...args]);
}

function result(ended: Ended): JsonLine {
  const [line] = eventsOf(ended, "broadcast");
  assert(line, ended.stdout + ended.stderr);
  return line;
}

/** How it stands with each PC, as `rs broadcasts --id` says. */
async function states(lab: Lab, rs: string, id: unknown): Promise<string[]> {
  const ended = assertCode(
    await lab.run("rs", "lead", ["broadcasts", "--id", String(id), "--json", "--rs", rs]),
    0,
  );
  return eventsOf(ended, "receipt").map(({ peer, state }) => `${peer} ${state}`);
}

async function arrival(peer: Running): Promise<void> {
  await peer.event("received", ({ name }) => name === NAME);
}

labTest(
  "a PC that registers after the broadcast ended gets it, with the rules of a broadcast",
  async (lab) => {
    const bytes = bytesOf(5 * MB, 1);
    const { address, running } = await lab.rs();
    await lab.peer("a", address);
    outside(lab, bytes);
    const { id } = result(assertCode(await broadcast(lab, address), 0));
    put(lab.pc("late"), PATH, "its own");
    const late = await lab.peer("late", address);
    await arrival(late);
    await running.said(/Offer +late: image\.bin has arrived/);
    assertFile(join(lab.pc("late"), PATH), bytes);
    const replaced = await tree(join(lab.pc("late"), "peer-data", "replaced"));
    assertEquals(replaced.length, 1);
    assertFile(join(lab.pc("late"), "peer-data", "replaced", replaced[0]!), "its own");
    assertEquals(await states(lab, address, id), ["a done", "late done"]);
    const list = assertCode(await lab.run("rs", "lead", ["broadcasts", "--json", "--rs", address]), 0);
    const { event: _, seconds, began, ended, expires, ...line } = result(list);
    assertEquals(line, {
      ...{ id, name: NAME, peers: 2, done: 2, failed: 0, waiting: 0, from: "rs" },
      ...{ bytes: bytes.length, files: 1, state: "done" },
    });
    const lasted = (Date.parse(String(ended)) - Date.parse(String(began))) / 1000;
    assertEquals(seconds, Math.round(lasted));
    assertEquals(Date.parse(String(expires)) - Date.parse(String(began)), 24 * 3600_000);
  },
);

labTest(
  "named PCs that are off: not done, said so; they get it when they come, others don't",
  async (lab) => {
    const bytes = bytesOf(2 * MB, 2);
    const { address, running } = await lab.rs();
    await lab.peer("a", address);
    const b = await lab.peer("b", address);
    assertCode(await lab.run("peer", "b", ["leave"]), 0);
    await b.ended;
    outside(lab, bytes);
    const line = result(assertCode(await broadcast(lab, address, "--to", "a,b,new"), 1));
    assertEquals([line.peers, line.done, line.failed, line.waiting], [3, 1, 2, 2]);
    const reasons = (line.receipts as { peer: string; reason?: string }[]).map((r) =>
      `${r.peer}: ${r.reason ?? ""}`
    );
    assertEquals(reasons[1], "b: off now; it gets it when it registers");
    assertMatch(reasons[2]!, /^new: no active peer has that name/);
    await arrival(await lab.peer("new", address));
    await lab.peer("other", address);
    await arrival(await lab.peer("b", address));
    for (const pc of ["new", "b"]) await running.said(new RegExp(`Offer +${pc}: image\\.bin has arrived`));
    assertEquals(await states(lab, address, line.id), ["a done", "b done", "new done"]);
    assertEquals(await shared(lab.pc("other")), []);
  },
);

labTest("PCs that are off and not named don't count; how many wait is told", async (lab) => {
  const { address } = await lab.rs();
  await lab.peer("a", address);
  const b = await lab.peer("b", address);
  assertCode(await lab.run("peer", "b", ["leave"]), 0);
  await b.ended;
  outside(lab, bytesOf(1 * MB, 3));
  const ended = assertCode(await lab.run("rs", "lead", ["broadcast", PATH, "--rs", address]), 0);
  assertMatch(ended.stdout, /1 of 1 PC done/);
  assertMatch(ended.stdout, /1 PC off now: the registration server sees to it/);
});

labTest(
  "the registration server killed -9 in between: it knows the broadcast, and delivers it",
  async (lab) => {
    const bytes = bytesOf(5 * MB, 4);
    const { address, running, port } = await lab.rs();
    const a = await lab.peer("a", address);
    outside(lab, bytes);
    const { id } = result(assertCode(await broadcast(lab, address), 0));
    await running.kill();
    const again = await lab.rs("rs", "--port", String(port));
    await arrival(await lab.peer("late", address));
    await again.running.said(/Offer +late: image\.bin has arrived/);
    assertFile(join(lab.pc("late"), PATH), bytes);
    await a.events("registered", 2);
    assertEquals(await states(lab, address, id), ["a done", "late done"]);
  },
);

labTest("withdrawn: who comes late doesn't get it; an unknown id is a clear error", async (lab) => {
  const { address, running } = await lab.rs();
  await lab.peer("a", address);
  outside(lab, bytesOf(1 * MB, 5));
  const { id } = result(assertCode(await broadcast(lab, address), 0));
  const ask = (...args: string[]) => lab.run("rs", "lead", ["broadcasts", "--rs", address, ...args]);
  assertCode(await ask("--withdraw", String(id).slice(0, 6)), 0);
  assertMatch(sentence(assertCode(await ask("--withdraw", "zzz"), 1)), /No broadcast has the id zzz/);
  await lab.peer("late", address);
  // Whatever it is to get is offered with its registration: a second broadcast that arrives comes after that.
  put(lab.pc("lead"), join("share", "second.txt"), "second");
  const second = ["broadcast", join("share", "second.txt"), "--json", "--rs", address];
  assertEquals(result(assertCode(await lab.run("rs", "lead", second), 0)).done, 2);
  assertEquals(await shared(lab.pc("late")), ["second.txt"]);
  assertEquals(running.stderr.includes("Offer"), false);
  assertMatch(assertCode(await ask("--all"), 0).stdout, /withdrawn/);
  assertEquals(assertCode(await ask(), 0).stdout.includes(NAME), false);
});

labTest("withdrawn while it runs: the command ends, nobody goes on", async (lab) => {
  const { address } = await lab.rs();
  await lab.peer("a", address);
  outside(lab, bytesOf(40 * MB, 6));
  const run = lab.start("rs", "lead", ["broadcast", PATH, "--json", "--rs", address, "--rate", "5MB/s"]);
  await run.event("progress", ({ bytes }) => Number(bytes) > 1 * MB);
  const broadcasts = (...args: string[]) => lab.run("rs", "lead", ["broadcasts", "--rs", address, ...args]);
  await whileStopped(run, async () => {
    const { id, state } = result(assertCode(await broadcasts("--json"), 0));
    assertEquals(state, "running");
    assertCode(await broadcasts("--withdraw", String(id)), 0);
  });
  const ended = assertCode(await run.ended, 1);
  assertMatch(ended.stderr, /was withdrawn/);
  assertEquals(await shared(lab.pc("a")), []);
});

labTest("--retry-failed: those who failed get it from the others, exit 0 when all have it", async (lab) => {
  const bytes = bytesOf(3 * MB, 7);
  const { address } = await lab.rs();
  await lab.peer("a", address);
  await lab.peer("b", address);
  // A folder has the name: the file can't take it.
  Deno.mkdirSync(join(lab.pc("b"), PATH));
  outside(lab, bytes);
  const first = result(assertCode(await broadcast(lab, address), 1));
  assertEquals([first.done, first.failed], [1, 1]);
  assertEquals(await states(lab, address, first.id), ["a done", "b failed"]);
  const retry = (...args: string[]) =>
    lab.run("rs", "lead", ["broadcast", "--rs", address, "--json", ...args]);
  const still = result(assertCode(await retry("--retry-failed", String(first.id)), 1));
  assertEquals([still.peers, still.done, still.failed], [1, 0, 1]);
  assertMatch(JSON.stringify(still.receipts), /a folder has that name/);
  Deno.removeSync(join(lab.pc("b"), PATH));
  const then = result(assertCode(await retry("--retry-failed", String(first.id)), 0));
  assertEquals([then.id, then.name, then.peers, then.done, then.failed], [first.id, NAME, 1, 1, 0]);
  assertFile(join(lab.pc("b"), PATH), bytes);
  const all = assertCode(
    await lab.run("rs", "lead", ["broadcast", "--retry-failed", String(first.id), "--rs", address]),
    0,
  );
  assertMatch(all.stdout, /3\.00 MB: every PC has it\n$/);
  assertCode(await retry("--retry-failed", "zzz"), 1);
});

labTest("--retry-failed while nobody who is on has it: says whom it waits for, and why", async (lab) => {
  const { address } = await lab.rs();
  const a = await lab.peer("a", address);
  await lab.peer("b", address);
  Deno.mkdirSync(join(lab.pc("b"), PATH));
  outside(lab, bytesOf(1 * MB, 9));
  const { id } = result(assertCode(await broadcast(lab, address), 1));
  await a.kill("SIGTERM");
  Deno.removeSync(join(lab.pc("b"), PATH));
  const args = ["broadcast", "--retry-failed", String(id), "--rs", address, "--timeout", "4s"];
  const { stderr } = assertCode(await lab.run("rs", "lead", args), 1);
  assertMatch(stderr, /^Waiting: not begun to b: that takes a PC that is on and has it\n/);
  assertMatch(stderr, /b: it has not got all of it until now/);
});

labTest("expired: who comes after that doesn't get it", async (lab) => {
  const { address } = await lab.rs();
  await lab.peer("a", address);
  outside(lab, bytesOf(1 * MB, 8));
  const { id } = result(assertCode(await broadcast(lab, address, "--expires", "4s"), 0));
  const isExpired = async () => {
    const args = ["broadcasts", "--all", "--json", "--rs", address];
    return eventsOf(await lab.run("rs", "lead", args), "broadcast")[0]!.state === "expired";
  };
  while (!await isExpired()) { /* each look takes a tenth of a second */ }
  await lab.peer("late", address);
  const retry = await lab.run("rs", "lead", ["broadcast", "--retry-failed", String(id), "--rs", address]);
  assertMatch(sentence(assertCode(retry, 1)), /it has expired/);
  assertEquals(await shared(lab.pc("late")), []);
});

/** What lies in the share of the registration server's own PC. */
async function ownBroadcast(lab: Lab, ...args: string[]): Promise<Ended> {
  return await lab.run("rs", "rs", ["broadcast", "share/set", "--json", ...args]);
}

labTest(
  "out of the server's own share: it delivers itself, after a kill -9 too, a changed file not",
  async (lab) => {
    const { address, running, port } = await lab.rs();
    const bytes = bytesOf(5 * MB, 9);
    put(lab.pc("rs"), "share/set/large.bin", bytes);
    for (let i = 0; i < 20; i++) put(lab.pc("rs"), `share/set/deep/${i}.txt`, `file ${i}`);
    const a = await lab.peer("a", address);
    assertEquals(result(assertCode(await ownBroadcast(lab), 0)).done, 1);
    assertCode(await lab.run("peer", "a", ["leave"]), 0);
    await a.ended;
    await running.kill();
    const again = await lab.rs("rs", "--port", String(port));
    await lab.peer("late", address);
    await again.running.said(/Offer +late: .* have arrived/);
    assertEquals((await shared(lab.pc("late"))).length, 21);
    assertFile(join(lab.pc("late"), "share/set/large.bin"), bytes);
    put(lab.pc("rs"), "share/set/large.bin", bytesOf(5 * MB, 10));
    const b = await lab.peer("b", address);
    await again.running.said(/Offer +b: .* have arrived/);
    assertFile(join(lab.pc("b"), "share/set/large.bin"), bytes);
    assertEquals(b.stderr.includes("ERROR"), false, b.stderr);
  },
);

labTest("nobody is there now: exit 1, and those who are off get it later from the server", async (lab) => {
  const { address, running } = await lab.rs();
  put(lab.pc("rs"), "share/set/a.txt", "for tomorrow");
  const a = await lab.peer("a", address);
  assertCode(await lab.run("peer", "a", ["leave"]), 0);
  await a.ended;
  const ended = assertCode(await ownBroadcast(lab), 1);
  assertMatch(ended.stderr, /no other peer is active now; 1 PC now off get it when they register/);
  await lab.peer("a", address);
  await running.said(/Offer +a: .* has arrived/);
  assertFile(join(lab.pc("a"), "share/set/a.txt"), "for tomorrow");
  // What lies elsewhere nobody could deliver: it isn't kept.
  assertCode(await lab.run("peer", "a", ["leave"]), 0);
  await running.said(/Leave +a/);
  outside(lab, bytesOf(1000, 1));
  assertMatch((assertCode(await broadcast(lab, address), 1)).stderr, /no other peer is active now$/m);
  const list = assertCode(await lab.run("rs", "rs", ["broadcasts", "--json"]), 0);
  assertEquals(eventsOf(list, "broadcast").map(({ name }) => name), ["set/a.txt"]);
});
