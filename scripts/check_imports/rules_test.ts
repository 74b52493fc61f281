import { assertEquals } from "@std/assert";
import {
  checkClocks,
  checkCycles,
  checkDead,
  checkLengths,
  checkPackages,
  checkTable,
  type Complaint,
  type Module,
  readModules,
} from "./rules.ts";

const ALIASES = { "@std/path": "./src/deps/std_path.ts" };

function run(rule: (modules: Module[]) => Complaint[], sources: Record<string, string>): string[] {
  return rule(readModules(new Map(Object.entries(sources)), ALIASES)).map((c) =>
    `${c.path}:${c.line}: ${c.text}`
  );
}

Deno.test("the table decides who may import whom", () => {
  assertEquals(
    run(checkTable, {
      "src/swarm/a.ts":
        'import "../base/b.ts";\nimport "@std/path";\nimport "./c.ts";\nimport "../peer/d.ts";',
      "src/peer/serve/e.ts": 'import "../../storage/f.ts";\nimport "../../registry/g.ts";',
      "src/deps/x.ts": 'import "../base/b.ts";',
      "src/base/b.ts": 'import type { A } from "../swarm/a.ts";',
      "src/cli/rs.ts": 'import "../registry/g.ts";\nimport c from "../../deno.json" with { type: "json" };',
      "src/storage/y.ts": 'import "../../scripts/z.ts";',
      "src/extra/z.ts": "",
    }),
    [
      "src/swarm/a.ts:4: swarm may not import peer (src/peer/d.ts)",
      "src/peer/serve/e.ts:2: peer may not import registry (src/registry/g.ts)",
      "src/deps/x.ts:1: deps may not import base (src/base/b.ts)",
      "src/base/b.ts:1: base may not import swarm (src/swarm/a.ts)",
      "src/storage/y.ts:1: src may not import scripts/z.ts",
      "src/extra/z.ts:1: src/extra is not in the import table",
    ],
  );
});

Deno.test("packages come through src/deps", () => {
  assertEquals(
    run(checkPackages, {
      "src/deps/a.ts": 'export * from "npm:a@1.0.0";',
      "src/base/b.ts": 'import "npm:a@1.0.0";\nimport "node:fs";',
      "test/c.ts": 'await import("jsr:@x/y");',
    }),
    [
      "src/base/b.ts:1: npm:a@1.0.0 may be imported in src/deps only",
      "test/c.ts:1: jsr:@x/y may be imported in src/deps only",
    ],
  );
});

Deno.test("rings are found, type-only ones let be", () => {
  assertEquals(
    run(checkCycles, {
      "src/base/a.ts": 'import "./b.ts";',
      "src/base/b.ts": 'import "./c.ts";',
      "src/base/c.ts": 'import "./a.ts";',
      "src/base/d.ts": 'import type { E } from "./e.ts";',
      "src/base/e.ts": 'import "./d.ts";',
    }),
    ["src/base/c.ts:1: imports go in a ring: src/base/a.ts -> src/base/b.ts -> src/base/c.ts -> src/base/a.ts"],
  );
});

Deno.test("clocks and chance stay in base and cli", () => {
  const bad =
    "Date.now();\nnew Date();\nMath.random();\nsetTimeout(f, 1);\nglobalThis.x.setTimeout(f);\nnew Date(5);";
  assertEquals(
    run(checkClocks, { "src/base/clock.ts": bad, "src/cli/x.ts": bad, "src/peer/x_test.ts": bad }),
    [],
  );
  assertEquals(run(checkClocks, { "src/peer/testing.ts": bad, "src/peer/e.ts": "// Date.now()" }), []);
  assertEquals(run(checkClocks, { "src/peer/x.ts": bad }).length, 4);
});

Deno.test("dead files are those that nothing reaches", () => {
  assertEquals(
    run(checkDead, {
      "src/cli/rs.ts": 'import "../base/a.ts";',
      "src/base/a.ts": 'new URL("./worker.ts", import.meta.url);',
      "src/base/worker.ts": "",
      "src/base/dead.ts": 'import "./deader.ts";',
      "src/base/deader.ts": "",
      "src/base/types.d.ts": "",
      "src/base/tested.ts": "",
      "src/base/tested_test.ts": 'import "./tested.ts";',
    }),
    ["src/base/dead.ts", "src/base/deader.ts"].map((p) =>
      `${p}:1: dead: no program, worker or test reaches this file`
    ),
  );
});

Deno.test("long files and functions", () => {
  const long = (lines: number) => "x;\n".repeat(lines);
  const sources = {
    "src/a/b.ts": long(501),
    "src/a/c.ts": long(301),
    "src/a/d.ts": `function f() {\n${long(70)}}\n`,
  };
  assertEquals(run(checkLengths, sources), [
    "src/a/b.ts:1: 501 lines: limit is 500",
    "src/a/c.ts:1: 301 lines: aim at 300",
    "src/a/d.ts:1: function of 72 lines: limit is 70",
  ]);
});
