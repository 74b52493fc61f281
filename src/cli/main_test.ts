import { assert, assertEquals } from "@std/assert";
import { FakeHost, FakeStream } from "./_fakes.ts";
import { PROGRAM } from "./_fixture.ts";
import { isDiskFull } from "./failure.ts";
import { runProgram } from "./main.ts";
import { VERSION } from "./version.ts";

async function run(line: string, prepare: (host: FakeHost) => void = () => {}) {
  const host = new FakeHost();
  prepare(host);
  const code = await runProgram(PROGRAM, line === "" ? [] : line.split(" "), host);
  return { code, out: host.stdout.text, err: host.stderr.text, host };
}

/** Line, exit code, and beginnings of stdout and stderr. */
const ENDS: [line: string, code: number, out: string, err: string][] = [
  ["ok", 0, "fine\n", ""],
  ["five", 5, "", ""],
  ["missing", 3, "", "Cannot reach the RS: start it\n"],
  ["bug", 1, "", "Internal error: x is undefined; run again with --log-level debug for the details\n"],
  ["leak", 4, "", 'The sandbox does not permit this: Requires read access to "/x"\n'],
  ["", 2, "", "peer 0.1.0: "],
  ["--help", 0, "peer 0.1.0: ", ""],
  ["help ok", 0, "peer ok: does ok", ""],
  ["--version", 0, `peer ${VERSION} (Deno `, ""],
  ["nonsense", 2, "", 'Unknown command "nonsense"'],
  ["@baked={} ok", 0, "fine\n", ""],
  ["@baked={x ok", 2, "", "Cannot read the folders compiled in"],
  ["ok @baked={}", 2, "", 'Cannot use "@baked={}"'],
];

Deno.test("each end has its exit code and its sentence", async () => {
  for (const [line, code, out, err] of ENDS) {
    const ended = await run(line);
    assertEquals(ended.code, code, line);
    assert(ended.out.startsWith(out) && (out !== "" || ended.out === ""), `${line}: ${ended.out}`);
    assert(ended.err.startsWith(err) && (err !== "" || ended.err === ""), `${line}: ${ended.err}`);
  }
});

Deno.test("without a word on a terminal: the command that a program has for that", async () => {
  const host = new FakeHost();
  host.stdinIsTerminal = true;
  host.stdout = new FakeStream(true);
  assertEquals(await runProgram({ ...PROGRAM, alone: "ok" }, [], host), 0);
  assertEquals(host.stdout.text, "fine\n");
  const piped = new FakeHost();
  piped.stdinIsTerminal = true;
  assertEquals(await runProgram({ ...PROGRAM, alone: "ok" }, [], piped), 2, "nobody sees a menu in a pipe");
});

Deno.test("with --json errors, help and version are events", async () => {
  const events = async (line: string) => JSON.parse((await run(line)).out);
  assertEquals((await events("missing --json")).code, "unreachable");
  assertEquals((await events("--json")).code, "usage");
  assertEquals((await events("nonsense --json")).code, "usage");
  assertEquals(await events("--json --version"), { event: "version", program: "peer", version: VERSION });
  assertEquals((await events("--json --help")).event, "help");
});

Deno.test("the stack of a bug is shown at log level debug", async () => {
  const { err } = await run("bug --log-level debug");
  assert(/TypeError: x is undefined\n +at /.test(err), err);
});

Deno.test("a first signal interrupts, a second one ends at once", async () => {
  for (const [line, err] of [["wait", ""], ["cancelled", "Interrupted (SIGINT)\n"]] as const) {
    const host = new FakeHost();
    const running = runProgram(PROGRAM, [line], host);
    while (host.stdout.text === "") await new Promise((resolve) => setTimeout(resolve, 1));
    host.signals!.first("SIGINT");
    host.signals!.again("SIGINT");
    assertEquals([await running, host.exits, host.stderr.text], [130, [130], err]);
    assertEquals([host.signals, host.strays], [undefined, undefined]);
  }
});

Deno.test("a command that doesn't stop is ended after a while", async () => {
  const host = new FakeHost();
  const running = runProgram(PROGRAM, ["wait"], host);
  while (host.stdout.text === "") await new Promise((resolve) => setTimeout(resolve, 1));
  host.signals!.first("SIGTERM");
  host.clock.advance(10_000);
  await running;
  assertEquals(host.exits, [130]);
});

Deno.test("a stray error is logged; a one-shot command has failed then", async () => {
  const host = new FakeHost();
  const running = runProgram(PROGRAM, ["cancelled"], host);
  while (host.stdout.text === "") await new Promise((resolve) => setTimeout(resolve, 1));
  host.strays!.stray(new Error("from\x1b nowhere"));
  host.signals!.first("SIGINT");
  assertEquals(await running, 130);
  assert(host.stderr.text.includes("ERROR Internal error: from\\u{1b} nowhere"), host.stderr.text);
});

Deno.test("a closed stdout ends quietly", async () => {
  const { code, err } = await run("spam", (host) => host.stdout.fault = new Deno.errors.BrokenPipe("gone"));
  assertEquals([code, err], [0, ""]);
  const cancelled = await run("cancelled", (host) => host.stdout.fault = new Deno.errors.BrokenPipe("gone"));
  assertEquals([cancelled.code, cancelled.err], [1, ""]);
});

Deno.test("a log file outside is refused without a terminal", async () => {
  const { code, err } = await run("ok --log-file /mnt/x.log", (host) => host.state = "prompt");
  assertEquals(code, 4);
  assert(err.startsWith("Cannot write to /mnt/x.log: ") && err.includes("--log-file ./peer-data/..."), err);
});

Deno.test("a full disk is known by the system's number", () => {
  assert(isDiskFull(new Error("No space left on device (os error 28)"), "linux"));
  assert(isDiskFull(new Error("There is not enough space on the disk. (os error 112)"), "windows"));
  assert(!isDiskFull(new Error("Host is down (os error 112)"), "linux"));
  assert(isDiskFull(Object.assign(new Error("x"), { code: "ENOSPC" })));
  assert(!isDiskFull("os error 28"));
});
