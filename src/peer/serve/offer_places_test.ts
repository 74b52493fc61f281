/** Who gets in where many send to one PC. */

import { assertEquals, assertThrows } from "@std/assert";
import { codeOf } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { makePlace, type Taken } from "./offer_places.ts";

/** Sends under way, one letter for each by its sender; what makes room for a newcomer. */
function lab(senders: string) {
  const running: Taken[] = [...senders].map((sender) => ({
    sender: sender === "*" ? undefined : sender,
    stop: new AbortController(),
  }));
  return {
    add(sender: string | undefined): void {
      makePlace(running, sender);
      running.push({ sender, stop: new AbortController() });
    },
    get moving(): string {
      return running.filter(({ stop }) => !stop.signal.aborted).map(({ sender }) => sender ?? "*").join("");
    },
  };
}

const busy = (work: () => void) => assertEquals(codeOf(assertThrows(work)), "busy");

Deno.test("who has all places makes room for others, one for each, until all have as many", () => {
  const { length } = "a".repeat(LIMITS.offersAtOnce);
  const w = lab("a".repeat(length));
  busy(() => w.add("a"));
  for (const sender of "bcdbcd") w.add(sender);
  assertEquals([...w.moving].toSorted().join(""), "aabbccdd");
  busy(() => w.add("d"));
  busy(() => w.add("a"));
  w.add("e");
  assertEquals(w.moving.length, length);
  assertEquals(w.moving.includes("e"), true);
});

Deno.test("where each has one, the next one comes again", () => {
  const w = lab("abcdefgh");
  busy(() => w.add("i"));
  assertEquals(w.moving, "abcdefgh");
});

Deno.test("broadcasts and sends don't take each other's places", () => {
  const w = lab("aaaaaaaa*");
  for (let n = 1; n < LIMITS.offersAtOnce; n++) w.add(undefined);
  assertEquals(w.moving, "aaaaaaaa********");
  busy(() => w.add(undefined));
});
