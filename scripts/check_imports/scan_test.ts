import { assert, assertEquals } from "@std/assert";
import { functions, references, scan } from "./scan.ts";

function refs(source: string): string[] {
  return references(scan(source)).map((r) => `${r.kind} ${r.specifier} ${r.line}`);
}

Deno.test("finds every way to refer to a module", () => {
  const source = [
    'import a from "./a.ts";',
    'import type { B } from "./b.ts";',
    "import {",
    "  c,",
    '} from "./c.ts";',
    'import "./d.ts";',
    'export * from "./e.ts";',
    'export type { F } from "./f.ts";',
    'const g = await import("./g.ts");',
    'new Worker(new URL("./h.ts", import.meta.url), { type: "module" });',
    'import { type I, j } from "./i.ts";',
  ].join("\n");
  assertEquals(refs(source), [
    "value ./a.ts 1",
    "type ./b.ts 2",
    "value ./c.ts 5",
    "value ./d.ts 6",
    "value ./e.ts 7",
    "type ./f.ts 8",
    "dynamic ./g.ts 9",
    "worker ./h.ts 10",
    "value ./i.ts 11",
  ]);
});

Deno.test("is not taken in by comments, texts, templates and regular expressions", () => {
  const source = [
    '// import a from "./a.ts";',
    '/* import b from "./b.ts"; */',
    "const text = 'import c from \"./c.ts\"';",
    'const t = `import d from "./d.ts"; ${f({ a: "x" })} "./e.ts"`;',
    'const r = /["\'`\\/]/; const half = a / b; const s = "from";',
    'export const x = "./f.ts";',
    'import g from "./g.ts";',
  ].join("\n");
  assertEquals(refs(source), ["value ./g.ts 7"]);
});

Deno.test("blanks, but keeps places", () => {
  const source = 'a("x\\"y", `p${q}r`); // z\n/"/.test(b)';
  const { code } = scan(source);
  assertEquals(code.length, source.length);
  assert(code.includes("q") && code.includes(".test(b)") && !code.includes("p") && !code.includes("z"));
});

Deno.test("measures functions, not control blocks", () => {
  const source = [
    "export function a(x: number): string {",
    "  if (x) {",
    "    y();",
    "  }",
    "}",
    "const b = () => {",
    "};",
    "class C {",
    "  m(",
    "    p: () => void,",
    "  ): Promise<void> {",
    "  }",
    "}",
  ].join("\n");
  assertEquals(functions(scan(source)), [{ line: 1, lines: 5 }, { line: 6, lines: 2 }, {
    line: 11,
    lines: 2,
  }]);
});
