import { assertEquals } from "@std/assert";
import { FilePages } from "./file_pages.ts";
import type { FileRow } from "./types.ts";

/** A lab whose files change all the time, and whose list takes so long to go through, milliseconds. */
function lab(takes: number) {
  let now = 0;
  let looks = 0;
  const row: FileRow = {
    ...{ name: "a", title: "", size: 1, sha256: "0".repeat(64), modified: "", holders: 1, known: 1 },
  };
  const view = {
    filesVersion: () => looks + 1,
    *files() {
      looks++;
      now += takes;
      yield row;
    },
  };
  const pages = new FilePages(view, () => now);
  return {
    /** How often the list is gone through when somebody looks each half second for so long. */
    watch(ms: number): number {
      for (const end = now + ms; now < end; now += 500) pages.summary();
      return looks;
    },
  };
}

Deno.test("a list that changes all the time is gone through once a second, a large one for a twentieth of the time", () => {
  assertEquals(lab(0).watch(10_000), 10);
  assertEquals(lab(600).watch(60_000), 5);
});
