/** The menu played through by a script, against a real registration server and real peers on loopback. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { systemClock } from "../../../base/clock.ts";
import { silentLogger } from "../../../base/log.ts";
import { systemRandom } from "../../../base/random.ts";
import { formatHostPort } from "../../../base/units.ts";
import type { PeerContext } from "../../../peer/context.ts";
import { loadPeerState } from "../../../peer/peer_state.ts";
import { formatCode, parseCode } from "../../../join/code.ts";
import { PeerServe } from "../../../peer/serve/serve.ts";
import { MemoryStore } from "../../../registry/memory_store.ts";
import { SecuredLab } from "../../../registry/lab.ts";
import { type RegistryServer, startRegistry } from "../../../registry/server.ts";
import { TempFolder } from "../../../storage/_testing.ts";
import { Watchdog } from "../../../transport/watchdog.ts";
import { FakeHost, fakeOutput } from "../../_fakes.ts";
import { runProgram } from "../../main.ts";
import { PEER } from "../../peer_commands.ts";
import { createProgress } from "../../progress.ts";
import { ACCEPT, type Answer, BACK, ScriptedPrompts } from "./_scripted.ts";
import { runMenu } from "./menu.ts";
import type { FoundLab } from "./find_lab.ts";
import { type MenuContext, Session } from "./session.ts";

const context: PeerContext = {
  clock: systemClock,
  random: systemRandom,
  log: silentLogger,
  watchdog: new Watchdog(systemClock),
  agent: "test",
};

/** A registration server, peers, and folders that go in the end. */
class World implements AsyncDisposable {
  #ends: (() => Promise<unknown>)[] = [];
  readonly dir: string;
  private constructor(private temp: TempFolder, readonly rs: RegistryServer, readonly lab?: SecuredLab) {
    this.dir = temp.path;
  }

  static async make({ secured = false } = {}): Promise<World> {
    const temp = new TempFolder();
    const lab = secured ? await SecuredLab.open({ data: temp.path, ...context }) : undefined;
    const rs = await startRegistry({
      ...context,
      security: lab?.security,
      admission: lab,
      host: "127.0.0.1",
      port: 0,
      data: { store: new MemoryStore() },
      ttlSeconds: 7200,
    });
    return new World(temp, rs, lab);
  }

  get address(): string {
    return formatHostPort(this.rs.address);
  }

  /** Makes folders for a peer, and files in its share. */
  async folders(name: string, files: Record<string, string> = {}) {
    const [share, data] = [join(this.dir, name, "share"), join(this.dir, name, "data")];
    await Deno.mkdir(share, { recursive: true });
    await Deno.mkdir(data, { recursive: true });
    for (const [file, text] of Object.entries(files)) await Deno.writeTextFile(join(share, file), text);
    return { share, data };
  }

  /** Starts a peer outside of the menu; registered when this resolves. */
  async peer(name: string, files: Record<string, string> = {}, rate = Infinity): Promise<PeerServe> {
    const folders = await this.folders(name, files);
    let registered = () => {};
    const ready = new Promise<void>((resolve) => registered = resolve);
    const peer = await PeerServe.start({
      acceptOpenBroadcasts: true,
      ...{ context, rs: this.rs.address, name, hostName: name, host: "127.0.0.1", port: 0, ...folders },
      ...{ indexInterval: 60_000, rate },
      event: (line) => line.event === "registered" && registered(),
    });
    this.#ends.push(() => peer.leave());
    await ready;
    return peer;
  }

  /** Plays a script in the menu of the peer `me`. */
  async play(
    answers: Answer[],
    options: {
      flags?: Partial<MenuContext["flags"]>;
      files?: Record<string, string>;
      stop?: number[];
      aside?: number[];
      labs?: FoundLab[];
    } = {},
  ) {
    const folders = await this.folders("me", options.files);
    const { output, stdout, stderr } = fakeOutput();
    const stop = new AbortController();
    const ctx = {
      ...{ program: "peer", command: "menu", args: [], given: new Set(), output, log: silentLogger, folders },
      flags: { host: "127.0.0.1", port: 0, indexInterval: 60, ...options.flags },
      signal: stop.signal,
      clock: systemClock,
      random: systemRandom,
      progress: createProgress(output, systemClock),
      ensureAccess: (path: string) => Promise.resolve(path),
    } as unknown as MenuContext;
    const prompts = new ScriptedPrompts(answers, options.stop, options.aside);
    const session = await Session.open(ctx);
    const share = folders.share;
    const code = runMenu({
      ...{ session, prompts, share, now: () => systemClock.now() },
      labs: () => Promise.resolve(options.labs ?? []),
    }, stop.signal);
    return {
      code: await code,
      prompts,
      said: prompts.transcript.join("\n"),
      printed: stdout.text,
      errors: stderr.text,
      session,
      ...folders,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends) await end();
    await this.rs.close();
    this.temp[Symbol.dispose]();
  }
}

Deno.test("a lab that is found need not be typed", async () => {
  await using world = await World.make();
  await world.peer("alice");
  const labs = [{ text: "rs1", reach: () => Promise.resolve(world.rs.address) }];
  const { said, printed } = await world.play(["peers", "0", "quit"], { labs });
  assertStringIncludes(said, "Which lab?");
  assertStringIncludes(printed, "alice");
  const typed = await world.play(["peers", "other", world.address, "quit"], { labs });
  assertStringIncludes(typed.printed, "alice");
});

Deno.test("register, list, search, fetch, send, leave", async () => {
  await using world = await World.make();
  await world.peer("alice", { "report.pdf": "a report", "notes.txt": "notes" });
  const { code, said, printed, share, errors, session } = await world.play([
    ...["peers", "127.0.0.1:1", world.address], // asks for the server first, twice
    ...["register", "bob"],
    ...["register"],
    ...["peers"],
    ...["files", "rep*"],
    ...["fetch", "list", "report.pdf"],
    ...["fetch", "name", "nothing*"],
    ...["fetch", "name", "*.txt"],
    ...["fetchAll", true],
    ...["send", "share", "mine.txt", "alice"],
    ...["send", "path", BACK],
    ...["broadcast", "share", "mine.txt"],
    ...["broadcast", "path", BACK],
    ...["status"],
    ...["leave", false],
    ...["leave", true],
    ...["leave"],
    ...["status"],
    "quit",
  ], { files: { "mine.txt": "mine" } });
  assertEquals(code, 0, said);
  assertEquals(errors, "");
  assertMatch(said, /error: Cannot use the registration server at 127\.0\.0\.1:1: nothing answers there\./);
  assertMatch(said, new RegExp(`good: Registered as bob at ${world.address}. Sharing ${share} on port \\d+`));
  assertMatch(said, /info: Registered as bob/, "the second time");
  assertMatch(printed, /alice +alice +127\.0\.0\.1/);
  assertMatch(printed, /report\.pdf .*alice/);
  assertMatch(printed, /report\.pdf: 8 B from alice/);
  assertMatch(printed, /2 files, 2 of them here already/);
  assertMatch(said, /error: Cannot fetch nothing\*: no active peer holds it/);
  assertMatch(printed, /mine\.txt -> alice/);
  assertMatch(printed, /mine\.txt, 4 B: 1 of 1 PC done/);
  assertMatch(printed, /Registered +yes/);
  assertMatch(said, /good: bob has left/);
  assertMatch(said, /info: You are not registered/);
  assertMatch(said, /info: Not registered: nothing is shared; the registration server is/);
  assertEquals(await Deno.readTextFile(join(share, "report.pdf")), "a report");
  assertEquals(await Deno.readTextFile(join(share, "notes.txt")), "notes");
  assertEquals(await Deno.readTextFile(join(world.dir, "alice", "share", "mine.txt")), "mine");
  assertEquals(await session.status(), undefined);
  assertEquals(world.rs.members.byName("bob")?.active, false);
});

Deno.test("a secured lab: asks for the join code, until one is good, and once only", async () => {
  await using world = await World.make({ secured: true });
  const { code } = await world.lab!.invite({ role: "member" });
  const { fingerprint } = parseCode(code);
  const wrong = formatCode({ fingerprint, secret: new Uint8Array(5).fill(9) });
  const { said, printed, code: exit } = await world.play([
    ...["register", world.address, wrong, "bob", code, "bob"],
    ...["peers"],
    ...["leave", true],
    ...["register"], // neither code nor name is asked again
    ...["quit", true],
  ], {});
  assertEquals(exit, 0, said);
  assertMatch(said, /error: .*join code/);
  assertEquals(said.match(/text: Join code/g)?.length, 2, said);
  assertEquals(said.match(/good: Registered as bob at/g)?.length, 2, said);
  assertMatch(printed, /No other peer is active/);
});

Deno.test("what takes long is left to itself, looked at, and told at its end", async () => {
  await using world = await World.make();
  await world.peer("alice", { "large.bin": "x".repeat(2_000_000) }, 2_000_000);
  const { said, printed, share } = await world.play([
    ...["register", "bob"],
    ...["fetch", "list", "large.bin"],
    ...["transfers", "% of"],
    ...["transfers", "Nothing is under way"],
    "quit",
    true,
  ], { flags: { rs: world.rs.address }, aside: [4] });
  assertMatch(said, /info: large\.bin goes on; see Transfers/);
  assertMatch(said, /watch: 1 transfer\nUNDER WAY .*\nreceiving +large\.bin .*% of 2\.00 MB/);
  assertMatch(said, /info: large\.bin: 2\.00 MB from alice in/);
  assertEquals(printed.trim(), "", "silent meanwhile");
  assertEquals((await Deno.stat(join(share, "large.bin"))).size, 2_000_000);
});

Deno.test("quitting while something goes on asks first, and stops it", async () => {
  await using world = await World.make();
  await world.peer("alice", { "large.bin": "x".repeat(2_000_000) }, 100_000);
  const { said, code } = await world.play(
    [...["fetch", "name", "large.bin"], "quit", false, "quit", true],
    { flags: { rs: world.rs.address }, aside: [2] },
  );
  assertEquals(code, 0);
  assertMatch(said, /confirm: 1 transfer under way will stop, and go on where it was next time\. Quit\?/);
});

Deno.test("different contents under one name: asks whose", async () => {
  await using world = await World.make();
  await world.peer("alice", { "same.txt": "hers", "plain.txt": "plain" });
  await world.peer("carol", { "same.txt": "carol's own" });
  const { code, said, prompts, share } = await world.play([
    ...["fetch", "name", "*.txt", "carol"],
    ...["fetch", "list", "same.txt", BACK],
    "quit",
  ], { flags: { rs: world.rs.address } });
  assertEquals(code, 0, said);
  assertMatch(said, /select: same\.txt: different peers have different contents\. Whose\?/);
  assertEquals(prompts.transcript.filter((line) => line.includes("Whose?")).length, 2);
  assertEquals(await Deno.readTextFile(join(share, "same.txt")), "carol's own");
  assertEquals(await Deno.readTextFile(join(share, "plain.txt")), "plain");
});

Deno.test("Ctrl-C: back in a question, out at the top, and asked first where the menu shares", async () => {
  await using world = await World.make();
  const alone = await world.play(["register", BACK, BACK]);
  assertEquals(alone.code, 130);
  assert(!alone.said.includes("confirm:"), alone.said);

  const flags = { rs: world.rs.address, name: "bob" };
  const { code, said, session } = await world.play([
    "register",
    ACCEPT,
    BACK,
    ACCEPT,
    "quit",
    false,
    BACK,
    BACK,
  ], {
    flags,
  });
  assertEquals(code, 130, said);
  assertMatch(said, /confirm: This menu shares your folder: quitting ends that/);
  assertEquals(await session.status(), undefined, "ended");
  assertEquals(world.rs.members.byName("bob")?.active, false, "took its leave");
});

Deno.test("a serve of another program is used, and outlives the menu unless it's told to leave", async () => {
  await using world = await World.make();
  await world.peer("alice", { "a.txt": "a" });
  const serve = await world.peer("me", {});
  const stays = await world.play(["fetch", "list", "a.txt", "register", "quit"]);
  assertEquals(stays.code, 0, stays.said);
  assertMatch(stays.said, /select: me, registered at/);
  assertMatch(stays.printed, /a\.txt: 1 B from alice/);
  assert(!stays.said.includes("confirm:"));
  assertEquals(world.rs.members.byName("me")?.active, true);

  const leaves = await world.play(["leave", true, BACK]);
  assertMatch(leaves.said, /confirm: Leave the lab\?.*another window/);
  await serve.done;
  assertEquals(world.rs.members.byName("me")?.active, false);
});

Deno.test("warnings and arrivals are told between questions", async () => {
  await using world = await World.make();
  await world.peer("bob");
  const { said, data } = await world.play(["register", "bob", "quit", true], {
    flags: { rs: world.rs.address },
  });
  assertMatch(said, /warn: The name bob is taken; this peer is now called bob-2/);
  assertEquals((await loadPeerState(data)).name, "bob-2");
});

Deno.test("long work that is stopped is no error, and the menu goes on", async () => {
  await using world = await World.make();
  await world.peer("alice", { "a.txt": "a" });
  const { code, said, share } = await world.play(
    [...["fetchAll", true], ...["fetchAll", true], "quit"],
    { flags: { rs: world.rs.address }, stop: [2] },
  );
  assertEquals(code, 0, said);
  assertMatch(said, /info: Stopped\. Choose it again/);
  assertEquals(await Deno.readTextFile(join(share, "a.txt")), "a");
});

Deno.test("without a terminal: one sentence that names the other commands", async () => {
  const host = new FakeHost();
  assertEquals(await runProgram(PEER, ["menu", "--json"], host), 2);
  assertMatch(host.stderr.text, /^The menu needs a terminal: use peer serve, .* instead\n$/);
});
