/** On a terminal the runtime may ask for a permission: it does so for what the person named, and for nothing else. */

import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { exists } from "@std/fs";
import { join } from "@std/path";
import type { Running } from "../../scripts/programs.ts";
import { assertFile, bytesOf, put, tree } from "./files.ts";
import { claim, FakeHolder, FakePusher } from "./fake_holder.ts";
import { HOSTILE_NAMES } from "./hostile_names.ts";
import { assertCode, labTest } from "./lab.ts";
import { onTerminal, QUESTION, shows } from "./terminal.ts";

const skip = Deno.build.os !== "linux" || !await exists("/usr/bin/script")
  ? "there is no script(1)"
  : undefined;

/** Nothing was asked, and nothing hostile reached the terminal. */
function assertCalm({ stdout, title }: Running): void {
  assertNotMatch(stdout, QUESTION, title);
  // What moves the cursor home, clears the screen, rings, sets colours as the hostile names do.
  // deno-lint-ignore no-control-regex
  assertNotMatch(stdout, /\x1b\[2J\x1b\[31mpwned|\x07bell|a\u202etxt|\x9bb/, title);
}

labTest("hostile names, offers and links raise no question", async (lab) => {
  const { address, running: rs, port } = await lab.rs();
  const files = [
    ...HOSTILE_NAMES.map((name) => claim(name, bytesOf(5, 1))),
    claim("good.txt", bytesOf(9, 2)),
  ];
  const evil = await FakeHolder.start(address, "evil", [...files, claim("link/x.txt", bytesOf(9, 3))]);
  try {
    const share = join(lab.pc("victim"), "share");
    put(lab.pc("outside"), "secret.txt", "secret");
    Deno.symlinkSync(lab.pc("outside"), join(share, "link"));
    Deno.symlinkSync("/etc", join(share, "etc"));
    Deno.symlinkSync("/etc/hostname", join(share, "hostname.txt"));
    const before = await tree(lab.pc("outside"));

    const args = ["serve", "--rs", address, "--name", "victim", "--port", "0", "--index-interval", "1"];
    const serve = onTerminal(lab, "peer", "victim", args);
    const victim = Number((await shows(serve, /Listening on 0\.0\.0\.0:\d+/)).split(":").at(-1));
    await shows(serve, /Registered as victim/);
    for (const to of [victim, port]) {
      const pusher = await FakePusher.dial(to);
      for (const name of HOSTILE_NAMES) {
        await pusher.offer("\x1b[31mx", [claim(name, bytesOf(5, 1))], evil.port);
      }
      await pusher.offer("evil", [claim("link/x.txt", bytesOf(9, 3))], evil.port);
      pusher.close();
    }
    for (
      const command of [["fetch", "--all", "--from", "evil"], ["fetch", "link/x.txt"], ["index"], ["peers"]]
    ) {
      const run = onTerminal(lab, "peer", "victim", command);
      const { code } = await run.ended;
      assertEquals(code, command[0] === "fetch" ? code || 1 : 0, command.join(" "));
      assertCalm(run);
    }
    for (const command of [["fetch", "--all", "--from", "evil"], ["index", "--local"]]) {
      const alone = onTerminal(lab, "peer", "alone", [...command, "--rs", address]);
      await alone.ended;
      assertCalm(alone);
    }
    assertFile(join(lab.pc("alone"), "share/good.txt"), bytesOf(9, 2));
    // Ctrl-C, typed.
    await serve.type("\x03");
    assertEquals((await serve.ended).code, 130);
    assertCalm(serve);
    assertEquals(await tree(lab.pc("outside")), before);
    await rs.kill();
  } finally {
    evil.close();
  }
}, { skip });

labTest("peer fetch --out elsewhere asks, and goes by the answer", async (lab, t) => {
  const { address } = await lab.rs();
  put(lab.pc("bob"), "share/a.txt", "content of a");
  await lab.peer("bob", address);
  const out = join(lab.pc("elsewhere"), "out");
  const fetch = () => onTerminal(lab, "peer", "alice", ["fetch", "a.txt", "--rs", address, "--out", out]);
  /** Answers the two questions: to write, to read. */
  const answer = async (running: Running, answers: string[]) => {
    let from = 0;
    for (const [i, each] of answers.entries()) {
      const asked = new RegExp(`${i === 0 ? "write" : "read"} access to [^]*Allow\\?[^]*>`);
      const question = await shows(running, asked, from);
      from = running.stdout.indexOf(question, from);
      // The runtime drops what was typed before it began to listen; a person would type again.
      const heard = () => shows(running, /Granted|Denied/, from, 500).then(() => true, () => false);
      do await running.type(`${each}\n`); while (!(await heard()));
      from = running.stdout.length;
    }
    return await running.ended;
  };
  await t.step("no", async () => {
    const running = fetch();
    const ended = assertCode(await answer(running, ["n"]), 4);
    assertMatch(ended.stdout, /Cannot write to .*out.*allow it when asked/s);
    assert(!await exists(out));
  });
  await t.step("Ctrl-C", async () => {
    const running = fetch();
    await shows(running, /Allow\?[^]*>/);
    await running.type("\x03");
    assertCode(await running.ended, 130);
    assert(!await exists(out));
  });
  await t.step("yes", async () => {
    assertCode(await answer(fetch(), ["y", "y"]), 0);
    assertFile(join(out, "a.txt"), "content of a");
  });
}, { skip });
