/** The real process: signals, pipes, stray errors and what the sandbox lets happen. */

import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";

const fixture = fromFileUrl(new URL("./_fixture.ts", import.meta.url));
const config = fromFileUrl(new URL("../../deno.json", import.meta.url));

function spawn(line: string, cwd?: string): Deno.ChildProcess {
  const folders = "./share,./peer-data";
  const flags = ["--allow-env=TERM,NO_COLOR", `--allow-read=${folders}`, `--allow-write=${folders}`];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", "--config", config, ...flags, fixture, ...line.split(" ")],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...(cwd ? { cwd } : {}),
  }).spawn();
}

async function finish(child: Deno.ChildProcess) {
  const [out, err, { code }] = await Promise.all([child.stdout.text(), child.stderr.text(), child.status]);
  return { out, err, code };
}

/** Sends a signal once the child has said something, and again and again until it ends where told so; gives the exit code. */
async function interrupt(line: string, signal: Deno.Signal, isRepeated = false): Promise<number> {
  const child = spawn(line);
  const reader = child.stdout.getReader();
  await reader.read();
  const errors = child.stderr.text();
  let ended = false;
  child.status.then(() => ended = true);
  // Two that come before the first is heard are one to the system.
  do {
    if (!ended) child.kill(signal);
    await new Promise((resolve) => setTimeout(resolve, 100));
  } while (isRepeated && !ended);
  const { code } = await child.status;
  await reader.cancel();
  assertEquals((await errors).includes("    at "), false);
  return code;
}

const ignore = Deno.build.os === "windows";

Deno.test({ name: "signals interrupt", ignore }, async () => {
  const codes = await Promise.all([
    interrupt("wait", "SIGINT"),
    interrupt("wait", "SIGTERM"),
    interrupt("wait", "SIGHUP"),
    interrupt("cancelled", "SIGINT"),
    interrupt("stubborn", "SIGINT", true),
  ]);
  assertEquals(codes, [130, 130, 130, 130, 130]);
});

/** Watches signals, leaves them to the system for the length of a question, and exits with 7 when one is heard. */
const QUESTION = `
  import { Signals } from ${JSON.stringify(new URL("./signals.ts", import.meta.url).href)};
  const signals = new Signals();
  signals.watch({ first: () => Deno.exit(7), again: () => {} });
  setInterval(() => {}, 1000);
  await signals.unwatched(() => Promise.resolve());
  const ask = () => (console.log("ready"), new Promise(() => {}));
  await (Deno.args[0] === "asking" ? signals.unwatched(ask) : ask());
`;

Deno.test({
  name: "a signal at a question, which nobody would hear, ends the process; after it, it is heard",
  ignore,
}, async () => {
  const ends = ["asking", "asked"].map(async (when) => {
    const args = ["eval", "--no-lock", "--config", config, QUESTION, when];
    const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    child.kill("SIGINT");
    const { code, signal } = await child.status;
    await reader.cancel();
    return signal ?? code;
  });
  assertEquals(await Promise.all(ends), ["SIGINT", 7]);
});

Deno.test("a reader that goes away ends the command quietly", async () => {
  const child = spawn("spam");
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  const [err, { code }] = await Promise.all([child.stderr.text(), child.status]);
  assertEquals([err, code], ["", 0]);
});

Deno.test("what is printed before the end arrives whole, in order", async () => {
  const { out, code } = await finish(spawn("spam"));
  const lines = out.trimEnd().split("\n");
  assertEquals([code, lines.length, lines.at(-1)], [0, 100_000, "line 99999"]);
});

Deno.test("a stray error fails a one-shot command without a stack", async () => {
  const { out, err, code } = await finish(spawn("stray"));
  assertEquals([out, code], ["", 1]);
  assert(/^\d\d:\d\d:\d\d ERROR Internal error: nobody awaits me\n$/.test(err), err);
  const json = await finish(spawn("stray --json"));
  const { event, code: kind, message } = JSON.parse(json.out);
  assertEquals([json.code, event, kind], [1, "error", "failed"]);
  assert(message.startsWith("Internal error: nobody awaits me"), message);
});

Deno.test("a path outside is refused without a question, a log file inside is made", async () => {
  const cwd = await Deno.makeTempDir();
  try {
    const outside = await finish(spawn("ok --log-file ../x.log", cwd));
    assertEquals([outside.code, outside.out], [4, ""]);
    for (const folder of ["peer-data", "./share/"]) {
      const taken = await finish(spawn(`ok --log-file ${folder}`, cwd));
      assertEquals([taken.code, taken.out], [2, ""]);
      assert(/^Cannot write the log .*; name a file, as in --log-file .*\n$/.test(taken.err), taken.err);
    }
    assertEquals([...Deno.readDirSync(cwd)], []);
    const inside = await finish(spawn("bug --log-file ./peer-data/logs/x.log", cwd));
    assertEquals(inside.code, 1);
    const log = await Deno.readTextFile(join(cwd, "peer-data", "logs", "x.log"));
    assertEquals(JSON.parse(log).properties.error.name, "TypeError");
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
});
