/** A secured lab from its first start: joining, roles, revoking, and what others can't do or see. */

import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { until } from "../../src/base/_patience.ts";
import type { JsonLine, Lab, Running } from "../../scripts/programs.ts";
import { assertFile, bytesOf, MB, put, shared } from "./files.ts";
import { assertCode, eventsOf, labTest, PROGRAMS, sentence } from "./lab.ts";

/** A secured lab with two members who have joined. */
async function stage(lab: Lab) {
  const { address, code, running, port } = await lab.securedRs();
  const [a, b] = await Promise.all(["a", "b"].map((pc) => lab.peer(pc, address, "--join", code)));
  return { rs: running, address, code, port, a: a!, b: b! };
}

/** What a `peer serve` that doesn't get in says as it ends. */
async function refused(lab: Lab, pc: string, ...args: string[]): Promise<string> {
  const ended = await lab.run("peer", pc, [
    "serve",
    "--port",
    "0",
    "--name",
    pc,
    "--quiet",
    "--log-level",
    "error",
    ...args,
  ]);
  return sentence(assertCode(ended, 4));
}

labTest("join, fetch, broadcast; revoked, a peer can neither fetch nor be fetched from", async (lab) => {
  const { rs, address, b } = await stage(lab);
  const bytes = bytesOf(3 * MB, 1);
  put(lab.pc("a"), "share/report.bin", bytes);
  await lab.run("peer", "a", ["index", "--local"]);
  await lab.started.find(({ title }) => title.startsWith("a: peer serve"))!.said(/Shared: report.bin/, {
    timeout: 40_000,
  });
  assertCode(await lab.run("peer", "b", ["fetch", "report.bin"]), 0);
  assertFile(join(lab.pc("b"), "share/report.bin"), bytes);
  put(lab.pc("rs"), "share/image.bin", bytesOf(4 * MB, 2));
  const sent = assertCode(await lab.run("rs", "rs", ["broadcast", "share/image.bin", "--json"]), 0);
  assertEquals(eventsOf(sent, "broadcast")[0]?.done, 2);
  // Nobody needs a code a second time.
  await b.kill();
  const again = lab.start("peer", "b", ["serve", "--json", "--port", "0"]);
  assertEquals((await again.event("registered")).peer, "b");

  const revoked = performance.now();
  assertCode(await lab.run("rs", "rs", ["revoke", "b"]), 0);
  const ended = await again.ended;
  assertLess(performance.now() - revoked, 10_000);
  assertCode(ended, 4);
  assertMatch(String(eventsOf(ended, "error")[0]?.message), /revoked/);
  assertCode(await lab.run("peer", "b", ["fetch", "image.bin", "--out", "share/x"]), 4);
  assertCode(await lab.run("peer", "a", ["fetch", "report.bin", "--from", "b", "--out", "share/x"]), 3);
  const members = eventsOf(assertCode(await lab.run("rs", "rs", ["members", "--json"]), 0), "member");
  assertEquals(members.map(({ name, role, revoked }) => [name, role, revoked !== undefined]), [
    ["a", "member", false],
    ["b", "member", true],
  ]);
  assertEquals(rs.lines.filter(({ event }) => event === "invite").length, 1);
  assertMatch(await refused(lab, "b", "--rs", address), /revoked/);
  // Nobody waits for it any longer.
  const known = async () =>
    eventsOf(assertCode(await lab.run("rs", "rs", ["peers", "--json"]), 0), "peer").map((
      { name, active },
    ) => [
      ...[name, active],
    ]);
  assertEquals(await known(), [["a", true]]);
  const later = put(lab.pc("rs"), "share/later.bin", bytesOf(1000, 7));
  const sentLater = assertCode(await lab.run("rs", "rs", ["broadcast", later, "--json"]), 0);
  const [{ id }] = eventsOf(sentLater, "broadcast") as [JsonLine];
  const stands = async () =>
    eventsOf(
      assertCode(await lab.run("rs", "rs", ["broadcasts", "--id", String(id), "--json"]), 0),
      "receipt",
    )
      .map(({ peer, state }) => [peer, state]);
  assertEquals(await stands(), [["a", "done"]]);
  // With a new code it comes back, under its name.
  const invited = eventsOf(assertCode(await lab.run("rs", "rs", ["invite", "--json"]), 0), "invite");
  const back = await lab.peer("b", address, "--join", String(invited[0]!.code));
  assertMatch(back.stderr, /joining anew/);
  assertEquals((await back.event("registered")).peer, "b");
  assertEquals(await known(), [["a", true], ["b", true]]);
  assertCode(await lab.run("peer", "a", ["fetch", "report.bin", "--out", "share/again"]), 0);
  // With empty folders it is sent anew what it had under that name.
  await back.event("received", ({ name }) => name === "later.bin");
  assertCode(await lab.run("rs", "rs", ["revoke", "b"]), 0);
  assertCode(await back.ended, 4);
  for (const folder of ["share", "peer-data"]) {
    await Deno.remove(join(lab.pc("b"), folder), { recursive: true });
  }
  const anew = await lab.peer("b", address, "--join", String(invited[0]!.code));
  assertEquals((await anew.event("registered")).peer, "b");
  await anew.event("received", ({ name }) => name === "image.bin");
  await anew.event("received", ({ name }) => name === "later.bin");
  assertFile(join(lab.pc("b"), "share/image.bin"), bytesOf(4 * MB, 2));
  // Put out while no server runs.
  await rs.kill();
  assertCode(await lab.run("rs", "rs", ["revoke", "a"]), 0);
  await lab.start("rs", "rs", ["serve", "--json", "--no-discovery", "--port", "0"]).event("listening");
  assertEquals((await known()).map(([name]) => name), ["b"]);
});

labTest(
  "wrong, expired, used-up codes; a few tries a minute; the right one from stdin and from a file",
  async (lab) => {
    const { address, code } = await lab.securedRs();
    const at = ["--rs", address];
    assertMatch(await refused(lab, "c", ...at, "--join", "nonsense"), /25 symbols/);
    assertMatch(
      await refused(lab, "c", ...at, "--join", code.slice(0, -1) + (code.endsWith("0") ? "1" : "0")),
      /mistyped/,
    );
    const other = await lab.securedRs("other");
    assertMatch(await refused(lab, "c", ...at, "--join", other.code), /another lab's/);
    const invite = async (...flags: string[]) =>
      String(
        eventsOf(assertCode(await lab.run("rs", "rs", ["invite", "--json", ...flags]), 0), "invite")[0]?.code,
      );
    const once = await invite("--uses", "1");
    const typing = lab.start(
      "peer",
      "d",
      ["serve", "--json", ...at, "--port", "0", "--join", "-"],
      undefined,
      { stdin: "piped" },
    );
    await typing.type(`${once}\n`);
    await typing.event("registered");
    put(
      lab.pc("e"),
      "peer-data/code.txt",
      new TextEncoder().encode(`${once.toLowerCase().replaceAll("-", " ")}\n`),
    );
    assertMatch(await refused(lab, "e", ...at, "--join-file", "peer-data/code.txt"), /used up/);
    const brief = await invite("--expires", "1s");
    const { expires } = eventsOf(
      assertCode(await lab.run("rs", "rs", ["invite", "--json", "--expires", "1s"]), 0),
      "invite",
    )[0]!;
    while (Date.now() <= Date.parse(String(expires))) assertCode(await lab.run("rs", "rs", ["members"]), 0);
    for (let i = 0; i < 4; i++) assertMatch(await refused(lab, "e", ...at, "--join", brief), /expired/);
    assertMatch(await refused(lab, "e", ...at, "--join", code), /too many/);
    // Honest ones are still served.
    assertEquals((await lab.run("peer", "d", ["peers"])).code, 0);
  },
);

labTest("a member's broadcast, and collecting, are refused by the command, a lead's are not", async (lab) => {
  const { address } = await stage(lab);
  put(lab.pc("a"), "share/x.bin", bytesOf(1000, 3));
  assertMatch(
    sentence(assertCode(await lab.run("peer", "a", ["broadcast", "share/x.bin"]), 4)),
    /takes a lead/,
  );
  assertMatch(
    sentence(assertCode(await lab.run("peer", "a", ["fetch", "*.bin", "--from", "all"]), 4)),
    /^Cannot collect from everybody: .*takes a lead/,
  );
  const [line] = eventsOf(
    assertCode(await lab.run("rs", "rs", ["invite", "--role", "lead", "--json"]), 0),
    "invite",
  );
  assertEquals(line?.role, "lead");
  await lab.peer("lead", address, "--join", String(line?.code));
  put(lab.pc("lead"), "share/y.bin", bytesOf(1000, 4));
  assertCode(await lab.run("peer", "lead", ["broadcast", "share/y.bin", "--to", "b"]), 0);
  assertEquals(await shared(lab.pc("b")), ["y.bin"]);
  await until("b is known to hold y.bin", async () => {
    const holders = assertCode(await lab.run("peer", "lead", ["index", "y.bin", "--json"]), 0);
    return holders.stdout.includes(`"b"`);
  });
  const collected = await lab.run("peer", "lead", ["fetch", "y.bin", "--from", "all", "--json"]);
  assertEquals(eventsOf(assertCode(collected, 0), "collected").find(({ peer }) => peer === "b")?.files, 1);
});

labTest("an open lab's peers take no broadcast unless they say so", async (lab) => {
  const { address, running } = await lab.rs();
  await running.said(/OPEN MODE/);
  for (const args of [["invite"], ["members"], ["revoke", "wary"]]) {
    assertMatch(
      sentence(assertCode(await lab.run("rs", "rs", args), 1)),
      /^Cannot (invite|list members|revoke): this lab is open.*without --open/,
    );
  }
  const wary = lab.start("peer", "wary", [
    "serve",
    "--json",
    "--rs",
    address,
    "--name",
    "wary",
    "--port",
    "0",
  ]);
  await wary.event("registered");
  await lab.peer("trusting", address);
  put(lab.pc("rs"), "share/x.bin", bytesOf(1000, 5));
  const args = ["broadcast", "share/x.bin", "--json", "--rs", address];
  const ended = assertCode(await lab.run("rs", "rs", args), 1);
  assertEquals(eventsOf(ended, "broadcast").map(({ done, failed }) => [done, failed]), [[1, 1]]);
  assertEquals([await shared(lab.pc("wary")), await shared(lab.pc("trusting"))], [[], ["x.bin"]]);
});

labTest("no way from secured to open, nor back", async (lab) => {
  const { rs, address, a } = await stage(lab);
  assertMatch(await refused(lab, "c", "--rs", address), /secured: join/);
  assertMatch(
    sentence(assertCode(await lab.run("peer", "c", ["peers", "--rs", address]), 4)),
    /secured: join/,
  );
  await a.kill();
  const open = await lab.rs("open");
  assertMatch(await refused(lab, "a", "--rs", open.address), /joined a secured lab/);
  assertMatch(
    sentence(assertCode(await lab.run("peer", "a", ["peers", "--rs", open.address]), 4)),
    /secured lab/,
  );
  assertMatch(
    await refused(lab, "c", "--rs", open.address, "--join", "00000-00000-00000-00000-00000"),
    /nothing to join/,
  );
  await rs.kill();
  assertMatch(sentence(assertCode(await lab.run("rs", "rs", ["serve", "--open"]), 4)), /it is secured/);
});

labTest("both trust their lab's authority and no other, whatever the environment names", async (lab) => {
  const { rs, a } = await stage(lab);
  await a.kill();
  await rs.kill();
  const { address } = await lab.securedRs("other");
  // The other lab's server shows a certificate for the same name, under an authority that this PC is told to trust.
  const other = JSON.parse(await Deno.readTextFile(join(lab.pc("other"), "rs-data/membership.json")));
  const authority = join(lab.pc("other"), "authority.pem");
  await Deno.writeTextFile(authority, other.authority);
  for (
    const env of [{ DENO_TLS_CA_STORE: "system", SSL_CERT_FILE: authority }, { DENO_CERT: authority }]
  ) {
    for (const [program, pc] of [["peer", "a"], ["rs", "rs"]] as const) {
      const asking = lab.start(program, pc, ["peers", "--rs", address], PROGRAMS[program], { env });
      assertMatch(sentence(assertCode(await asking.ended, 4)), /its certificate is not of the lab/);
    }
  }
});

labTest("a fetch under way when its PC is put out says so, and not to run it again", async (lab) => {
  const { address, code } = await lab.securedRs();
  const slow = await lab.peer("a", address, "--join", code, "--rate", "1MB/s");
  put(lab.pc("a"), "share/big.bin", bytesOf(60 * MB, 1));
  await slow.said(/Shared: big.bin/, { timeout: 40_000 });
  await lab.peer("b", address, "--join", code);
  const fetching = lab.start("peer", "b", ["fetch", "big.bin", "--json"]);
  await fetching.event("progress");
  assertCode(await lab.run("rs", "rs", ["revoke", "b"]), 0);
  const ended = assertCode(await fetching.ended, 4);
  assertMatch(String(eventsOf(ended, "error")[0]?.message), /revoked/);
});

labTest("a copied data folder is noticed; the PC that was there first stays", async (lab) => {
  const { address, rs, a } = await stage(lab);
  const copy = join(lab.pc("copy"), "peer-data");
  await Deno.mkdir(copy);
  for (const name of ["membership.json", "peer.json"]) {
    await Deno.copyFile(join(lab.pc("a"), "peer-data", name), join(copy, name));
  }
  assertMatch(await refused(lab, "copy", "--rs", address), /was the data folder copied/);
  await rs.said(/data folder copied/);
  assertEquals(a.lines.filter(({ event }) => event === "registered").length, 1);
  assertCode(await lab.run("peer", "b", ["peers"]), 0);
});

labTest("no secret is shown anywhere but in the one invite line", async (lab) => {
  const { code, rs, a, b } = await stage(lab);
  const secrets = [code, code.replaceAll("-", "")];
  for (const pc of ["rs", "a", "b"]) {
    const file = join(lab.pc(pc), pc === "rs" ? "rs-data" : "peer-data", "membership.json");
    secrets.push(JSON.parse(await Deno.readTextFile(file)).key.split("\n")[1]);
    if (Deno.build.os !== "windows") assertEquals((await Deno.stat(file)).mode! & 0o777, 0o600);
  }
  const said = (running: Running) =>
    running.stderr +
    running.lines.filter(({ event }) => event !== "invite").map((line) => JSON.stringify(line)).join("\n");
  const status = await lab.run("peer", "a", ["status", "--json"]);
  for (const text of [said(rs), said(a), said(b), status.stdout, status.stderr]) {
    for (const secret of secrets) assert(!text.includes(secret), text);
  }
});

labTest(
  "what a data folder keeps is neither shared nor sent, wherever share and data folder lie",
  async (lab) => {
    const { address, code } = await stage(lab);
    const apart = /holds this PC's key/;
    for (const folders of [["--share", "peer-data"], ["--data", "share/state"], ["--share", "peer-data/x"]]) {
      assertMatch(await refused(lab, "c", "--rs", address, "--join", code, ...folders), apart);
    }
    put(lab.pc("a"), "share/x.bin", bytesOf(10, 1));
    for (const path of ["peer-data", "peer-data/membership.json"]) {
      const sent = await lab.run("peer", "a", ["send", path, "--to", "rs"]);
      assertMatch(sentence(assertCode(sent, 4)), apart);
    }
    const saved = await lab.run("peer", "a", ["fetch", "x.bin", "--out", "peer-data"]);
    assertMatch(sentence(assertCode(saved, 4)), apart);
    const rs = await lab.run("rs", "d", [
      "serve",
      "--data",
      "share/rs-data",
      "--port",
      "0",
      "--no-discovery",
    ]);
    assertMatch(sentence(assertCode(rs, 4)), apart);
  },
);
