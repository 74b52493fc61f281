/**
 * The process's own stdout and stderr, seen as places for text. Writes are synchronous: what was written is out before
 * the next line of code runs, in order, and so before any exit.
 */

/** A place for text. */
export interface Stream {
  /**
   * Writes all of it.
   *
   * @throws {Deno.errors.BrokenPipe} when the reader has gone.
   */
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Width in columns; undefined when this isn't a terminal. */
  columns(): number | undefined;
  /** Height in rows; undefined where nothing can be drawn in place: no terminal, or one that says it is dumb. */
  rows(): number | undefined;
}

/** How often, and how long each time, a full pipe that was made non-blocking by somebody is waited for: 30 s in all. */
const FULL_PIPE_TRIES = 3_000;
const FULL_PIPE_MS = 10;

/** The real stdout or stderr. */
export function systemStream(name: "stdout" | "stderr"): Stream {
  const file = Deno[name];
  return {
    write: (text) => writeAll(file, new TextEncoder().encode(text)),
    isTerminal: file.isTerminal(),
    columns() {
      if (!file.isTerminal()) return undefined;
      try {
        return Deno.consoleSize().columns || 80;
      } catch {
        return 80;
      }
    },
    rows() {
      if (!file.isTerminal() || isDumb()) return undefined;
      try {
        return Deno.consoleSize().rows || 24;
      } catch {
        return 24;
      }
    },
  };
}

function writeAll(file: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  let tries = 0;
  for (let at = 0; at < bytes.length;) {
    try {
      at += file.writeSync(bytes.subarray(at));
      tries = 0;
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.WouldBlock) || ++tries > FULL_PIPE_TRIES) throw thrown;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_MS);
    }
  }
}

/**
 * Tells whether a write failed because nobody reads any more. On Windows the runtime has no class for most of these:
 * a plain Error with the code EPIPE, and under Wine with "Pipe not connected" (os error 233).
 */
export function isClosedPipe(thrown: unknown): boolean {
  if (thrown instanceof Deno.errors.BrokenPipe || thrown instanceof Deno.errors.ConnectionReset) return true;
  if (thrown instanceof Deno.errors.BadResource) return true;
  return thrown instanceof Error && "code" in thrown && thrown.code === "EPIPE";
}

/** Tells whether colours are unwanted: NO_COLOR is set, or the terminal says that it's a dumb one. Asks nobody. */
export function coloursUnwanted(): boolean {
  return Deno.noColor || isDumb();
}

/** The terminal says that it obeys no control sequences. */
function isDumb(): boolean {
  const readable = Deno.permissions.querySync({ name: "env", variable: "TERM" }).state === "granted";
  return readable && Deno.env.get("TERM") === "dumb";
}

/** Text in colours, or as it is where colours are off. */
export interface Colour {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

/** The only escape sequences that {@linkcode safeText} lets through: those that {@linkcode colours} makes. */
// deno-lint-ignore no-control-regex
const OURS = /(\x1b\[(?:1|2|22|31|32|33|36|39)m)/;

/** Colours for a stream. */
export function colours(on: boolean): Colour {
  const paint = (open: number, close: number) => (text: string) =>
    on ? `\x1b[${open}m${text}\x1b[${close}m` : text;
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
  };
}

/**
 * A line as it may go to a terminal, whoever's text is in it: one line; our colours stay if they are on.
 *
 * @param printable makes a piece without colours harmless.
 */
export function safeText(text: string, colour: boolean, printable: (text: string) => string): string {
  if (!colour) return printable(text);
  return text.split(OURS).map((part, i) => i % 2 === 1 ? part : printable(part)).join("");
}
