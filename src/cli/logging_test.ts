import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FakeClock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { type Level, type LogFile, openLog } from "./logging.ts";
import { redact } from "./redact.ts";
import { colours } from "./terminal.ts";

async function logged(level: Level, options: { quiet?: boolean; file?: LogFile; colour?: boolean } = {}) {
  const lines: string[] = [];
  const { quiet = false, file, colour = false } = options;
  const log = openLog({
    level,
    quiet,
    clock: new FakeClock(),
    colour: colours(colour),
    write: (line) => lines.push(line),
    ...(file ? { file } : {}),
  });
  const { logger } = log;
  logger.debug("one", { peer: "pc1" });
  logger.info("two", { token: "abc" });
  logger.warn("three {x}", { x: 1 });
  logger.error("four");
  await log.close();
  return lines;
}

Deno.test("readable lines from the level on, in order, although they came before the library", async () => {
  const lines = await logged("info");
  assertEquals(lines.map((line) => line.slice(9)), ["INFO  two", "WARN  three {x}", "ERROR four"]);
  assertMatch(lines[0]!, /^\d\d:\d\d:\d\d INFO /);
});

Deno.test("properties are shown when debugging; secrets never", async () => {
  const lines = await logged("debug");
  assertEquals(lines[0]!.slice(9), "DEBUG one  peer=pc1");
  assertEquals(lines[1]!.slice(9), "INFO  two  token=[hidden]");
});

Deno.test("an error's code is shown, on stderr when debugging and in the file; one to join with never", async () => {
  const lines: string[] = [];
  const path = await Deno.makeTempFile();
  const write = (line: string) => void lines.push(line);
  const common = { clock: new FakeClock(), colour: colours(false), write, file: { path, rotate: false } };
  const { logger, close } = openLog({ level: "debug", quiet: false, ...common });
  try {
    const cause = Object.assign(new Error("no room"), { code: "ENOSPC" });
    logger.info("Register was refused", { code: "not_permitted" });
    logger.info("Join", { code: "WESXK-AAAAA-AAAAA-AAAAA-AAAAA" });
    logger.info("Join", { code: "EAAAAAAAAAAAAAAAAAAAAAAAA" });
    logger.error("Stray", { error: new LabError("disk_full", "The disk is full", { cause }) });
  } finally {
    await close();
  }
  const records = (await Deno.readTextFile(path)).trimEnd().split("\n").map((line) =>
    JSON.parse(line).properties
  );
  await Deno.remove(path);
  assertEquals(records.slice(0, 3).map(({ code }) => code), ["not_permitted", "[hidden]", "[hidden]"]);
  const { error } = records[3];
  assertEquals([error.code, error.cause.code, error.cause.message], ["disk_full", "ENOSPC", "no room"]);
  assertEquals(lines.slice(0, 2).map((line) => line.slice(9)), [
    "INFO  Register was refused  code=not_permitted",
    "INFO  Join  code=[hidden]",
  ]);
});

Deno.test("--quiet leaves errors only", async () => {
  assertEquals((await logged("debug", { quiet: true })).map((line) => line.slice(9)), ["ERROR four"]);
});

Deno.test("colours where they are wanted", async () => {
  assert((await logged("error", { colour: true }))[0]!.includes("\x1b[31mERROR\x1b[39m four"));
});

Deno.test("a log file gets JSON lines, all of the level even with --quiet, and rotates", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/x.log`;
    await Deno.writeTextFile(path, "x".repeat(4_999_990) + "\n");
    await logged("info", { quiet: true, file: { path, rotate: true } });
    assertEquals((await Deno.stat(`${path}.1`)).size, 4_999_991);
    const records = (await Deno.readTextFile(path)).trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals(records[0], {
      time: "2026-01-01T00:00:00.000Z",
      level: "info",
      message: "two",
      properties: { token: "[hidden]" },
    });
    assertEquals(records.map((r) => r.level), ["info", "warn", "error"]);
    await logged("error", { file: { path, rotate: false } });
    assertEquals((await Deno.readTextFile(path)).trimEnd().split("\n").length, 4);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a log file that can't be opened is said at the start, and once", async () => {
  const written: string[] = [];
  const file = { path: "/nowhere/at/all/x.log", rotate: false };
  const log = openLog({
    level: "info",
    quiet: false,
    clock: new FakeClock(),
    colour: colours(false),
    write: (line) => written.push(line),
    file,
  });
  await assertRejects(() => log.start(), LabError, "Cannot open the log file");
  log.logger.error("Why the command failed");
  await log.close();
  assertEquals(written, []);
});

Deno.test("secrets are hidden at any depth; what only looks like one isn't", () => {
  const deep = redact({
    key: 1,
    Secret: "x",
    joinCode: "x",
    private_key: "x",
    monkey: "m",
    errorCode: "failed",
    nested: [{ token: "x", ok: true }],
    bytes: new Uint8Array(3),
    big: 5n,
  });
  assertEquals(deep, {
    key: "[hidden]",
    Secret: "[hidden]",
    joinCode: "[hidden]",
    private_key: "[hidden]",
    monkey: "m",
    errorCode: "failed",
    nested: [{ token: "[hidden]", ok: true }],
    bytes: "[3 bytes]",
    big: "5",
  });
  const loop: Record<string, unknown> = {};
  loop["loop"] = loop;
  assertEquals(JSON.stringify(redact(loop)).includes("[...]"), true);
});
