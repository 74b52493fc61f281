/**
 * Reads TypeScript just closely enough for the house rules: tells code from comments, texts and regular expressions,
 * and finds what a module imports. Not a parser: it relies on `deno fmt`'s layout and on `deno check` passing.
 */

/** A text literal (no template with holes) and where its opening quote stands. */
export interface Literal {
  at: number;
  value: string;
}

/** Source with comments and the insides of literals blanked out (same length, same lines), and its literals. */
export interface Scan {
  code: string;
  literals: Literal[];
}

/** Whether a slash after this code starts a regular expression. */
function startsRegex(before: string): boolean {
  const trimmed = before.trimEnd();
  return /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|throw|await|yield|else|do))$/.test(
    trimmed.slice(-12),
  );
}

/** The end of a regular expression that starts at `at`: the place after its closing slash. */
function endOfRegex(source: string, at: number): number {
  let inClass = false;
  for (let i = at + 1; i < source.length && source[i] !== "\n"; i++) {
    const c = source[i];
    if (c === "\\") i++;
    else if (c === "[") inClass = true;
    else if (c === "]") inClass = false;
    else if (c === "/" && !inClass) return i + 1;
  }
  return at + 1;
}

/** The end of a plain text literal that starts at `at`. */
function endOfText(source: string, at: number): number {
  for (let i = at + 1; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === source[at] || source[i] === "\n") return i + 1;
  }
  return source.length;
}

/** The next place in a template where it ends or a hole opens. */
function endOfTemplatePart(source: string, at: number): { end: number; hole: boolean } {
  for (let i = at; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === "`") return { end: i, hole: false };
    else if (source.startsWith("${", i)) return { end: i, hole: true };
  }
  return { end: source.length, hole: false };
}

/** Walks through source, blanking what isn't code. */
class Scanner {
  #code = "";
  #at = 0;
  readonly #literals: Literal[] = [];
  /** Depth of braces at which each open template hole closes. */
  readonly #holes: number[] = [];
  #depth = 0;

  constructor(readonly source: string) {}

  scan(): Scan {
    while (this.#at < this.source.length) this.#step();
    return { code: this.#code, literals: this.#literals };
  }

  #step(): void {
    const { source } = this;
    const c = source[this.#at]!;
    const two = source.slice(this.#at, this.#at + 2);
    if (two === "//") return this.#blank(this.#until("\n", 0));
    if (two === "/*") return this.#blank(this.#until("*/", 2));
    if (c === '"' || c === "'") return this.#text();
    if (c === "`") return this.#template(this.#at + 1);
    if (c === "/" && startsRegex(this.#code)) return this.#blank(endOfRegex(source, this.#at));
    if (c === "}" && this.#holes.at(-1) === this.#depth) {
      this.#holes.pop();
      return this.#template(this.#at + 1);
    }
    if (c === "{") this.#depth++;
    if (c === "}") this.#depth--;
    this.#code += c;
    this.#at++;
  }

  #until(mark: string, more: number): number {
    const found = this.source.indexOf(mark, this.#at);
    return found < 0 ? this.source.length : found + more;
  }

  #blank(end: number): void {
    this.#code += this.source.slice(this.#at, end).replace(/[^\n]/g, " ");
    this.#at = end;
  }

  #text(): void {
    const end = endOfText(this.source, this.#at);
    this.#literals.push({ at: this.#at, value: this.source.slice(this.#at + 1, end - 1) });
    this.#code += '"' + " ".repeat(Math.max(0, end - this.#at - 2)) + '"';
    this.#at = end;
  }

  #template(from: number): void {
    const { end, hole } = endOfTemplatePart(this.source, from);
    this.#blank(Math.min(end + (hole ? 2 : 1), this.source.length));
    if (hole) this.#holes.push(this.#depth);
  }
}

/** Tells code from the rest. */
export function scan(source: string): Scan {
  return new Scanner(source).scan();
}

/** One import, export-from, dynamic import or worker address. */
export interface Reference {
  specifier: string;
  /** Line, counted from 1. */
  line: number;
  /** "type": gone after compiling, so no cycle at run time. "worker": `new URL("./x.ts", import.meta.url)`. */
  kind: "value" | "type" | "dynamic" | "worker";
}

/** Line of a place, counted from 1. */
export function lineOf(source: string, at: number): number {
  return source.slice(0, at).split("\n").length;
}

/** What a module refers to. */
export function references({ code, literals }: Scan): Reference[] {
  const found: Reference[] = [];
  for (const { at, value } of literals) {
    const kind = kindOf(code.slice(Math.max(0, at - 4000), at), code.slice(at, at + value.length + 40));
    if (kind) found.push({ specifier: value, line: lineOf(code, at), kind });
  }
  return found;
}

function kindOf(before: string, after: string): Reference["kind"] | undefined {
  if (/\bimport\s*\(\s*$/.test(before)) return "dynamic";
  if (/\bnew URL\(\s*$/.test(before) && /^"\s*",\s*import\.meta\.url\s*,?\s*\)/.test(after)) return "worker";
  const statement = /(?:^|[;\n}])\s*(import|export)\b([^;"]*)$/.exec(before);
  const words = statement?.[2];
  if (words === undefined) return undefined;
  if (statement?.[1] === "import" && words.trim() === "") return "value";
  if (!/(?:^|[\s}*])from\s*$/.test(words)) return undefined;
  return /^\s+type\b(?!\s*from\b)/.test(words) ? "type" : "value";
}

/** A function and its length in lines. */
export interface FunctionSpan {
  line: number;
  lines: number;
}

/** Functions with a body in braces: an opening brace after `=>`, or after the parameters of something not a keyword. */
export function functions({ code }: Scan): FunctionSpan[] {
  const found: FunctionSpan[] = [];
  const open: { line: number; isFunction: boolean }[] = [];
  let line = 1;
  for (let i = 0; i < code.length; i++) {
    const c = code[i];
    if (c === "\n") line++;
    else if (c === "{") open.push({ line, isFunction: opensFunction(code.slice(Math.max(0, i - 2000), i)) });
    else if (c === "}") {
      const start = open.pop();
      if (start?.isFunction) found.push({ line: start.line, lines: line - start.line + 1 });
    }
  }
  return found;
}

const CONTROL = /\b(?:if|for|while|switch|catch|with|await)\s*$/;

function opensFunction(before: string): boolean {
  const text = before.trimEnd();
  if (text.endsWith("=>")) return true;
  const parameters = /\)(?:\s*:\s*[^;{}()=]+)?$/.exec(text);
  if (!parameters) return false;
  let depth = 0;
  for (let i = parameters.index; i >= 0; i--) {
    if (text[i] === ")") depth++;
    if (text[i] === "(" && --depth === 0) return !CONTROL.test(text.slice(0, i));
  }
  return false;
}
