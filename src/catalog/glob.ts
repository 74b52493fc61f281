/**
 * Globs over names, matched by walking through all states at once: a hostile pattern costs at most its length times
 * the length of the name, never more; there is no backtracking. (A RegExp made by globToRegExp of `@std/path` takes
 * 7 s for "*a*a*a*a*a*ab" on 100 letters.)
 *
 *     *       any run of characters but "/"          ?      one character but "/"
 *     **      as a whole part: any run of parts      [a-z]  one of these; [!a-z] or [^a-z] none of these; never "/"
 *     {a,b}   one of these; may nest                 else   itself; so does a bracket or brace that isn't closed
 */

/** A state takes one character and goes on, or forks without taking any; the last one accepts. */
type State =
  | { kind: "take"; accepts: (code: number) => boolean; next: number }
  | { kind: "fork"; to: readonly number[] }
  | { kind: "accept" };

const SLASH = 0x2f;
const STAR = 0x2a;
const QUESTION = 0x3f;
const isAnything = () => true;
const isPart = (code: number) => code !== SLASH;

function isOneOf(body: readonly number[]): (code: number) => boolean {
  const negated = body[0] === 0x21 || body[0] === 0x5e; // ! ^
  const ranges: [number, number][] = [];
  for (let i = negated ? 1 : 0; i < body.length; i++) {
    const isRange = body[i + 1] === 0x2d && i + 2 < body.length; // -
    ranges.push([body[i]!, isRange ? body[i + 2]! : body[i]!]);
    if (isRange) i += 2;
  }
  return (code) => code !== SLASH && ranges.some(([low, high]) => low <= code && code <= high) !== negated;
}

/** Compiles from the last character to the first, so that each state knows where it goes on. */
class Compiler {
  readonly states: State[] = [{ kind: "accept" }];
  readonly #codes: readonly number[];
  /** For each "{" that is closed: where its commas and its "}" are. */
  readonly #braces = new Map<number, number[]>();
  /** For each "[" that is closed: where its "]" is. */
  readonly #classes = new Map<number, number>();

  constructor(pattern: string) {
    this.#codes = Array.from(pattern, (character) => character.codePointAt(0)!);
    this.#findClasses();
    this.#findBraces();
  }

  compile(): number {
    return this.#range(0, this.#codes.length, 0);
  }

  #add(state: State): number {
    return this.states.push(state) - 1;
  }

  #findClasses(): void {
    // From the right, the next "]" is known at each "[".
    let close = -1;
    for (let i = this.#codes.length - 1; i >= 0; i--) {
      if (this.#codes[i] === SLASH) close = -1;
      if (this.#codes[i] === 0x5d) close = i;
      else if (this.#codes[i] === 0x5b && close > i + 1) this.#classes.set(i, close);
    }
  }

  #findBraces(): void {
    const open: number[][] = [];
    for (let i = 0; i < this.#codes.length; i++) {
      const code = this.#codes[i];
      if (code === 0x5b) i = this.#classes.get(i) ?? i;
      else if (code === 0x7b) open.push([i]);
      else if (code === 0x2c) open.at(-1)?.push(i);
      else if (code === 0x7d) {
        const [start, ...marks] = open.pop() ?? [];
        if (start !== undefined && marks.length > 0) this.#braces.set(start, [...marks, i]);
      }
    }
  }

  /** Compiles codes[from..to) to go on at `next`; returns its first state. */
  #range(from: number, to: number, next: number): number {
    const tokens: [start: number, end: number][] = [];
    for (let i = from; i < to;) {
      const end = this.#tokenEnd(i, from, to);
      tokens.push([i, end]);
      i = end;
    }
    return tokens.reduceRight((after, [start, end]) => this.#token(start, end, after), next);
  }

  #tokenEnd(i: number, from: number, to: number): number {
    const code = this.#codes[i];
    if (code === 0x5b) return (this.#classes.get(i) ?? i) + 1;
    if (code === 0x7b) return (this.#braces.get(i)?.at(-1) ?? i) + 1;
    if (code !== STAR) return i + 1;
    let end = i + 1;
    while (end < to && this.#codes[end] === STAR) end++;
    // "**/" as a whole part takes its slash along, for it may match nothing at all.
    const isWhole = end - i > 1 && (i === from || this.#codes[i - 1] === SLASH);
    return isWhole && end < to && this.#codes[end] === SLASH ? end + 1 : end;
  }

  #token(start: number, end: number, next: number): number {
    const code = this.#codes[start]!;
    if (code === STAR) return this.#stars(start, end, next);
    if (code === 0x3f) return this.#add({ kind: "take", accepts: isPart, next });
    if (code === 0x5b && end > start + 1) {
      return this.#add({ kind: "take", accepts: isOneOf(this.#codes.slice(start + 1, end - 1)), next });
    }
    if (code === 0x7b && end > start + 1) {
      const marks = [start, ...this.#braces.get(start)!];
      const to = marks.slice(1).map((mark, i) => this.#range(marks[i]! + 1, mark, next));
      return this.#add({ kind: "fork", to });
    }
    return this.#add({ kind: "take", accepts: (other) => other === code, next });
  }

  #stars(start: number, end: number, next: number): number {
    if (this.#codes[end - 1] === SLASH) { // "**/": nothing, or anything that ends with a slash
      const slash = this.#add({ kind: "take", accepts: (code) => code === SLASH, next });
      return this.#add({ kind: "fork", to: [next, this.#loop(isAnything, slash)] });
    }
    const before = this.#codes[start - 1];
    const after = this.#codes[end];
    const isWhole = end - start > 1 && (before === undefined || before === SLASH) && after === undefined;
    return this.#loop(isWhole ? isAnything : isPart, next);
  }

  /** A fork between going on and taking one more. */
  #loop(accepts: (code: number) => boolean, next: number): number {
    const fork = this.#add({ kind: "fork", to: [] });
    const take = this.#add({ kind: "take", accepts, next: fork });
    this.states[fork] = { kind: "fork", to: [take, next] };
    return fork;
  }
}

/** The states reached so far; each once. */
class Frontier {
  readonly #states: readonly State[];
  readonly #seen: Uint32Array;
  readonly #stack: number[] = [];
  #round = 0;
  takes: Extract<State, { kind: "take" }>[] = [];
  accepted = false;

  constructor(states: readonly State[]) {
    this.#states = states;
    this.#seen = new Uint32Array(states.length);
  }

  clear(): void {
    if (this.#round === 0xffffffff) this.#seen.fill(this.#round = 0);
    this.#round++;
    this.takes = [];
    this.accepted = false;
  }

  /** Adds a state and all that it forks to. */
  add(state: number): void {
    this.#stack.push(state);
    for (let at = this.#stack.pop(); at !== undefined; at = this.#stack.pop()) {
      if (this.#seen[at] === this.#round) continue;
      this.#seen[at] = this.#round;
      const found = this.#states[at]!;
      if (found.kind === "take") this.takes.push(found);
      else if (found.kind === "accept") this.accepted = true;
      else this.#stack.push(...found.to);
    }
  }
}

/**
 * Compiles a glob; it matches whole names, and case counts.
 *
 * @param pattern any text; the signs are at the top of this file. The caller limits its length.
 * @example
 * ```ts
 * import { glob } from "./glob.ts";
 * const matches = glob("docs/**" + "/*.{txt,md}");
 * if (!matches("docs/a.md") || !matches("docs/x/y/b.txt") || matches("docs/c.pdf")) throw new Error("matched");
 * ```
 */
export function glob(pattern: string): (name: string) => boolean {
  if (isSimple(pattern)) return (name) => matchesSimple(pattern, name);
  const compiler = new Compiler(pattern);
  const start = compiler.compile();
  const frontier = new Frontier(compiler.states);
  const parts = globLiterals(pattern);
  return (name) => {
    // Of a million names most are told apart by this.
    for (const part of parts) if (!name.includes(part)) return false;
    frontier.clear();
    frontier.add(start);
    for (const character of name) {
      const code = character.codePointAt(0)!;
      const { takes } = frontier;
      frontier.clear();
      for (const { accepts, next } of takes) if (accepts(code)) frontier.add(next);
      if (frontier.takes.length === 0 && !frontier.accepted) return false;
    }
    return frontier.accepted;
  };
}

/**
 * Runs of letters that must occur in every name that a glob matches: of brackets and braces none, nor of what comes after
 * the first of them.
 */
export function globLiterals(pattern: string): string[] {
  const plain = pattern.search(/[[{]/);
  // "**" + "/" may stand for nothing at all.
  const parts = (plain < 0 ? pattern : pattern.slice(0, plain)).split(/\*\*+\/?|[*?]+/);
  return parts.filter((part) => part !== "");
}

/** Only "*", "?" and letters: nothing that needs more than one look back. */
function isSimple(pattern: string): boolean {
  return !/[[{]|(?:^|\/)\*\*+(?:\/|$)/.test(pattern);
}

/** Goes on from the last "*" only: an earlier one can't do better, since none takes a "/". */
function matchesSimple(pattern: string, name: string): boolean {
  let at = 0;
  let p = 0;
  let star = -1;
  let taken = 0;
  while (at < name.length) {
    const wanted = p < pattern.length ? pattern.charCodeAt(p) : -1;
    const code = name.charCodeAt(at);
    if (wanted === STAR) {
      star = p++;
      taken = at;
    } else if (wanted === QUESTION ? code !== SLASH : wanted === code) {
      at += wanted === QUESTION && name.codePointAt(at)! > 0xffff ? 2 : 1;
      p++;
    } else if (star >= 0 && name.charCodeAt(taken) !== SLASH) {
      at = ++taken;
      p = star + 1;
    } else return false;
  }
  while (p < pattern.length && pattern.charCodeAt(p) === STAR) p++;
  return p === pattern.length;
}
