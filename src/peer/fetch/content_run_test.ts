/** How a fetch of one content fails, by what its holders failed with. */

import { assertEquals } from "@std/assert";
import { type ErrorCode, LabError } from "../../base/errors.ts";
import { FakeClock } from "../../base/clock.ts";
import { ContentRun } from "./content_run.ts";

/** The code of a failure where holders failed like this, in this order. */
function failureOf(...codes: ErrorCode[]): ErrorCode {
  const file = { name: "a.bin", size: 5, sha256: "ab".repeat(32), target: "a.bin", present: false };
  const plan = {
    key: "k",
    files: [{ ...file, modified: 0, holders: [] }],
    holders: [],
    pieceSize: 262144,
    bytes: 5,
  };
  const run = new ContentRun(plan, new FakeClock());
  codes.forEach((code, i) => run.banned.set(`pc${i}`, new LabError(code, "x")));
  return run.failure().code;
}

Deno.test("a source that is away is the fault, not those who gave up for want of it", () => {
  assertEquals(failureOf("unreachable", "timeout"), "unreachable");
  assertEquals(failureOf("busy", "unreachable", "not_found"), "unreachable");
  assertEquals(failureOf("not_found", "timeout"), "unreachable");
  assertEquals(failureOf(), "unreachable");
});

Deno.test("where all say no, the last one's word counts; a broken rule is no good copy", () => {
  assertEquals(failureOf("busy", "not_found"), "not_found");
  assertEquals(failureOf("unreachable", "changed"), "changed");
  assertEquals(failureOf("unreachable", "protocol"), "integrity");
});
