/**
 * The house rules over the module graph, as pure functions from sources to complaints: the import table of `src`, no
 * cycles, packages only through `src/deps`, time and chance only through `src/base`, no dead files, no giants.
 */

import { posix } from "@std/path";
import { functions, lineOf, type Reference, references, type Scan, scan } from "./scan.ts";

/** Which folders of `src` a folder may import from, besides itself, `deps` and `base`. */
const TABLE: Readonly<Record<string, readonly string[] | "everything" | "nothing">> = {
  deps: "nothing",
  base: "nothing",
  protocol: [],
  swarm: [],
  catalog: [],
  join: ["protocol"],
  transport: ["protocol"],
  storage: ["catalog"],
  registry: ["protocol", "catalog", "join", "transport", "storage"],
  peer: ["protocol", "swarm", "catalog", "join", "transport", "storage"],
  dashboard: [],
  cli: "everything",
};

/** Files that start a program or a worker. */
export const ENTRIES = ["src/cli/rs.ts", "src/cli/peer.ts"];

/** Holds the version number, which the programs show. */
const CONFIG = "deno.json";

const FILE_LINES = { aim: 300, limit: 500 };
const FUNCTION_LINES = 70;

/** What a file does that only base and cli may. */
const CLOCKS: readonly [RegExp, string][] = [
  [/\bDate\.now\b/g, "Date.now"],
  [/\bnew Date\(\s*\)/g, "new Date() without arguments"],
  [/\bMath\.random\b/g, "Math.random"],
  [/(?<![.\w#$])set(?:Timeout|Interval)\s*\(/g, "a bare timer"],
];
const CLOCK_EXEMPT = /^src\/(?:cli\/|base\/(?:clock|random)\.ts$)|(?:_test|\/testing)\.ts$/;

/** A module with what it refers to; paths are relative to the project, with `/`. */
export interface Module {
  path: string;
  source: string;
  scan: Scan;
  references: readonly (Reference & { /** The module referred to, if one of ours. */ target?: string })[];
}

/** A broken rule; only "error" fails the check. */
export interface Complaint {
  level: "error" | "warning";
  path: string;
  line: number;
  text: string;
}

/**
 * Reads sources into modules.
 *
 * @param sources text by path.
 * @param aliases the import map of deno.json.
 */
export function readModules(
  sources: ReadonlyMap<string, string>,
  aliases: Readonly<Record<string, string>>,
): Module[] {
  return [...sources].map(([path, source]) => {
    const seen = scan(source);
    const found = references(seen).map((reference) => {
      const specifier = aliases[reference.specifier] !== undefined
        ? posix.join(aliases[reference.specifier]!)
        : /^\.{1,2}\//.test(reference.specifier)
        ? posix.join(posix.dirname(path), reference.specifier)
        : undefined;
      return specifier === undefined ? reference : { ...reference, target: specifier };
    });
    return { path, source, scan: seen, references: found };
  });
}

function complain(
  module: Module,
  line: number,
  text: string,
  level: Complaint["level"] = "error",
): Complaint {
  return { level, path: module.path, line, text };
}

const folderOf = (path: string) => /^src\/([^/]+)\//.exec(path)?.[1];

/** Imports that the table forbids, and modules outside the known folders. */
export function checkTable(modules: readonly Module[]): Complaint[] {
  const complaints: Complaint[] = [];
  for (const module of modules) {
    if (!module.path.startsWith("src/")) continue;
    const from = folderOf(module.path);
    const allowed = from === undefined ? undefined : TABLE[from];
    if (from === undefined || allowed === undefined) {
      complaints.push(complain(module, 1, `src/${from ?? ""} is not in the import table`));
      continue;
    }
    for (const { target, line } of module.references) {
      if (target === undefined || (allowed === "everything" && target === CONFIG)) continue;
      const to = folderOf(target);
      if (to === undefined) complaints.push(complain(module, line, `src may not import ${target}`));
      else if (!mayImport(from, to)) {
        complaints.push(complain(module, line, `${from} may not import ${to} (${target})`));
      }
    }
  }
  return complaints;
}

function mayImport(from: string, to: string): boolean {
  const allowed = TABLE[from];
  if (from === to || allowed === "everything") return true;
  if (to === "deps") return true;
  if (allowed === "nothing" || allowed === undefined) return false;
  return to === "base" || allowed.includes(to);
}

/** Packages and addresses anywhere but in src/deps. */
export function checkPackages(modules: readonly Module[]): Complaint[] {
  return modules.filter((m) => !m.path.startsWith("src/deps/")).flatMap((module) =>
    module.references
      .filter((r) => /^(?:npm|jsr|https?|data):/.test(r.specifier) && r.kind !== "worker")
      .map((r) => complain(module, r.line, `${r.specifier} may be imported in src/deps only`))
  );
}

/** Modules that import each other in a ring; type-only and worker references don't count. */
export function checkCycles(modules: readonly Module[]): Complaint[] {
  const byPath = new Map(modules.map((m) => [m.path, m]));
  const state = new Map<string, "open" | "done">();
  const complaints: Complaint[] = [];
  const visit = (module: Module, trail: readonly string[]): void => {
    state.set(module.path, "open");
    for (const { target, kind, line } of module.references) {
      const next = target === undefined || kind === "type" || kind === "worker"
        ? undefined
        : byPath.get(target);
      if (next === undefined) continue;
      const path = [...trail, module.path];
      if (state.get(next.path) === "open") {
        const ring = [...path.slice(path.indexOf(next.path)), next.path].join(" -> ");
        complaints.push(complain(module, line, `imports go in a ring: ${ring}`));
      } else if (state.get(next.path) === undefined) visit(next, path);
    }
    state.set(module.path, "done");
  };
  for (const module of modules) if (!state.has(module.path)) visit(module, []);
  return complaints;
}

/** Time and chance taken from the runtime where a Clock or a Random should be handed in. */
export function checkClocks(modules: readonly Module[]): Complaint[] {
  const complaints: Complaint[] = [];
  for (const module of modules) {
    if (!module.path.startsWith("src/") || CLOCK_EXEMPT.test(module.path)) continue;
    for (const [pattern, name] of CLOCKS) {
      for (const match of module.scan.code.matchAll(pattern)) {
        const line = lineOf(module.scan.code, match.index);
        complaints.push(
          complain(module, line, `${name}: take a Clock or a Random (src/base) as a parameter`),
        );
      }
    }
  }
  return complaints;
}

/** Files of `src` that no program, worker or test reaches. */
export function checkDead(modules: readonly Module[]): Complaint[] {
  const byPath = new Map(modules.map((m) => [m.path, m]));
  const alive = new Set<string>();
  const isStart = (path: string) =>
    ENTRIES.includes(path) || path.endsWith("_test.ts") || !path.startsWith("src/");
  const queue = modules.filter((m) => isStart(m.path));
  for (let module = queue.pop(); module !== undefined; module = queue.pop()) {
    if (alive.has(module.path)) continue;
    alive.add(module.path);
    for (const { target } of module.references) {
      const next = target === undefined ? undefined : byPath.get(target);
      if (next !== undefined) queue.push(next);
    }
  }
  return modules.filter((m) => m.path.startsWith("src/") && !m.path.endsWith(".d.ts") && !alive.has(m.path))
    .map((m) => complain(m, 1, "dead: no program, worker or test reaches this file"));
}

/** Files and functions that have grown too long. */
export function checkLengths(modules: readonly Module[]): Complaint[] {
  const complaints: Complaint[] = [];
  for (const module of modules) {
    const lines = module.source.trimEnd().split("\n").length;
    if (lines > FILE_LINES.limit) {
      complaints.push(complain(module, 1, `${lines} lines: limit is ${FILE_LINES.limit}`));
    } else if (lines > FILE_LINES.aim) {
      complaints.push(complain(module, 1, `${lines} lines: aim at ${FILE_LINES.aim}`, "warning"));
    }
    if (/_test\.ts$|^test\//.test(module.path)) continue;
    for (const span of functions(module.scan)) {
      if (span.lines <= FUNCTION_LINES) continue;
      complaints.push(
        complain(module, span.line, `function of ${span.lines} lines: limit is ${FUNCTION_LINES}`),
      );
    }
  }
  return complaints;
}
