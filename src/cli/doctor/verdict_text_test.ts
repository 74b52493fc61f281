import { assertEquals, assertStringIncludes } from "@std/assert";
import { judge } from "./matrix.ts";
import { textOf } from "./verdict_text.ts";

Deno.test("a PC that nobody reaches: its own port, the commands of either system", () => {
  const ways = [
    { from: "a", to: "shut", rate: 10e6 },
    { from: "shut", to: "a", reason: "no answer within 5 s", port: 24001 },
  ];
  const [verdict, ...others] = judge(ways);
  assertEquals(others, []);
  const lines = textOf(verdict!);
  assertStringIncludes(lines[0]!, "Nobody can fetch from shut (no answer within 5 s).");
  const windows = lines.findIndex((line) => line.trim() === "if it has Windows,");
  const linux = lines.findIndex((line) => line.trim() === "if it has Linux,");
  assertStringIncludes(lines.slice(windows, linux).join("\n"), "protocol=TCP localport=24001");
  assertStringIncludes(lines.slice(linux).join("\n"), "ufw allow 24001/tcp");
});

Deno.test("a pair that doesn't get through is told as that", () => {
  const lines = textOf({ kind: "pair unreachable", peer: "a", to: "b", reason: "refused" });
  assertEquals(lines, ["b can't fetch from a: refused"]);
});
