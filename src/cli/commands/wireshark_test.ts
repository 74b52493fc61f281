import { assert, assertFalse } from "@std/assert";
import { advice } from "./wireshark.ts";

const has = (lines: string[], line: string) => lines.map((each) => each.trim()).includes(line);

Deno.test("the commands can be pasted into the shell of the system at hand", () => {
  const linux = advice("/home/a/peer-data/p2pdi.lua", "peer", "linux");
  assert(has(linux, "wireshark -X lua_script:/home/a/peer-data/p2pdi.lua"));
  assert(has(linux, "SSLKEYLOGFILE=keys.log peer serve ..."));

  const windows = advice("C:\\lab\\rs-data\\p2pdi.lua", "rs", "windows");
  const tshark = '& "C:\\Program Files\\Wireshark\\tshark.exe"';
  assert(has(windows, `${tshark} -X lua_script:C:\\lab\\rs-data\\p2pdi.lua -r CAPTURE`));
  assert(has(windows, '$env:SSLKEYLOGFILE="keys.log"; .\\rs serve ...'));
  assertFalse(windows.some((line) => /^ *SSLKEYLOGFILE=/.test(line)));
});

Deno.test("a path with a space stays one word", () => {
  for (
    const [os, path] of [["linux", "/home/a b/p2pdi.lua"], ["windows", "C:\\my lab\\p2pdi.lua"]] as const
  ) {
    const lines = advice(path, "peer", os).filter((line) => line.includes(path));
    assert(lines.length === 3);
    for (const line of lines) assert(line.includes(`-X "lua_script:${path}"`), line);
  }
});
