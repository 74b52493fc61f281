/** How a fetch of one content fails, by what its holders failed with. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { type ErrorCode, LabError } from "../../base/errors.ts";
import { FakeClock } from "../../base/clock.ts";
import { ContentRun } from "./content_run.ts";
import type { ContentPlan } from "./contents.ts";

/** The code of a failure where holders failed like this, in this order. */
function failureOf(codes: ErrorCode[], more: Partial<ContentPlan> = {}): ErrorCode {
  return failing(codes, more).code;
}

function failing(codes: ErrorCode[], more: Partial<ContentPlan> = {}): LabError {
  const file = { name: "a.bin", size: 5, sha256: "ab".repeat(32), target: "a.bin", present: false };
  const files = [{ ...file, modified: 0, holders: [] }];
  const plan = { key: "k", files, holders: [], pieceSize: 262144, bytes: 5, ...more };
  const run = new ContentRun(plan, new FakeClock());
  codes.forEach((code, i) => run.banned.set(`pc${i}`, new LabError(code, `is ${code}`)));
  return run.failure();
}

const BROADCAST = { stripes: [[], []], depths: [0, 0] };

Deno.test("in a broadcast the source that is away is the fault, not those who gave up for want of it", () => {
  assertEquals(failureOf(["unreachable", "timeout"], BROADCAST), "unreachable");
  assertEquals(failureOf(["busy", "unreachable", "not_found"], BROADCAST), "unreachable");
  assertEquals(failureOf(["not_found", "timeout"], BROADCAST), "unreachable");
  assertEquals(failureOf(["busy", "not_found"], BROADCAST), "not_found");
  assertEquals(failureOf(["unreachable", "changed"], BROADCAST), "changed");
});

Deno.test("in a broadcast the source's fault is told, however many gave up for want of it before", () => {
  assertStringIncludes(
    failing(["busy", "not_found", "not_found", "changed"], BROADCAST).message,
    "pc3: is changed",
  );
  assertStringIncludes(failing(["not_found", "not_found", "changed"]).message, "pc0: is not_found; pc1");
});

Deno.test("else the last one's word counts unless all are away; a broken rule is no good copy", () => {
  assertEquals(failureOf([]), "unreachable");
  assertEquals(failureOf(["timeout", "unreachable"]), "unreachable");
  assertEquals(failureOf(["unreachable", "not_found"]), "not_found");
  assertEquals(failureOf(["unreachable", "protocol"]), "integrity");
});
