import { assertEquals } from "@std/assert";
import { notEverywhere } from "./shortfall.ts";

Deno.test("who doesn't have a broadcast is named, with the first reason that is known, and what to do", () => {
  const told = (failed: { name: string; reason?: string }[]) => {
    const { code, message } = notEverywhere({ id: "5f1d7c0a", name: "a.iso", peers: 9, failed });
    assertEquals(code, "failed");
    return message;
  };
  assertEquals(
    told([{ name: "pc2", reason: "Its disk is full" }]),
    "a.iso isn't on 1 of 9 PCs, pc2: Its disk is full; --retry-failed 5f1d7c0a offers it again",
  );
  assertEquals(
    told([{ name: "pc2", reason: "" }, { name: "pc3", reason: "It left" }]),
    "a.iso isn't on 2 of 9 PCs, pc2, pc3: the first reason: It left; --retry-failed 5f1d7c0a offers it again",
  );
  assertEquals(
    told([1, 2, 3, 4, 5, 6].map((n) => ({ name: `pc${n}` }))),
    "a.iso isn't on 6 of 9 PCs, pc1, pc2, pc3, pc4, pc5 and more: the first reason: it has not said why; " +
      "--retry-failed 5f1d7c0a offers it again",
  );
});

Deno.test("what was withdrawn is not to be offered again", () => {
  const failed = [{ name: "pc2", reason: "It left" }];
  const { message } = notEverywhere({ id: "5f1d7c0a", name: "a.iso", peers: 9, failed, withdrawn: true });
  assertEquals(message, "a.iso isn't on 1 of 9 PCs, pc2: It left; it was withdrawn meanwhile");
});

Deno.test("what another PC calls itself or says can't draw on the terminal", () => {
  const failed = [{ name: "p\x1b[2Jc", reason: "no\nroom" }];
  const { message } = notEverywhere({ id: "1", name: "a\x07", peers: 1, failed });
  // deno-lint-ignore no-control-regex
  assertEquals(/[\x00-\x1f\x7f]/.test(message), false, message);
});
