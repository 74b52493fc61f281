import { assert, assertEquals, assertMatch } from "@std/assert";
import { renderMetrics } from "./metrics.ts";

const STATS = {
  ...{ peers: 5, active: 3, connections: 4, rows: 1_000_000 },
  ...{ messages: { Register: 5, KeepAlive: 70 }, errors: 2, broadcasts: 1, storeBytes: 4096 },
};
const text = renderMetrics(STATS, {
  residentBytes: 268e6,
  startSeconds: 1.75e9,
  version: 'a"b\\c\nd',
  backupSeconds: 1.76e9,
});

Deno.test("each metric has its help and type, then its samples", () => {
  const names = new Set<string>();
  for (const line of text.trimEnd().split("\n")) {
    if (line.startsWith("# HELP ")) names.add(line.split(" ")[2]!);
    else if (line.startsWith("# TYPE ")) assert(names.has(line.split(" ")[2]!), line);
    else {
      const [, name] = /^([a-z_]+)(?:\{(?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*\})? \d+$/.exec(line) ?? [];
      assert(name !== undefined && names.has(name), line);
    }
  }
  assertEquals(names.size, 11);
  assertMatch(text, /\n$/);
});

Deno.test("the numbers are those of the server; what only grows is called total", () => {
  const lines = text.split("\n");
  for (
    const line of [
      'labswarm_peers{state="active"} 3',
      'labswarm_peers{state="inactive"} 2',
      "labswarm_index_rows 1000000",
      'labswarm_messages_total{kind="KeepAlive"} 70',
      "labswarm_message_errors_total 2",
      "process_resident_memory_bytes 268000000",
      "labswarm_broadcasts 1",
      "labswarm_store_size_bytes 4096",
      "labswarm_last_backup_timestamp_seconds 1760000000",
      'labswarm_build_info{version="a\\"b\\\\c\\nd"} 1',
    ]
  ) assert(lines.includes(line), line);
  for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    assertEquals(type === "counter", name!.endsWith("_total"), name);
  }
});

Deno.test("what promtool's check looks for: base units at the end, no type in a name, _info is 1, helps are there", () => {
  for (const [, name, help] of text.matchAll(/^# HELP (\S+) (.+)$/gm)) {
    assertMatch(name!, /^(labswarm|process)(_[a-z]+)+$/);
    assert(help!.endsWith("."), name);
    assert(
      !/_(count|sum|bucket|gauge|counter|milliseconds|kilobytes|megabytes|minutes)(_|$)/.test(name!),
      name,
    );
    assert(!/(seconds|bytes)_(?!total$)/.test(name!), name);
    if (/size|memory/.test(name!)) assertMatch(name!, /_bytes$/);
    if (/time/.test(name!)) assertMatch(name!, /_seconds$/);
  }
  assertMatch(text, /^labswarm_build_info\{.*\} 1$/m);
});

Deno.test("what isn't known is left out", () => {
  const page = renderMetrics({ ...STATS, storeBytes: undefined }, {
    ...{ residentBytes: 1, startSeconds: 1, version: "1" },
  });
  assert(!page.includes("store_size") && !page.includes("backup"), page);
});

Deno.test("who shares the registry is told where it is shared", () => {
  const process = { residentBytes: 1, startSeconds: 1, version: "1" };
  assert(!/labswarm_(servers|registry_up)/.test(text));
  const away = renderMetrics(
    { ...STATS, shared: { isReachable: false, others: ["10.0.0.2:23475"] } },
    process,
  );
  assertMatch(away, /^labswarm_servers 2$/m);
  assertMatch(away, /^labswarm_registry_up 0$/m);
});
