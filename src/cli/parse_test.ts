import { assert, assertEquals, assertThrows } from "@std/assert";
import { LabError } from "../base/errors.ts";
import { PROGRAM } from "./_fixture.ts";
import { parse, peek } from "./parse.ts";

/** Reads a line by its spaces; a word can hold none. */
const read = (line: string) => parse(PROGRAM, line === "" ? [] : line.split(" "));

/** Line, the positionals, and the flags that matter. */
const GOOD: [line: string, args: string[], flags: Record<string, unknown>][] = [
  ["serve", [], {
    port: 23475,
    http: true,
    ttl: 7200,
    timeout: 600_000,
    rs: undefined,
    to: [],
    json: false,
    tag: [],
  }],
  ["serve --port 80", [], { port: 80 }],
  ["serve --port=80", [], { port: 80 }],
  ["serve --port 0", [], { port: 0 }],
  ["serve --no-http", [], { http: false }],
  ["serve --http", [], { http: true }],
  ["serve --http-port 8080", [], { httpPort: 8080, http: true }],
  ["serve --rs 10.0.0.1", [], { rs: { host: "10.0.0.1", port: 23475 } }],
  ["serve --rs 10.0.0.1:9", [], { rs: { host: "10.0.0.1", port: 9 } }],
  ["serve --rs [fe80::1]:9", [], { rs: { host: "fe80::1", port: 9 } }],
  ["serve --to a,b", [], { to: ["a", "b"] }],
  ["serve --to a,b --to c", [], { to: ["a", "b", "c"] }],
  ['serve --to "a,b",c', [], { to: ["a,b", "c"] }],
  ['serve --to c,,"a,b",', [], { to: ["c", "a,b"] }],
  ['serve --to "a,b" --to c', [], { to: ["a,b", "c"] }],
  ["serve --ttl 60", [], { ttl: 60 }],
  ["serve --timeout 90s", [], { timeout: 90_000 }],
  ["serve --role lead", [], { role: "lead" }],
  ["serve --join -", [], { join: "-" }],
  ["serve --join -5x", [], { join: "-5x" }],
  ["serve --join=--odd", [], { join: "--odd" }],
  ["serve --join=a=b", [], { join: "a=b" }],
  ["serve --join 007", [], { join: "007" }],
  ["serve --join true", [], { join: "true" }],
  ["serve --tag 1 --tag 2", [], { tag: ["1", "2"] }],
  ["serve --debugger", [], { debugger: true }],
  ["serve --json --quiet --log-level debug", [], { json: true, quiet: true, logLevel: "debug" }],
  ["--json serve", [], { json: true }],
  ["--log-level info serve --port 1", [], { logLevel: "info", port: 1 }],
  ["--log-file x.log serve", [], { logFile: "x.log" }],
  ["--quiet --log-level=error serve", [], { quiet: true, logLevel: "error" }],
  ["fetch a", ["a"], { all: false, from: undefined }],
  ["fetch a b c", ["a", "b", "c"], {}],
  ["fetch 2024", ["2024"], {}],
  ["fetch 1e3 0x10 007", ["1e3", "0x10", "007"], {}],
  ["fetch *.txt", ["*.txt"], {}],
  ["fetch a --from pc7 b", ["a", "b"], { from: "pc7" }],
  ["fetch --from pc7 a", ["a"], { from: "pc7" }],
  ["fetch --from 12 a", ["a"], { from: "12" }],
  ["fetch --json a", ["a"], { json: true }],
  ["fetch --json true", ["true"], { json: true }],
  ["fetch --all", [], { all: true }],
  ["fetch --rate 50MB/s x", ["x"], { rate: 50_000_000 }],
  ["fetch -- -a --all", ["-a", "--all"], { all: false }],
  ["fetch a -- --json", ["a", "--json"], { json: false }],
  ["fetch -", ["-"], {}],
  ["fetch help", ["help"], {}],
  ["fetch __proto__", ["__proto__"], {}],
  ["send a", ["a"], {}],
  ["send a b", ["a", "b"], {}],
];

Deno.test("good lines", () => {
  for (const [line, args, flags] of GOOD) {
    const parsed = read(line);
    assert(parsed.kind === "run", line);
    assertEquals(parsed.args, args, line);
    for (const [name, value] of Object.entries(flags)) {
      assertEquals(parsed.flags[name], value, `${line}: ${name}`);
    }
  }
});

/** Line, and what the sentence has to hold. */
const BAD: [line: string, ...words: string[]][] = [
  ["sevre", 'did you mean "peer serve"'],
  ["xyzzy", "Unknown command", 'see "peer --help"'],
  ["constructor", "Unknown command"],
  ["--port 1 serve", 'write "peer COMMAND --port"'],
  ["-p serve", "Unknown flag -p", "two dashes"],
  ["--zzz serve", "Unknown flag --zzz", 'see "peer --help"'],
  ["--versoin", "did you mean --version?"],
  ["serve --prot 1", "--prot", "did you mean --port?"],
  ["serve --http-prot 1", "did you mean --http-port?"],
  ["serve --htp-port 1", "did you mean --http-port?"],
  ["serve --zzz", 'see "peer serve --help"'],
  ["serve --debuger", "Unknown flag", 'see "peer serve --help"'],
  ["serve --__proto__ 1", "Unknown flag"],
  ["serve --constructor", "Unknown flag"],
  ["serve --no-port", "Unknown flag --no-port"],
  ["serve --no-json", "Unknown flag --no-json"],
  ["serve --rs.host x", "Unknown flag --rs.host"],
  ["serve -p 1", "Unknown flag -p", "two dashes"],
  ["fetch -file", "Unknown flag -file", "put --"],
  ["serve --port", "--port without a value", "--port PORT"],
  ["serve --port --json", "--port without a value"],
  ["serve --port=", "--port without a value"],
  ["serve --rs -- x", "--rs without a value"],
  ["serve --json=yes", "Cannot give --json a value"],
  ["serve --no-http=1", "Cannot give --no-http a value"],
  ["serve --port x", '"x"', "--port", "65535"],
  ["serve --port 65536", '"65536"'],
  ["serve --port -1", '"-1"'],
  ["serve --port 1.5", '"1.5"'],
  ["serve --port 1 --port 2", "Cannot use --port 2 times"],
  ["serve --ttl 0", "from 1 to 86400"],
  ["serve --ttl 90000", "from 1 to 86400"],
  ["serve --ttl ten", "whole number"],
  ["serve --uses -1", "0 or more"],
  ["serve --timeout soon", "--timeout", "duration"],
  ["serve --timeout 0", "duration"],
  ["serve --timeout 366d", '"366d"', "--timeout", "365d at most"],
  ["serve --grace 61m", '"61m"', "--grace", "1h at most"],
  ["serve --rs a:b:c:x", "HOST[:PORT]"],
  ["serve --rs a:99999", "HOST[:PORT]"],
  ["serve --to ,", "commas"],
  ["serve --role boss", "member or lead"],
  ["serve --log-level loud", "debug, info, warn or error"],
  ["serve --no-http --http-port 1", "--http-port and --no-http", "leave one out"],
  ["serve extra", '"extra"', "takes no arguments"],
  ["fetch", "Missing NAME|GLOB", "--all", "peer fetch rfc1.txt"],
  ["fetch --rate fast x", "--rate", "50MB/s"],
  ["fetch --all a", '--all together with "a"'],
  ["send", "Missing PATH"],
  ["send a b c", 'from "c" on', "quotes"],
  ["help sevre", "did you mean"],
];

Deno.test("bad lines get one sentence and exit code 2", () => {
  for (const [line, ...words] of BAD) {
    const error = assertThrows(() => read(line), LabError, undefined, line);
    assertEquals(error.exitCode, 2, line);
    for (const word of words) assert(error.message.includes(word), `${line}: ${error.message}`);
    assert(!error.message.includes("\n"), line);
  }
  assertThrows(() => parse(PROGRAM, ["fetch", ""]), LabError, "empty argument");
  assertThrows(() => parse(PROGRAM, ["fetch", "a", "--from", ""]), LabError, "--from without a value");
});

Deno.test("on Windows a name's backslashes are the index's slashes, and a path's its own", () => {
  const args = (os: string, ...words: string[]) => {
    const parsed = parse(PROGRAM, words, os);
    assert(parsed.kind === "run");
    return parsed.args;
  };
  assertEquals(args("windows", "fetch", "rfc\\old\\", "*.txt"), ["rfc/old/", "*.txt"]);
  assertEquals(args("windows", "send", "share\\x"), ["share\\x"]);
  assertEquals(args("linux", "fetch", "a\\b"), ["a\\b"]);
});

Deno.test("on Windows a quotation mark that a backslash kept from closing is told", () => {
  const swallowed = [
    ["fetch", "a", "--out", 'share\\my lab" --rs pc1'],
    ["fetch", 'my lab" --from pc7'],
    ["send", 'share\\my lab"'],
  ];
  for (const words of swallowed) {
    assertThrows(() => parse(PROGRAM, words, "windows"), LabError, "leave out the \\ in front");
    assert(parse(PROGRAM, words, "linux").kind === "run");
  }
  // Where it's no path it may be meant.
  assert(parse(PROGRAM, ["serve", "--join", 'a"b'], "windows").kind === "run");
});

Deno.test("help and version win over mistakes", () => {
  for (const line of ["--help", "-h", "help", "--json --help", "help --json"]) {
    assertEquals(read(line), { kind: "help" }, line);
  }
  for (const line of ["fetch --help", "fetch -h", "fetch --nonsense --help", "--help fetch", "help fetch"]) {
    const parsed = read(line);
    assert(parsed.kind === "help" && parsed.command?.name === "fetch", line);
  }
  for (const line of ["--version", "-V", "fetch --version"]) {
    assertEquals(read(line), { kind: "version" }, line);
  }
  for (const line of ["", "--json", "--"]) assertEquals(read(line), { kind: "nothing" }, line);
});

Deno.test("values may hold anything, line ends too", () => {
  const parsed = parse(PROGRAM, ["serve", "--join", "a\nb = c", "--tag=x\ny"]);
  assert(parsed.kind === "run");
  assertEquals([parsed.flags["join"], parsed.flags["tag"]], ["a\nb = c", ["x\ny"]]);
  assertEquals([...parsed.given], ["join", "tag"]);
});

Deno.test("global flags are seen in a wrong line, but not behind --", () => {
  assertEquals(peek(["x", "--json", "--log-level", "debug"]).debug, true);
  assertEquals(peek(["x", "--", "--json"]).json, false);
  assertEquals(peek(["--log-level=debug"]).debug, true);
});

Deno.test("no flag of a table begins with no-", () => {
  for (const command of PROGRAM.commands) {
    for (const name of Object.keys(command.flags)) assert(!name.startsWith("no-"), name);
  }
});

Deno.test("a join code in the wrong place is neither looked up nor repeated", () => {
  const code = "008J4-CT4AN-K7F24-SNAXW-SQFEW";
  for (const line of [`serve ${code}`, code, `serve --rs ${code.toLowerCase()}`, `serve --rs ${code}`]) {
    const message = assertThrows(() => read(line), LabError, "--join").message;
    assertEquals(message.toUpperCase().includes(code), false, message);
  }
});
