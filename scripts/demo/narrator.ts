/**
 * Tells the demo to the person who watches: numbered steps in plain words, the command line that one would type, what
 * the program really said, and what the demo itself has verified. A check that fails ends the demo.
 */

import { bold, cyan, dim, green, red } from "@std/fmt";

/** Columns of the terminal that prose is broken at. */
const WIDTH = 96;
const INDENT = "   ";
const OUTPUT = "      ";
/** Lines of an output that are shown; more says nothing more. */
const SHOWN_LINES = 24;

/** Something that the demo says must hold does not. */
export class DemoFailed extends Error {
  override name = "DemoFailed";
}

/** Writes the story. */
export class Narrator {
  #steps = 0;
  #checks = 0;

  constructor(private write: (line: string) => void = console.log) {}

  /** How many things have been verified. */
  get checks(): number {
    return this.#checks;
  }

  /** Begins a step. */
  step(title: string, text: string): void {
    this.write("");
    this.write(bold(`${++this.#steps}. ${title}`));
    this.say(text);
  }

  /** Prose. */
  say(text: string): void {
    for (const line of wrap(text, WIDTH - INDENT.length)) this.write(INDENT + line);
  }

  /** A command line, at the prompt of a PC. */
  typed(pc: string, line: string): void {
    this.write(`${INDENT}${cyan(`${pc}>`)} ${bold(line)}`);
  }

  /** What a program said. */
  output(text: string): void {
    const lines = text.replace(/\s+$/, "").split(/\r?\n/);
    if (lines.length === 1 && lines[0] === "") return;
    for (const line of lines.slice(0, SHOWN_LINES)) this.write(OUTPUT + dim(line));
    if (lines.length > SHOWN_LINES) {
      this.write(OUTPUT + dim(`(and ${lines.length - SHOWN_LINES} more lines)`));
    }
  }

  /**
   * Tells what was verified.
   *
   * @param seen what was found, for the case that it doesn't hold.
   * @throws {DemoFailed} when it doesn't hold.
   */
  check(what: string, holds: boolean, seen?: unknown): void {
    if (!holds) {
      this.write(`${INDENT}${red("✗")} ${what}`);
      throw new DemoFailed(`This does not hold: ${what}${seen === undefined ? "" : `; seen: ${show(seen)}`}`);
    }
    this.#checks++;
    this.write(`${INDENT}${green("✓")} ${what}`);
  }
}

function show(seen: unknown): string {
  return typeof seen === "string" ? seen : JSON.stringify(seen);
}

/** Breaks prose into lines. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
