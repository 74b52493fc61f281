import { assert, assertEquals } from "@std/assert";
import { PROGRAM } from "./_fixture.ts";
import { commandHelp, overview } from "./help.ts";

const folders = { share: "D:/lab", data: "./peer-data" };
const find = (name: string) => PROGRAM.commands.find((c) => c.name === name)!;

const FETCH = `peer fetch: fetch files from the peers that hold them

Usage: peer fetch NAME|GLOB... | --all [flags]

Arguments:
  NAME|GLOB  what to fetch

Flags:
  --all        fetch everything
  --from PEER  take it from this peer only
  --out DIR    where the files go (default: D:/lab)
  --rate RATE  at most so fast

Flags of every command:
  --help             show this help
  --version          show the version
  --json             one JSON object per line on standard output
  --quiet            nothing but results and errors
  --log-level LEVEL  debug, info, warn or error
  --log-file PATH    keep the log in this file too, 5 files of 5 MB at most

Examples:
  peer fetch rfc1.txt
      one file
  peer fetch --all --out ./share/new
      all of them`;

Deno.test("help on a command", () => {
  assertEquals(commandHelp(PROGRAM, find("fetch"), folders), FETCH);
});

Deno.test("flags that are on are listed with no-, hidden ones not at all", () => {
  const text = commandHelp(PROGRAM, find("serve"), folders);
  assert(text.includes("  --no-http         no page\n"), text);
  assert(text.includes("--port PORT       port to listen on (default: 23475)"), text);
  assert(!text.includes("debugger") && !text.includes("--http "), text);
});

Deno.test("the overview lists the commands", () => {
  const text = overview({ ...PROGRAM, commands: [find("serve"), { ...find("fetch"), hidden: true }] });
  assert(text.includes("Commands:\n  serve  serve\n\nFlags"), text);
});

Deno.test("all help fits 80 columns, long texts too", () => {
  const long = {
    ...find("fetch"),
    summary: "word ".repeat(60),
    description: "another ".repeat(90) + "\n\nlast",
  };
  const texts = [
    overview(PROGRAM),
    ...[...PROGRAM.commands, long].map((c) => commandHelp(PROGRAM, c, folders)),
  ];
  for (const line of texts.join("\n").split("\n")) assert(line.length <= 80, line);
});
