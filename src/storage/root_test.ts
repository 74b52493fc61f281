/** Every path that storage touches comes out of a Root: what leads out of it is refused, both ways. */

import { assert, assertEquals, assertFalse, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { codeOf, messageOf } from "../base/errors.ts";
import { TempFolder } from "./_testing.ts";
import { fileError, isWithin, Root } from "./root.ts";

const posix = Deno.build.os !== "windows";

function codeThrown(work: () => unknown): string {
  return codeOf(assertThrows(work));
}

/** A share with a file, and a neighbour outside it. */
function world() {
  const temp = new TempFolder();
  temp.folder("share");
  temp.file("share/docs/a.txt");
  temp.file("outside/secret.txt");
  return {
    temp,
    open: () => Root.open(temp.at("share"), "write"),
    [Symbol.dispose]: () => temp[Symbol.dispose](),
  };
}

Deno.test("names below a root become paths below it; our own files lie at its top", () => {
  using w = world();
  const root = w.open();
  assertEquals(root.path, w.temp.at("share"));
  assertEquals(root.pathOf("docs/b.txt"), w.temp.at("share", "docs", "b.txt"));
  assertEquals(root.pathToRead("docs/a.txt"), w.temp.at("share", "docs", "a.txt"));
  assertEquals(root.ownPath("k.part"), w.temp.at("share", ".labswarm-k.part"));
});

Deno.test("hostile names make no path, on any platform", () => {
  using w = world();
  const root = w.open();
  const names = [
    "../outside/secret.txt",
    "docs/../../outside/secret.txt",
    "/etc/passwd",
    "C:/x",
    "a\\..\\b",
    "con",
  ];
  names.push("", ".", "..", "docs/", "a:b", "x.", "a\0b", ".labswarm-k.part", "docs/.LABSWARM-x");
  for (const name of names) {
    for (const path of [() => root.pathOf(name), () => root.pathToRead(name), () => root.pathToWrite(name)]) {
      assertEquals(codeThrown(path), "name_refused", name);
    }
  }
  assertEquals(w.temp.list(), ["outside/secret.txt", "share/docs/a.txt"]);
});

Deno.test("a folder to write to is made, one to read from is not", () => {
  using temp = new TempFolder();
  assertEquals(codeThrown(() => Root.open(temp.at("new"), "read")), "not_found");
  Root.open(temp.at("new", "deep"), "write");
  assert(Deno.statSync(temp.at("new", "deep")).isDirectory);
});

Deno.test("a file is no root", () => {
  using temp = new TempFolder();
  for (const access of ["read", "write"] as const) {
    assertStringIncludes(
      messageOf(assertThrows(() => Root.open(temp.file("file"), access))),
      temp.at("file"),
    );
  }
});

Deno.test("folders on the way to a file that is written are made, and only those", () => {
  using w = world();
  const root = w.open();
  assertEquals(root.pathToWrite("a/b/c.txt"), w.temp.at("share", "a", "b", "c.txt"));
  assert(Deno.statSync(w.temp.at("share", "a", "b")).isDirectory);
  assertEquals(codeThrown(() => Deno.statSync(w.temp.at("share", "a", "b", "c.txt"))), "failed");
});

Deno.test("a file in the way of a folder is said, and left alone", () => {
  using w = world();
  const thrown = assertThrows(() => w.open().pathToWrite("docs/a.txt/b.txt"));
  assertEquals(codeOf(thrown), "failed");
  assertStringIncludes(messageOf(thrown), "is a file, not a folder");
  assertEquals(w.temp.read("share/docs/a.txt"), "share/docs/a.txt");
});

Deno.test("a file where the root should be, or in the way to it, is said", () => {
  using w = world();
  for (const at of [w.temp.at("share", "docs", "a.txt"), w.temp.at("share", "docs", "a.txt", "below")]) {
    const thrown = assertThrows(() => Root.open(at, "write"));
    assertEquals(codeOf(thrown), "failed");
    assertStringIncludes(messageOf(thrown), "a file is there; name another place");
  }
  assertEquals(w.temp.read("share/docs/a.txt"), "share/docs/a.txt");
});

Deno.test("what isn't there can't be read, and says so", () => {
  using w = world();
  assertEquals(codeThrown(() => w.open().pathToRead("docs/none.txt")), "not_found");
});

Deno.test({
  name: "a folder that is a link out of the root is neither read nor written through",
  ignore: !posix,
  fn() {
    using w = world();
    Deno.symlinkSync(w.temp.at("outside"), w.temp.at("share", "out"));
    const root = w.open();
    assertEquals(codeThrown(() => root.pathToRead("out/secret.txt")), "not_permitted");
    assertEquals(codeThrown(() => root.pathToWrite("out/new.txt")), "not_permitted");
    assertEquals(codeThrown(() => root.pathToWrite("out/deep/new.txt")), "not_permitted");
    assertEquals(w.temp.list().filter((name) => name.startsWith("outside")), ["outside/secret.txt"]);
  },
});

Deno.test({
  name: "a file that is a link out of the root is not read",
  ignore: !posix,
  fn() {
    using w = world();
    Deno.symlinkSync(w.temp.at("outside", "secret.txt"), w.temp.at("share", "docs", "s.txt"));
    assertEquals(codeThrown(() => w.open().pathToRead("docs/s.txt")), "not_permitted");
  },
});

Deno.test({
  name: "a link in the middle of the way is followed inside the root and refused when it leads out",
  ignore: !posix,
  fn() {
    using w = world();
    w.temp.file("share/real/deep/a.txt");
    Deno.symlinkSync(w.temp.at("share", "real"), w.temp.at("share", "inside"));
    Deno.symlinkSync(w.temp.path, w.temp.at("share", "up"));
    const root = w.open();
    assertEquals(Deno.readTextFileSync(root.pathToRead("inside/deep/a.txt")), "share/real/deep/a.txt");
    root.pathToWrite("inside/more/b.txt");
    assert(Deno.statSync(w.temp.at("share", "real", "more")).isDirectory);
    assertEquals(codeThrown(() => root.pathToRead("up/outside/secret.txt")), "not_permitted");
    assertEquals(codeThrown(() => root.pathToWrite("up/outside/b.txt")), "not_permitted");
    // Leads out and in again: what lies at its end is inside.
    assertEquals(Deno.readTextFileSync(root.pathToRead("up/share/docs/a.txt")), "share/docs/a.txt");
  },
});

Deno.test({
  name: "a link to a neighbour whose path begins like the root's is refused",
  ignore: !posix,
  fn() {
    using w = world();
    w.temp.file("share-not/secret.txt");
    Deno.symlinkSync(w.temp.at("share-not"), w.temp.at("share", "out"));
    assertEquals(codeThrown(() => w.open().pathToRead("out/secret.txt")), "not_permitted");
  },
});

Deno.test({
  name: "a broken link and a link to itself are errors of ours",
  ignore: !posix,
  fn() {
    using w = world();
    Deno.symlinkSync(w.temp.at("nowhere"), w.temp.at("share", "broken"));
    Deno.symlinkSync(w.temp.at("share", "loop"), w.temp.at("share", "loop"));
    const root = w.open();
    assertEquals(codeThrown(() => root.pathToRead("broken")), "not_found");
    assertEquals(codeThrown(() => root.pathToWrite("broken/a.txt")), "not_found");
    assertEquals(codeThrown(() => root.pathToRead("loop")), "failed");
    assertEquals(codeThrown(() => root.pathToWrite("loop/a.txt")), "failed");
  },
});

Deno.test({
  name: "a share that is a link itself works, under the name it was given",
  ignore: !posix,
  fn() {
    using w = world();
    Deno.symlinkSync(w.temp.at("share"), w.temp.at("alias"));
    const root = Root.open(w.temp.at("alias"), "write");
    assertEquals(root.pathToRead("docs/a.txt"), w.temp.at("alias", "docs", "a.txt"));
    Deno.writeTextFileSync(root.pathToWrite("new/b.txt"), "b");
    assertEquals(w.temp.read("share/new/b.txt"), "b");
  },
});

Deno.test({
  name: "a folder that was swapped for a link is seen after a refresh",
  ignore: !posix,
  fn() {
    using w = world();
    const root = w.open();
    root.pathToWrite("d/a.txt");
    Deno.removeSync(w.temp.at("share", "d"));
    Deno.symlinkSync(w.temp.at("outside"), w.temp.at("share", "d"));
    root.refresh();
    assertEquals(codeThrown(() => root.pathToWrite("d/b.txt")), "not_permitted");
  },
});

Deno.test("the root of the file system holds everything", { ignore: !posix }, () => {
  using temp = new TempFolder();
  const name = temp.file("x").slice(1);
  assertEquals(Root.open("/", "read").pathToRead(name), temp.at("x"));
});

Deno.test("within means the folder itself or below it, not beside it", () => {
  assert(isWithin("/a/b", "/a/b") && isWithin("/a/b/c", "/a/b") && isWithin("/a", "/"));
  assertFalse(isWithin("/a/bc", "/a/b") || isWithin("/a", "/a/b") || isWithin(join("/a/b", ".."), "/a/b"));
});

Deno.test("errors of the file system are told apart by their kind", () => {
  const full = posix ? "No space left on device (os error 28)" : "There is not enough space (os error 112)";
  const codes = [
    new Error(full),
    new Deno.errors.NotFound("x"),
    new Deno.errors.PermissionDenied("x"),
    new Deno.errors.NotCapable("x"),
    new Deno.errors.IsADirectory("x (os error 21)"),
    "odd",
  ].map((cause) => fileError(cause, "Cannot write a.txt").code);
  assertEquals(codes, ["disk_full", "not_found", "not_permitted", "not_permitted", "failed", "failed"]);
  const ours = fileError(new Deno.errors.NotFound("x"), "Cannot write a");
  assertEquals(fileError(ours, "Cannot do more"), ours);
  const readOnly = new Error(posix ? "Read-only file system (os error 30)" : "write protected (os error 19)");
  assertEquals(codeOf(fileError(readOnly, "Cannot write a")), "not_permitted");
});

Deno.test("what Windows says in its user's language is said in ours", () => {
  const told = (number: number, os: string) =>
    fileError(new Error(`Der Prozess kann nicht. (os error ${number}): open 'C:\\x'`), "Cannot read x", os)
      .message;
  assertEquals(
    told(32, "windows"),
    "Cannot read x: another program has it open; close it there",
  );
  assertEquals(told(123, "windows"), "Cannot read x: Windows can't have such a name; use another");
  // Elsewhere the numbers mean something else.
  assertEquals(told(32, "linux"), "Cannot read x: Der Prozess kann nicht. (os error 32): open 'C:\\x'");
  assertEquals(codeOf(fileError(new Error("voll (os error 112)"), "Cannot write x", "windows")), "disk_full");
});

Deno.test("a file that alone was granted can be read through a root of its own", {
  permissions: { read: ["/etc/hostname"], write: false },
  ignore: !posix || !(await Deno.stat("/etc/hostname").then((s) => s.isFile, () => false)),
}, () => {
  const root = Root.ofFile("/etc/hostname");
  assertEquals(root.pathToRead("hostname"), "/etc/hostname");
  assertEquals(codeThrown(() => Root.ofFile("/etc/hosts")), "not_permitted");
});
