import { assertEquals } from "@std/assert";
import { bencode, torrentOf } from "./torrent_file.ts";

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("bencoding: the examples of BEP 3, keys sorted", () => {
  assertEquals(textOf(bencode("spam")), "4:spam");
  assertEquals(textOf(bencode(-3)), "i-3e");
  assertEquals(textOf(bencode({ spam: "eggs", cow: "moo" })), "d3:cow3:moo4:spam4:eggse");
});

Deno.test("a torrent describes each piece, a short last one too", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "abcabcab");
    const { torrent, infoHash } = await torrentOf(path, { name: "x", announce: "http://t/", pieceSize: 3 });
    const text = new TextDecoder("latin1").decode(torrent);
    assertEquals(
      text.startsWith("d8:announce9:http://t/4:infod6:lengthi8e4:name1:x12:piece lengthi3e6:pieces60:"),
      true,
    );
    // SHA-1 of "abc" (FIPS 180).
    assertEquals(
      Array.from(torrent.subarray(-62, -42)).map((b) => b.toString(16).padStart(2, "0")).join(""),
      "a9993e364706816aba3e25717850c26c9cd0d89d",
    );
    assertEquals(infoHash.length, 40);
  } finally {
    await Deno.remove(path);
  }
});
