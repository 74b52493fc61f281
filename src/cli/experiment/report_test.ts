import { assert, assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { parse } from "@std/csv";
import { evenShares } from "../../peer/experiment/bound.ts";
import { CASES, planTrial } from "../../peer/experiment/plan.ts";
import { experimentHtml } from "./report.ts";
import { experimentCsv, gain, isAhead, lastAt, type Outcome, steps, verdict } from "./summary.ts";

const EVIL = `=1"><script>alert(1)</script>`;

/** As measured where everything takes a tenth longer than the uplinks allow. */
function outcome(given: Partial<Outcome> = {}): Outcome {
  const names = ["pc1", "pc2", "pc3", "pc4", "pc5", "pc6"];
  const { peers = names, each = 10, size = 128_000, rate = 2.5e6 } = given;
  const cases = CASES.map((kind) => {
    const trial = planTrial(kind, { peers: peers.length, each });
    const marks = evenShares(trial, size, rate).map((times, peer) =>
      times.map((seconds, i) => ({
        ...{ peer, files: i + 1, from: trial.orders[peer]![i]!.from, seconds: seconds * 1.1 },
      }))
    );
    return { trial, marks };
  });
  return { began: Date.UTC(2026, 10, 22, 8, 30), peers, each, size, rate, isLocal: true, cases, ...given };
}

Deno.test("the course's numbers: who is ahead, and by how much", () => {
  const course = outcome();
  assertEquals(Math.round(lastAt(course.cases[0]!, 50)! * 100) / 100, 14.08);
  assertEquals(CASES.map((kind) => gain(course, kind)?.toFixed(2)), ["1.00", "5.00", "1.67"]);
  assert(isAhead(course));
  assertMatch(
    verdict(course),
    /the last peer had 50 files: central 14\.1 s; .*best case 2.8 s \(5.0 times as fast\)/,
  );
  // Two peers have nobody to gain from.
  assert(!isAhead(outcome({ peers: ["a", "b"] })));
});

Deno.test("the page: a curve for each peer that fetches, the bound, the table; nothing from elsewhere, nothing that runs", () => {
  const page = experimentHtml(outcome({ peers: [EVIL, "b", "c"], each: 3 }));
  // Three cases compared, then 2 + 3 + 3 peers, and a bound in each picture of a case.
  assertEquals(page.match(/<polyline class="line /g)?.length, 3 + 8);
  assertEquals(page.match(/<polyline class="bound"/g)?.length, 3);
  assertStringIncludes(page, "prefers-color-scheme:dark");
  assertStringIncludes(page, "<td>6</td>");
  assertNotMatch(page, /<script|https?:|NaN|undefined|Infinity/);
});

Deno.test("only at worst is an even share later than the bound", () => {
  const page = experimentHtml(outcome({ peers: ["a", "b", "c", "d", "e", "f"], each: 10, size: 1e6 }));
  assertEquals(page.match(/<polyline class="even"/g)?.length, 1);
  assertMatch(page, /worst case<\/h2>[^]*<polyline class="even"/);
});

Deno.test("without a rate there is no bound", () => {
  const { rate: _, ...rest } = outcome();
  const page = experimentHtml({ ...rest, rate: undefined });
  assertNotMatch(page, /<polyline class="bound"|NaN|undefined/);
  assertMatch(
    experimentCsv({ ...rest, rate: undefined }),
    /^case,peer,files,from,seconds,even,bound\r\ncentral,pc2,1,pc1,0.282,,\r\n/,
  );
});

Deno.test("the CSV has a row for each file of each peer, and nothing that Excel would run", () => {
  const [head, ...rows] = parse(experimentCsv(outcome({ peers: [EVIL, "b", "c"], each: 2 })));
  assertEquals(head, ["case", "peer", "files", "from", "seconds", "even", "bound"]);
  assertEquals(rows.length, 2 * 4 + 3 * 4 + 3 * 4);
  assertEquals(rows[0]!.slice(0, 4), ["central", "b", "1", `'${EVIL}`]);
});

Deno.test("rows of the table: ten or so, the last number always", () => {
  assertEquals(steps(50), [5, 10, 15, 20, 25, 30, 35, 40, 45, 50]);
  assertEquals(steps(4), [1, 2, 3, 4]);
  assertEquals(steps(23), [3, 6, 9, 12, 15, 18, 21, 23]);
});
