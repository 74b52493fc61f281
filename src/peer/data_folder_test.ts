/** Whose a data folder is. */

import { assertMatch, assertThrows } from "@std/assert";
import { TempFolder } from "../storage/_testing.ts";
import { lockDataFolder } from "./data_folder.ts";

Deno.test("a data folder serves one program at a time", () => {
  using temp = new TempFolder();
  const lock = lockDataFolder(temp.path, "peer");
  assertMatch(String(assertThrows(() => lockDataFolder(temp.path, "peer"))), /another peer serve uses/);
  const thrown = assertThrows(() => lockDataFolder(temp.path, "peer", "invite"));
  assertMatch(String(thrown), /Cannot invite: a peer serve uses .*; end it first/);
  lock.release();
  lockDataFolder(temp.path, "peer").release();
});

Deno.test("a data folder is one program's: rs and peer don't take each other's", () => {
  for (const [file, theirs, other] of [["rs.sqlite", "rs", "peer"], ["peer.json", "peer", "rs"]] as const) {
    using temp = new TempFolder();
    Deno.writeTextFileSync(`${temp.path}/${file}`, "");
    const fault = String(assertThrows(() => lockDataFolder(temp.path, other)));
    assertMatch(fault, new RegExp(`data folder of ${theirs}.*--data ${temp.path}.${other}`));
    lockDataFolder(temp.path, theirs).release();
  }
  // Where both were in one already, before that was refused, the registry goes on.
  using mixed = new TempFolder();
  for (const file of ["rs.sqlite", "peer.json"]) Deno.writeTextFileSync(`${mixed.path}/${file}`, "");
  lockDataFolder(mixed.path, "rs").release();
  assertThrows(() => lockDataFolder(mixed.path, "peer"));
});
