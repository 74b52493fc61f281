/** Running the server for long: status, backup and restore, restarts under a broadcast, logs that rotate, telemetry. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { assertFile, bytesOf, MB, put } from "./files.ts";
import { assertCode, eventsOf, jsonLines, labTest, sentence } from "./lab.ts";

labTest("status, backup while it runs, restore: members and cookies are those of the backup", async (lab) => {
  assertCode(await lab.run("rs", "rs", ["status"]), 3);
  const { running, address, port, code } = await lab.securedRs();
  const a = await lab.peer("a", address, "--join", code);
  const { cookie } = await a.event("registered");

  const before = jsonLines(assertCode(await lab.run("rs", "rs", ["status", "--json"]), 0).stdout)[0]!;
  assertEquals([before.event, before.active, before.members, before.secured], ["status", 1, 1, true]);
  assertEquals([before.port, before.lastBackup], [port, undefined]);

  const made = eventsOf(
    assertCode(await lab.run("rs", "rs", ["backup", "rs-data/b", "--json"]), 0),
    "backup",
  );
  assertEquals([made[0]?.secured, made.length], [true, 1]);
  const files = [...Deno.readDirSync(join(lab.pc("rs"), "rs-data", "b"))].map(({ name }) => name).sort();
  assertEquals(files, [
    ...["authority.json", "backup.json", "members.json", "membership.json", "page.key", "rs.sqlite"],
  ]);
  const table = assertCode(await lab.run("rs", "rs", ["status"]), 0).stdout;
  assertMatch(table, /^Last backup +\d{4}-.* ago, in .*rs-data\/b$/m);
  assertMatch(table, /^Peers +1 active of 1$/m);

  const later = await lab.peer("later", address, "--join", code);
  assertMatch(sentence(await lab.run("rs", "rs", ["restore", "rs-data/b"])), /an rs serve uses/);
  assertCode(await lab.run("rs", "rs", ["backup", "share/b"]), 2);
  assertCode(await lab.run("rs", "rs", ["backup", "rs-data/b"]), 1);
  assertCode(await lab.run("rs", "rs", ["backup", "../elsewhere"]), 4);
  await running.kill("SIGTERM");

  // Without a server: to the usual place, and back.
  const whole = assertCode(await lab.run("rs", "rs", ["backup"]), 0);
  assertMatch(whole.stdout, /rs-data\/backups\/\d{8}T\d{6}Z.*\n.*private keys/);
  const restored = assertCode(await lab.run("rs", "rs", ["restore", "rs-data/b"]), 0);
  assertMatch(restored.stdout, /What was there before is in .*replaced/);
  const again = lab.start("rs", "rs", ["serve", "--json", "--no-discovery", "--port", String(port)]);
  await again.event("listening");
  await a.events("registered", 2);
  assertEquals((await a.events("registered", 2))[1]!.cookie, cookie);
  const members = eventsOf(await lab.run("rs", "rs", ["members", "--json"]), "member").map(({ name }) =>
    name
  );
  assertEquals(members, ["a"]);
  await later.kill();
});

labTest("a broadcast from a peer outlives the server's restart; all receipts are there", async (lab) => {
  const bytes = bytesOf(24 * MB, 9);
  const { running, address, port } = await lab.rs();
  const names = ["a", "b", "c"];
  for (const name of [...names, "source"]) await lab.peer(name, address);
  put(lab.pc("source"), join("share", "image.bin"), bytes);
  const under = lab.start("peer", "source", [
    ...["broadcast", "share/image.bin", "--json", "--rate", "6MB/s", "--timeout", "2m"],
  ]);
  await under.event("progress");
  assertEquals((await running.kill("SIGTERM")).code, 130);
  const again = await lab.rs("rs", "--port", String(port));
  const ended = assertCode(await under.ended, 0);
  const { id, done } = eventsOf(ended, "broadcast")[0]!;
  assertEquals(done, 3);
  for (const name of names) assertFile(join(lab.pc(name), "share", "image.bin"), bytes);
  const told = await lab.run("rs", "rs", ["broadcasts", "--id", String(id), "--json", "--rs", again.address]);
  const receipts = eventsOf(assertCode(told, 0), "receipt").map(({ peer, state }) => `${peer} ${state}`);
  assertEquals(receipts.sort(), names.map((name) => `${name} done`));
});

labTest("last copies, and who had what when: over a restart, too", async (lab) => {
  const { running, address, port } = await lab.rs();
  put(lab.pc("a"), join("share", "both.txt"), "both");
  put(lab.pc("b"), join("share", "both.txt"), "both");
  put(lab.pc("a"), join("share", "own.txt"), "own");
  const a = await lab.peer("a", address, "--index-interval", "1");
  await lab.peer("b", address, "--index-interval", "1");
  await running.said(/Announce +a: .*2 files/);
  await running.said(/Announce +b: .*1 file;/);
  const ask = async (...args: string[]) => {
    const ended = assertCode(await lab.run("rs", "rs", ["index", "--json", ...args]), 0);
    return ended.lines.map(({ name, peer, flag }) => `${name} ${peer} ${flag}`).sort();
  };
  assertEquals(await ask("--last-copy"), ["own.txt a 1"]);
  assertEquals(await ask("--last-copy", "*.pdf"), []);
  assertEquals(await ask("--history"), ["both.txt a 1", "both.txt b 1", "own.txt a 1"]);
  const then = new Date().toISOString();
  Deno.removeSync(join(lab.pc("a"), "share", "own.txt"));
  await running.said(/Announce +a: .*1 gone/);
  await running.kill("SIGTERM");
  await lab.rs("rs", "--port", String(port));
  await a.events("registered", 2);
  assertEquals(await ask("--history", "own"), ["own.txt a 0"]);
  assertEquals(await ask("--at", then, "own"), ["own.txt a 0"]);
  assertEquals(await ask("--at", new Date().toISOString(), "own"), []);
  assertCode(await lab.run("rs", "rs", ["index", "--at", "yesterday"]), 2);
});

labTest("the log file holds JSON lines and rotates inside the sandbox", async (lab) => {
  const old = JSON.stringify({ filler: "x".repeat(4_999_900) }) + "\n";
  put(lab.pc("rs"), join("rs-data", "rs.log"), old);
  const { running } = await lab.rs("rs", "--quiet", "--log-file", "rs-data/rs.log");
  await running.kill("SIGTERM");
  const folder = join(lab.pc("rs"), "rs-data");
  assert(Deno.readTextFileSync(join(folder, "rs.log.1")).startsWith(old));
  const both = Deno.readTextFileSync(join(folder, "rs.log.1")).slice(old.length) +
    Deno.readTextFileSync(join(folder, "rs.log"));
  const lines = both.trimEnd().split("\n").map((line) => JSON.parse(line));
  for (const line of lines) assertMatch(line.time, /^\d{4}-.*Z$/);
  assert(lines.some(({ level, message }) => level === "info" && /^Listening on/.test(message)), both);
});

/** Takes in what OpenTelemetry sends. */
function collector() {
  const bodies: { path: string; body: string }[] = [];
  let waiting: (() => void)[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    bodies.push({ path: new URL(request.url).pathname, body: await request.text() });
    for (const wake of waiting.splice(0)) wake();
    return Response.json({});
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    async until(path: string, pattern: RegExp) {
      while (!bodies.some((each) => each.path === path && pattern.test(each.body))) {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    close: () => (waiting = [], server.shutdown()),
  };
}

labTest(
  "compiled with --otel, rs sends metrics and spans where OTEL_... says, in the sandbox",
  async (lab) => {
    const root = fromFileUrl(new URL("../..", import.meta.url));
    const output = join(root, ".build", "otel");
    const compiled = await new Deno.Command(Deno.execPath(), {
      args: ["task", "compile", "--otel", "--only", "rs", "--if-needed", "--output", output],
      ...{ cwd: root, stdin: "null", stdout: "piped", stderr: "piped" },
    }).output();
    assert(compiled.success, new TextDecoder().decode(compiled.stderr));
    const collecting = collector();
    try {
      const env = {
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_EXPORTER_OTLP_ENDPOINT: collecting.url,
        OTEL_METRIC_EXPORT_INTERVAL: "200",
        OTEL_BSP_SCHEDULE_DELAY: "200",
      };
      const rs = lab.start(
        ...["rs", "rs", ["serve", "--open", "--json", "--no-discovery", "--port", "0"]] as const,
        [join(output, "rs")],
        { env, clearEnv: true },
      );
      const { port } = await rs.event("listening");
      await lab.peer("a", `127.0.0.1:${port}`);
      await collecting.until("/v1/metrics", /labswarm\.messages/);
      await collecting.until("/v1/traces", /"Register"/);
      await rs.kill("SIGTERM");
    } finally {
      await collecting.close();
    }
  },
);
