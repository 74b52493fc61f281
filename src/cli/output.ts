/**
 * All that a command says. Results and JSON go to stdout, everything else to stderr; nothing else in the house writes
 * to either.
 *
 * Rules: with `--json` stdout holds one JSON object per line and nothing else. With `--quiet` results and errors
 * remain. Whatever is written is made harmless first: a text from the network can't move the cursor, start a line of
 * its own, or ring a bell. A reader that goes away (`| head -1`) ends the command quietly.
 */

import { LabError, messageOf } from "../base/errors.ts";
import { printable } from "../catalog/names.ts";
import { explain } from "./failure.ts";
import { type Column, layOut, toCsv } from "./table.ts";
import { type Colour, colours, isClosedPipe, safeText, type Stream } from "./terminal.ts";

/** One line of `--json`. The names of events and fields are in the command-line contract. */
export interface JsonEvent {
  event: string;
  [field: string]: unknown;
}

/** What an Output has to know. */
export interface OutputOptions {
  json: boolean;
  quiet: boolean;
  /** Errors come with their stack. */
  debug: boolean;
  stdout: Stream;
  stderr: Stream;
  /** No colours, even on a terminal. */
  plain: boolean;
}

/** What stands between a voice and the terminal. */
export interface Gate {
  isOpen: boolean;
  /** Gets what is said while the gate is closed. */
  keep(text: string): void;
}

/** Longest message of an error that is shown, in UTF-16 units. */
const MAX_MESSAGE = 2_000;

/** Characters that JSON allows as they are, but that a terminal would obey or a reader would not see. */
const UNSAFE_IN_JSON = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/gu;

/**
 * Writes an event as one line of JSON without a line end; the same value, whoever reads it, yet only harmless
 * characters.
 */
export function jsonLine(event: JsonEvent): string {
  return JSON.stringify(event).replace(UNSAFE_IN_JSON, (character) => {
    let escaped = "";
    for (let i = 0; i < character.length; i++) {
      escaped += "\\u" + character.charCodeAt(i).toString(16).padStart(4, "0");
    }
    return escaped;
  });
}

/** The voice of a command. */
export class Output {
  readonly quiet: boolean;
  /** Colours for stdout. */
  readonly colour: Colour;
  /** Colours for stderr. */
  readonly errColour: Colour;
  /** Called before anything is written, so that a progress bar can get out of the way. */
  beforeWrite: (() => void) | undefined;
  /** Called once when nobody reads stdout any more. */
  onClosed: (() => void) | undefined;
  #options: OutputOptions;
  #outColoured: boolean;
  #errColoured: boolean;
  #closed = false;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.quiet = options.quiet;
    this.#outColoured = options.stdout.isTerminal && !options.plain;
    this.#errColoured = options.stderr.isTerminal && !options.plain;
    this.colour = colours(this.#outColoured);
    this.errColour = colours(this.#errColoured);
  }

  /** Tells whether `--json` was given: `json` says something, the rest of stdout is silent. */
  get isJson(): boolean {
    return this.#options.json;
  }

  /** Tells whether errors and logs are to be complete. */
  get debug(): boolean {
    return this.#options.debug;
  }

  /** Tells whether stderr is a terminal: progress is drawn there. */
  get isInteractive(): boolean {
    return this.#options.stderr.isTerminal;
  }

  /** Size of the terminal that stderr is, in characters; undefined where nothing can be drawn in place. */
  screen(): { columns: number; rows: number } | undefined {
    const [columns, rows] = [this.#options.stderr.columns(), this.#options.stderr.rows()];
    return columns === undefined || rows === undefined ? undefined : { columns, rows };
  }

  /** Harmless text with control sequences of our own, on stderr; takes nothing away first. For a live view. */
  paint(text: string): void {
    try {
      this.#options.stderr.write(text);
    } catch {
      // Nobody is left to be told.
    }
  }

  /** Tells whether the reader of stdout has gone. */
  get closed(): boolean {
    return this.#closed;
  }

  /** A voice of its own for what may go on while a question is open; as long as the gate is closed, the gate gets its words. */
  through(gate: Gate): Output {
    const gated = (stream: Stream): Stream => ({
      ...{ isTerminal: stream.isTerminal, columns: () => stream.columns(), rows: () => stream.rows() },
      write: (text) => gate.isOpen ? stream.write(text) : gate.keep(text),
    });
    const { stdout, stderr } = this.#options;
    return new Output({ ...this.#options, stdout: gated(stdout), stderr: gated(stderr) });
  }

  /** One line of JSON, if `--json` was given. */
  json(event: JsonEvent): void {
    if (this.#options.json) this.#out(jsonLine(event) + "\n");
  }

  /** A line for people on stdout, by the way: not with `--quiet`. */
  line(text = ""): void {
    if (!this.#options.quiet) this.result(text);
  }

  /** A line for people on stdout that is what they asked for: even with `--quiet`. */
  result(text: string): void {
    if (!this.#options.json) this.#out(safeText(text, this.#outColoured, harmless) + "\n");
  }

  /** Text of our own with line ends in it, such as help. Never for what others wrote. */
  ownText(text: string): void {
    if (!this.#options.json) this.#out(text + "\n");
  }

  /** A table, as a result; fits a terminal. */
  table<R>(rows: readonly R[], columns: readonly Column<R>[]): void {
    if (this.#options.json) return;
    const width = this.#options.stdout.columns();
    const [heading, ...lines] = layOut(rows, columns, {
      ...(width === undefined ? {} : { width }),
      ...(this.#outColoured ? { colour: this.colour } : {}),
    });
    this.#out([...heading ? [this.colour.bold(heading)] : [], ...lines, ""].join("\n"));
  }

  /** Rows as CSV, as a result. */
  csv<R>(rows: readonly R[], columns: readonly Column<R>[]): void {
    if (!this.#options.json) this.#out(toCsv(rows, columns));
  }

  /** A remark on stderr; not with `--quiet`. */
  note(text: string): void {
    if (!this.#options.quiet) this.#err(safeText(text, this.#errColoured, harmless) + "\n");
  }

  /** A line of the log or of progress on stderr; who calls has asked for the level. */
  logLine(text: string): void {
    this.#err(safeText(text, this.#errColoured, harmless) + "\n");
  }

  /** Text of our own on stderr, with line ends in it. */
  ownNote(text: string): void {
    this.#err(text + "\n");
  }

  /** One sentence on stderr, and an `error` event; the stack only when debugging. */
  error(thrown: unknown): void {
    const { code, message } = explain(thrown);
    const sentence = printable(message.trim(), MAX_MESSAGE);
    this.json({ event: "error", code, message: sentence });
    this.#err(this.errColour.red(sentence) + "\n");
    if (this.#options.debug) this.#err(stackOf(thrown) + "\n");
  }

  #out(text: string): void {
    if (this.#closed) return;
    this.beforeWrite?.();
    try {
      this.#options.stdout.write(text);
    } catch (thrown) {
      this.#closed = true;
      if (!isClosedPipe(thrown)) {
        throw new LabError("failed", `Cannot write to standard output: ${messageOf(thrown)}`, {
          cause: thrown,
        });
      }
      this.onClosed?.();
    }
  }

  #err(text: string): void {
    this.beforeWrite?.();
    try {
      this.#options.stderr.write(text);
    } catch {
      // Nobody is left to be told.
    }
  }
}

/** Without a limit: what a command prints is as long as it is. */
function harmless(text: string): string {
  return printable(text, Infinity);
}

/** The stack with its causes, line by line, each made harmless. */
function stackOf(thrown: unknown): string {
  const lines: string[] = [];
  for (let at = thrown, depth = 0; at !== undefined && depth < 5; depth++) {
    const text = at instanceof Error ? at.stack ?? at.message : String(at);
    lines.push(...`${depth > 0 ? "Caused by: " : ""}${text}`.split("\n").map(harmless));
    at = at instanceof Error ? at.cause : undefined;
  }
  return lines.join("\n");
}
