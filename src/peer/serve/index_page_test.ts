/** Pages of a peer's index: complete whatever their bounds, and never more work than a page may be. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { codeOf } from "../../base/errors.ts";
import type { IndexRow } from "../../catalog/row.ts";
import { GLOBS_MAX, NAMES_PER_PAGE, namesAtOnce, PAGE_MS } from "../../catalog/search_work.ts";
import { IndexPages, type PageQuery } from "./index_page.ts";

const row = (name: string, flag: 0 | 1 = 1): IndexRow => ({
  ...{ name, title: "", size: 5, sha256: "a".repeat(64), modified: "2026-01-02T03:04:05Z", flag },
});

const still = () => 0;

/** All pages, one after the other. */
function walk(rows: readonly IndexRow[], query: PageQuery, plain?: number) {
  const pages = new IndexPages();
  const names: string[] = [];
  let [count, after]: [number, string | undefined] = [0, undefined];
  do {
    const page = pages.page(rows, { ...query, ...(after === undefined ? {} : { after }) }, still, plain);
    names.push(...page.rows.map(({ name }) => name));
    after = page.next;
    assert(++count < 1_000, "it does not end");
  } while (after !== undefined);
  return { names, count };
}

const FILES = Array.from({ length: 200 }, (_, i) => row(`f${String(i).padStart(3, "0")}.txt`));

Deno.test("dear searches come in more pages, empty ones among them, and find the same", () => {
  const shuffled = [row("gone", 0), ...FILES.slice(100), ...FILES.slice(0, 100)];
  const query = { patterns: ["*[0-9]7.txt", "f19[!0-7]*"] };
  const expected = FILES.map(({ name }) => name).filter((name) => /7\.txt$|f19[89]/.test(name));
  const { names, count } = walk(shuffled, query, 50);
  assertEquals(names, expected);
  assertEquals(count, 200 / namesAtOnce(query, 50));
  assertEquals(walk(shuffled, query), { names: expected, count: 1 });
});

Deno.test("32 thousand letters of globs look at some names only; more are refused", () => {
  const glob = "*a?*[!b]*" + "a?".repeat(20);
  const most = Array.from({ length: Math.floor(GLOBS_MAX / glob.length) }, () => glob);
  assert(namesAtOnce({ patterns: most }) * GLOBS_MAX <= NAMES_PER_PAGE * 20 + 20 * GLOBS_MAX);
  const { next, rows: found } = new IndexPages().page(FILES, { patterns: most }, still);
  assertEquals([found.length, next], [0, FILES[namesAtOnce({ patterns: most }) - 1]!.name]);
  const thrown = assertThrows(() => new IndexPages().page(FILES, { patterns: [...most, ...most] }, still));
  assertEquals(codeOf(thrown), "usage");
});

Deno.test("a new list of rows is told anew; any text may be a cursor", () => {
  const pages = new IndexPages();
  assertEquals(pages.page([row("a")], {}, still).rows.length, 1);
  assertEquals(pages.page([row("b"), row("a")], {}, still).rows.map(({ name }) => name), ["a", "b"]);
  assertEquals(pages.page([row("b"), row("a")], { after: "a\0" }, still).rows.map(({ name }) => name), ["b"]);
  assertEquals(pages.page([row("b")], { after: "\uffff" }, still), { rows: [], next: undefined });
});

Deno.test("a page ends when it has taken long, whatever was thought of it; each looks at one name at least", () => {
  const pages = new IndexPages();
  let time = 0;
  const slow = () => time += PAGE_MS / 4;
  const query = { patterns: ["*[0-9].txt"] };
  const { rows, next } = pages.page(FILES, query, slow, 50);
  assertEquals([rows.length, next], [4, "f003.txt"]);
  const { next: last } = pages.page(FILES, { ...query, after: "f003.txt" }, () => time += 2 * PAGE_MS, 50);
  assertEquals(last, "f004.txt");
});
