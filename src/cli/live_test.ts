import { assert, assertEquals } from "@std/assert";
import { fakeOutput } from "./_fakes.ts";
import { LiveBlock } from "./live.ts";

/** What a terminal of these rows shows after all that was written to it. */
function screen(text: string, rows: number): string[] {
  const lines = [""];
  let [row, column] = [0, 0];
  // deno-lint-ignore no-control-regex
  for (const [token, up] of text.matchAll(/\x1b\[(\d+)A|\x1b\[[JK]|\r|\n|[^\x1b\r\n]/g)) {
    const line = lines[row]!;
    if (up !== undefined) row = Math.max(Math.max(0, lines.length - rows), row - Number(up));
    else if (token === "\r") column = 0;
    else if (token === "\n") {
      lines[++row] ??= "";
      column = 0;
    } else if (token === "\x1b[K") lines[row] = line.slice(0, column);
    else if (token === "\x1b[J") {
      lines[row] = line.slice(0, column);
      lines.length = row + 1;
    } else {
      lines[row] = line.slice(0, column).padEnd(column) + token + line.slice(column + 1);
      column++;
    }
  }
  return lines;
}

function stage(rows: number) {
  const { output, stderr } = fakeOutput({ terminal: true });
  const block = new LiveBlock(output);
  return { output, stderr, block, shown: () => screen(stderr.text, rows) };
}

Deno.test("drawn in place, with fewer and with more lines", () => {
  const { block, shown } = stage(24);
  block.draw(["head", "one long line", "two"]);
  block.draw(["head 2", "one", "two", "three"]);
  assertEquals(shown(), ["head 2", "one", "two", "three"]);
  block.draw(["last"]);
  assertEquals(shown(), ["last"]);
});

Deno.test("other text goes above it, and it comes back below", () => {
  const { output, block, shown } = stage(24);
  block.draw(["head", "pc1", "pc2"]);
  output.note("a note");
  assertEquals(shown(), ["a note", ""]);
  block.draw(["head", "pc1"]);
  assertEquals(shown(), ["a note", "head", "pc1"]);
  block.close();
  assertEquals(shown(), ["a note", ""]);
  assertEquals(output.beforeWrite, undefined);
});

Deno.test("a block as high as the screen allows doesn't scroll it away", () => {
  const { block, shown } = stage(5);
  for (let i = 0; i < 9; i++) block.draw([`head ${i}`, "a", "b", "c"]);
  assertEquals(shown(), ["head 8", "a", "b", "c"]);
});

Deno.test("a drawing is one write that erases nothing before it is written over", () => {
  const { block, stderr } = stage(24);
  block.draw(["head", "a"]);
  const before = stderr.text.length;
  block.draw(["head", "b"]);
  const drawn = stderr.text.slice(before);
  assert(drawn.indexOf("\x1b[K") > drawn.indexOf("head"), JSON.stringify(drawn));
});
