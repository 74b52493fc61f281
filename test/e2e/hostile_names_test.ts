/** Names from the network: nothing is ever written outside the share and the inbox. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { bytesOf, put, tree } from "./files.ts";
import { claim, type Claimed, FakeHolder, FakePusher, FakeRs } from "./fake_holder.ts";
import { HOSTILE_NAMES } from "./hostile_names.ts";
import { assertCode, eventsOf, labTest } from "./lab.ts";

/** Content of everything hostile. */
const PWNED = new TextEncoder().encode("pwned");

function hostileFiles(): Claimed[] {
  return [...HOSTILE_NAMES.map((name) => claim(name, PWNED)), claim("good.txt", bytesOf(1000, 1))];
}

/** What is in the lab but wasn't before; temporary files of a program's own data folder left out. */
async function news(folder: string, before: readonly string[]): Promise<string[]> {
  return (await tree(folder)).filter((name) =>
    !before.includes(name) && !/\/(peer|rs)-data\/(?!inbox)/.test(name)
  );
}

labTest(
  "500 hostile names in a peer's index, in offers, at a hostile registration server",
  async (lab, t) => {
    assertEquals(HOSTILE_NAMES.length, 500);
    assertEquals(new Set(HOSTILE_NAMES).size, 500);
    const { address, running: rs, port: rsPort } = await lab.rs();
    const served = await lab.peer("served", address);
    const evil = await FakeHolder.start(address, "evil", hostileFiles());
    const fakeRs = new FakeRs(hostileFiles(), { name: "../../evil\x1b[2J", port: evil.port });
    try {
      // The registration server keeps none of them.
      await rs.said(/Announce +evil: 500 rows refused/);
      const listed = await lab.run("rs", "rs", ["index", "--json"]);
      assertEquals(eventsOf(listed, "file").map((line) => line.name), ["good.txt"]);

      const fetchAll = async (pc: string, args: string[], good: string) => {
        lab.pc(pc);
        const before = await tree(lab.folder);
        const ended = assertCode(await lab.run("peer", pc, ["fetch", "--all", "--json", ...args]), 1);
        assertEquals(eventsOf(ended, "fetched").map((line) => line.name), ["good.txt"], ended.stdout);
        assertMatch(String(eventsOf(ended, "error")[0]?.message), /500 files.*Cannot accept the name/);
        assertEquals(await news(lab.folder, before), [`${pc}/share/${good}`]);
      };
      await t.step(
        "from the peer itself",
        () => fetchAll("one", ["--from", "evil", "--rs", address], "good.txt"),
      );
      await t.step("through a serve", () => fetchAll("served", ["--from", "evil"], "good.txt"));
      await t.step("at a registration server that lies", async () => {
        // The holder's name gets into a file's name here.
        put(lab.pc("two"), "share/good.txt", "another good one");
        await fetchAll("two", ["--rs", fakeRs.address], "good (-..-evil-[2J).txt");
      });
      await t.step("one by one", async () => {
        const before = await tree(lab.folder);
        for (const name of HOSTILE_NAMES.slice(0, 10)) {
          const ended = await lab.run("peer", "one", ["fetch", name, "--from", "evil", "--rs", address]);
          assert(ended.code === 1 || ended.code === 2, `${name}: exit ${ended.code}`);
        }
        assertEquals(await news(lab.folder, before), []);
      });

      await t.step("in offers, to a peer and to the inbox", async () => {
        const before = await tree(lab.folder);
        for (const port of [Number((await served.event("listening")).port), rsPort]) {
          const pusher = await FakePusher.dial(port);
          try {
            for (const name of HOSTILE_NAMES) {
              const code = await pusher.offer("evil", [claim(name, PWNED)], evil.port);
              assertEquals(code, "name_refused", `${JSON.stringify(name)}`);
            }
            const both = [claim("fine.txt", PWNED), claim("../pwned", PWNED)];
            assertEquals(await pusher.offer("evil", both, evil.port), "name_refused");
          } finally {
            pusher.close();
          }
        }
        assertEquals(await news(lab.folder, before), []);
      });

      await t.step("names of senders", async () => {
        const before = await tree(lab.folder);
        const pusher = await FakePusher.dial(rsPort);
        try {
          const senders = [
            "../../..",
            "..",
            ".",
            "/etc",
            "C:\\x",
            "con",
            "a/b",
            "\x1b[31m",
            "",
            " ",
            "rs",
            ".hidden",
          ];
          for (const sender of senders) {
            assertEquals(
              await pusher.offer(sender, [claim("good.txt", bytesOf(1000, 1))], evil.port),
              "received",
            );
          }
        } finally {
          pusher.close();
        }
        const inbox = await news(lab.folder, before);
        assert(
          inbox.length > 1 && inbox.every((n) => /^rs\/rs-data\/inbox\/[^/.][^/]*\/good[^/]*$/.test(n)),
          `${inbox}`,
        );
      });
    } finally {
      evil.close();
      fakeRs.close();
    }
  },
);

labTest("links in the share that lead out: nothing is written, read or served through them", async (lab) => {
  const { address } = await lab.rs();
  const outside = lab.pc("outside");
  const secret = put(outside, "secret.txt", "nobody's business");
  const names = ["link/pwned.txt", "file-link.txt", "dangling.txt", "inner/pwned.txt"];
  const evil = await FakeHolder.start(address, "evil", names.map((name, i) => claim(name, bytesOf(2000, i))));
  try {
    const share = join(lab.pc("victim"), "share");
    put(share, "real/x.txt", "x");
    Deno.symlinkSync(outside, join(share, "link"));
    Deno.symlinkSync(secret, join(share, "file-link.txt"));
    Deno.symlinkSync(join(outside, "new.txt"), join(share, "dangling.txt"));
    Deno.symlinkSync(join(share, "real"), join(share, "inner"));
    const before = await tree(outside);
    await lab.peer("victim", address);
    const ended = await lab.run("peer", "victim", ["fetch", "--all", "--json"]);
    assertEquals(ended.code === 0, false, ended.stdout);
    assertEquals(await tree(outside), before);
    assertEquals(Deno.readTextFileSync(secret), "nobody's business");
    // What is saved lies in the share; a link to a folder of the share is no harm.
    for (const line of eventsOf(ended, "fetched")) {
      assert(Deno.realPathSync(String(line.path)).startsWith(Deno.realPathSync(share)), JSON.stringify(line));
    }
    // Nobody gets what a link points to.
    const index = await lab.run("rs", "rs", ["index", "--json"]);
    const victims = eventsOf(index, "file").filter((line) => line.peer === "victim").map((line) => line.name);
    assert(!victims.some((name) => /secret|^link\/|^file-link\.txt$/.test(String(name))), String(victims));
    const send = await lab.run("peer", "victim", ["send", "share/file-link.txt", "--to", "rs"]);
    assert(send.code !== 0, "sent through a link that leads out");
  } finally {
    evil.close();
  }
});
