import { assert, assertEquals, assertThrows } from "@std/assert";
import { LockMismatch, lockOf } from "./lock.ts";

const WHOLE = JSON.stringify({
  version: "5",
  specifiers: {
    "npm:@a/door@1.0.0": "1.0.0_peer@3.0.0",
    "npm:peer@3.0.0": "3.0.0",
    "npm:only-tests@9.0.0": "9.0.0",
  },
  npm: {
    "@a/door@1.0.0_peer@3.0.0": { integrity: "sha512-a", dependencies: ["peer", "twice@2.0.0"] },
    "only-tests@9.0.0": { integrity: "sha512-b", dependencies: ["twice@1.0.0"] },
    "peer@3.0.0": { integrity: "sha512-c" },
    "twice@1.0.0": { integrity: "sha512-d" },
    "twice@2.0.0": { integrity: "sha512-e", optionalDependencies: ["peer"] },
  },
});

Deno.test("what the program reaches stays as it was, and nothing else", () => {
  const whole = JSON.parse(WHOLE);
  const kept = JSON.parse(lockOf(WHOLE, ["npm:@a/door@1.0.0/sub/mod.js", "npm:/@a/door@1.0.0"]));
  assertEquals(kept.version, "5");
  assertEquals(Object.keys(kept.specifiers), ["npm:@a/door@1.0.0"]);
  assertEquals(Object.keys(kept.npm), ["@a/door@1.0.0_peer@3.0.0", "peer@3.0.0", "twice@2.0.0"]);
  for (const [key, entry] of Object.entries(kept.npm)) assertEquals(entry, whole.npm[key]);
});

Deno.test("a specifier that the lock file doesn't know is refused, with what to do", () => {
  const error = assertThrows(() => lockOf(WHOLE, ["npm:new@1.0.0"]), LockMismatch);
  assert(error.message.includes("npm:new@1.0.0") && error.message.includes("deno task lock"));
});

Deno.test("the house's own lock file gives each package of the product", async () => {
  const lock = await Deno.readTextFile(new URL("../../deno.lock", import.meta.url));
  const kept = JSON.parse(lockOf(lock, ["npm:@logtape/logtape@2.4.2", "npm:@clack/prompts@1.9.0"]));
  assert("sisteransi@2.0.0" in kept.npm, Object.keys(kept.npm).join());
  assert(!Object.keys(kept.npm).some((key) => /playwright|axe|fast-check/.test(key)));
});
