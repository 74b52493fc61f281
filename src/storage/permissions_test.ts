/** Under the permissions that the executables get, on a terminal: what isn't granted is an error of ours, never a question. */

import { assertEquals, assertFalse } from "@std/assert";
import { dirname, fromFileUrl, join } from "@std/path";
import { TempFolder } from "./_testing.ts";

const PROBE = fromFileUrl(new URL("./_permission_probe.ts", import.meta.url));
const LOCK = join(dirname(PROBE), "..", "..", "deno.lock");

/** `script` gives a program a pseudo-terminal, on which the runtime would ask. */
const hasTerminal = Deno.build.os === "linux" &&
  new Deno.Command("sh", { args: ["-c", "command -v script"], stdout: "null" }).outputSync().success;

Deno.test({
  name: `storage outside the sandbox fails with our own error and asks nothing${
    hasTerminal ? "" : " (skipped: no script(1) here)"
  }`,
  ignore: !hasTerminal,
  async fn() {
    using temp = new TempFolder();
    const inside = temp.folder("inside");
    const outside = temp.folder("outside");
    temp.file("outside/secret");
    temp.file("inside/a");
    Deno.symlinkSync(outside, temp.at("inside", "link"));
    const grants = `--allow-read=${inside} --allow-write=${inside}`;
    const command = `deno run --quiet --lock=${LOCK} --frozen ${grants} ${PROBE} ${inside} ${outside}`;
    const shell = command.replace(/^deno/, Deno.execPath());
    const { stdout } = await new Deno.Command("script", {
      args: ["-qec", shell, "/dev/null"],
      stdin: "null",
      // A question would wait for ever.
      signal: AbortSignal.timeout(30_000),
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stdout);
    assertFalse(/Deno requests|Allow\?/.test(text), text);
    const seen = JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
    assertEquals(seen, {
      "open inside": "done",
      "open outside to read": "not_permitted",
      "open outside to write": "not_permitted",
      "open above": "not_permitted",
      "read through a link": "not_permitted",
      "write through a link": "not_permitted",
      // As a share may be: the person put it there. What is below a root must not lead out of it.
      "root that is a link": "done",
      "write outside": "not_permitted",
      "hash outside": "not_permitted",
      "lock outside": "not_permitted",
      "read outside": "not_permitted",
      "scan": "done",
      "index outside": "done",
    });
    assertEquals(temp.list().filter((name) => name.startsWith("outside/")), ["outside/secret"]);
  },
});
