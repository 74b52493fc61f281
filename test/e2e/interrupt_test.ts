/** Ctrl-C while a program waits for somebody who takes the call and says nothing: a server that hangs, a PC that sleeps. */

import { assertEquals } from "@std/assert";
import { put } from "./files.ts";
import { assertCode, eventsOf, labTest } from "./lab.ts";

/** Every command that talks to a registration server; none may wait until a deadline has passed. */
const WAITING: readonly ["peer" | "rs", ...string[]][] = [
  ["peer", "peers"],
  ["peer", "index"],
  ["peer", "fetch", "x"],
  ["peer", "fetch", "--all"],
  ["peer", "fetch", "x", "--from", "all"],
  ["peer", "send", "share/x", "--to", "bob"],
  ["peer", "send", "share/x", "--to", "rs"],
  ["peer", "broadcast", "share/x"],
  ["peer", "doctor"],
  ["rs", "peers"],
  ["rs", "index"],
  ["rs", "fetch", "x"],
  ["rs", "broadcast", "share/x"],
  ["rs", "broadcasts"],
];

labTest("Ctrl-C while the registration server says nothing: 130 at once", async (lab, t) => {
  // Takes calls, as the system does for a process that hangs.
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const rs = `127.0.0.1:${silent.addr.port}`;
  put(lab.pc("pc"), "share/x", "x");
  for (const [program, ...args] of WAITING) {
    await t.step(`${program} ${args.join(" ")}`, async () => {
      const running = lab.start(program, "pc", [...args, "--rs", rs, "--json"]);
      using _called = await silent.accept();
      const began = performance.now();
      const ended = assertCode(await running.kill("SIGINT"), 130);
      // A deadline of the connection would have taken ten.
      assertEquals(performance.now() - began < 5_000, true, "it ends at once");
      assertEquals(eventsOf(ended, "error").map(({ code }) => code), ["interrupted"]);
    });
  }
  await t.step("peer serve", async () => {
    const running = lab.start("peer", "served", ["serve", "--port", "0", "--rs", rs, "--json"]);
    using _called = await silent.accept();
    const began = performance.now();
    assertCode(await running.kill("SIGINT"), 130);
    assertEquals(performance.now() - began < 5_000, true, "it ends at once");
  });
});
