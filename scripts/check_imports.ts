/**
 * Checks the house rules over all modules (`deno task check:imports`): which folder may import which, no cycles, no
 * packages outside src/deps, no stray clocks, no dead files, no giants. The rules are in check_imports/rules.ts.
 */

import { walk } from "@std/fs";
import { fromFileUrl, join, relative, SEPARATOR } from "@std/path";
import {
  checkClocks,
  checkCycles,
  checkDead,
  checkLengths,
  checkPackages,
  checkTable,
  type Complaint,
  ENTRIES,
  readModules,
} from "./check_imports/rules.ts";

const ROOT = fromFileUrl(new URL("..", import.meta.url));
const FOLDERS = ["src", "scripts", "test"];

async function readSources(): Promise<Map<string, string>> {
  const sources = new Map<string, string>();
  for (const folder of FOLDERS) {
    for await (const entry of walk(join(ROOT, folder), { exts: ["ts"], includeDirs: false })) {
      const path = relative(ROOT, entry.path).replaceAll(SEPARATOR, "/");
      sources.set(path, await Deno.readTextFile(entry.path));
    }
  }
  return new Map([...sources].sort(([a], [b]) => a < b ? -1 : 1));
}

/** All complaints about the project. */
async function check(): Promise<Complaint[]> {
  const { imports }: { imports: Record<string, string> } = JSON.parse(
    await Deno.readTextFile(join(ROOT, "deno.json")),
  );
  const modules = readModules(await readSources(), imports);
  const complaints = [checkTable, checkPackages, checkCycles, checkClocks, checkLengths].flatMap((rule) =>
    rule(modules)
  );
  const missing = ENTRIES.filter((entry) => !modules.some((m) => m.path === entry));
  if (missing.length === 0) complaints.push(...checkDead(modules));
  else console.error(`note: dead files are not looked for while ${missing.join(" and ")} is missing`);
  return complaints;
}

if (import.meta.main) {
  const complaints = await check();
  for (const { level, path, line, text } of complaints) console.error(`${level}: ${path}:${line}: ${text}`);
  const errors = complaints.filter((c) => c.level === "error").length;
  console.error(errors === 0 ? "imports: ok" : `imports: ${errors} rules broken`);
  if (errors > 0) Deno.exit(1);
}
