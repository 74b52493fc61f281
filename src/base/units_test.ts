import { assertEquals, assertThrows } from "@std/assert";
import {
  codeOf,
  ERROR_CODES,
  EXIT,
  isErrorCode,
  LabError,
  messageOf,
  RemoteProtocolError,
} from "./errors.ts";
import {
  formatBytes,
  formatHostPort,
  formatRate,
  formatSeconds,
  parseDuration,
  parseHostPort,
  parseRate,
  parseSize,
} from "./units.ts";

const usage = (read: () => unknown) => assertEquals(assertThrows(read, LabError).code, "usage");

Deno.test("rates", () => {
  const cases: [string, number][] = [
    ["50MB/s", 50e6],
    ["50mb", 50e6],
    [" 12.5 MB/s ", 12.5e6],
    ["1 MiB/s", 2 ** 20],
    ["500", 500],
    ["100mbit", 12.5e6],
    ["1 Gbit/s", 125e6],
    ["10k", 1e4],
  ];
  for (const [text, rate] of cases) assertEquals(parseRate(text), rate, text);
  for (
    const wrong of ["", "0", "-5MB/s", "fast", "1.2.3MB", "5XB", "5 constructor", "Infinity", "1e9", "50MBps"]
  ) {
    usage(() => parseRate(wrong));
  }
});

Deno.test("sizes", () => {
  const cases: [string, number][] = [["128kB", 128e3], ["2 MB", 2e6], ["1GiB", 2 ** 30], ["500", 500]];
  for (const [text, size] of cases) assertEquals(parseSize(text), size, text);
  for (const wrong of ["", "0", "-1", "2MB/s", "0.1", "1e3", "9999999TB", "5 constructor"]) {
    usage(() => parseSize(wrong));
  }
});

Deno.test("durations", () => {
  const cases: [string, number][] = [
    ["90", 9e4],
    ["90s", 9e4],
    ["1.5h", 54e5],
    ["10 m", 6e5],
    ["250ms", 250],
    ["1D", 864e5],
  ];
  for (const [text, ms] of cases) assertEquals(parseDuration(text), ms, text);
  for (const wrong of ["", "0", "-1s", "soon", "5w", "1..2s"]) usage(() => parseDuration(wrong));
});

Deno.test("host and port, there and back", () => {
  const cases: [string, string, number][] = [
    ["lab-rs", "lab-rs", 1],
    ["lab-rs:23475", "lab-rs", 23475],
    ["192.168.1.10:80", "192.168.1.10", 80],
    ["::1", "::1", 1],
    ["fe80::1:2", "fe80::1:2", 1],
    ["[::1]", "::1", 1],
    ["[::ffff:10.0.0.1]:65535", "::ffff:10.0.0.1", 65535],
  ];
  for (const [text, host, port] of cases) {
    assertEquals(parseHostPort(text, 1), { host, port }, text);
    assertEquals(parseHostPort(formatHostPort({ host, port }), 9), { host, port });
  }
  const wrongs = [
    "",
    ":80",
    "host:",
    "host:0",
    "host:65536",
    "host:99999999999",
    "a b",
    "http://x",
    "host:80:90",
    "cafe:face",
    "[::1",
    "::1:23475",
    "10:0:0",
    "[10:0:0]:80",
    ":::",
    "somebody@host:80",
    "hôte",
    "a,b",
  ];
  for (const wrong of wrongs) usage(() => parseHostPort(wrong, 1));
});

Deno.test("numbers for people", () => {
  const bytes: [number, string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.00 kB"],
    [4096, "4.10 kB"],
    [99_949, "99.9 kB"],
    [99_950, "100 kB"],
    [999_499, "999 kB"],
    [999_500, "1.00 MB"],
    [1.07e9, "1.07 GB"],
    [5e15, "5000 TB"],
  ];
  for (const [n, text] of bytes) assertEquals(formatBytes(n), text);
  assertEquals(formatRate(11.94e6), "11.9 MB/s");
  const seconds: [number, string][] = [
    [0.4, "0.4 s"],
    [12, "12 s"],
    [59.6, "1 min 00 s"],
    [185, "3 min 05 s"],
    [3599.6, "1 h 00 min"],
    [7500, "2 h 05 min"],
  ];
  for (const [n, text] of seconds) assertEquals(formatSeconds(n), text);
});

Deno.test("errors carry a code, the code an exit code", () => {
  assertEquals(new LabError("not_permitted", "no").exitCode, EXIT.notPermitted);
  assertEquals(new RemoteProtocolError("x").code, "protocol");
  assertEquals([codeOf(new TypeError()), codeOf("text"), codeOf(new LabError("busy", ""))], [
    "failed",
    "failed",
    "busy",
  ]);
  assertEquals([messageOf("text"), messageOf(new TypeError()), messageOf(new Error("m"))], [
    "text",
    "TypeError",
    "m",
  ]);
  assertEquals([isErrorCode("busy"), isErrorCode("constructor"), isErrorCode("toString")], [
    true,
    false,
    false,
  ]);
  const fixed = [0, 1, 2, 3, 4, 5, 130];
  for (const exit of Object.values(ERROR_CODES)) assertEquals(fixed.includes(exit), true);
});
