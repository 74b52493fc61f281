/**
 * The Logger port over LogTape: readable lines on stderr, and with `--log-file` JSON lines in a file that rotates.
 *
 * LogTape is loaded when the first message passes the level, or at once when there is a file to open: most one-shot
 * commands log nothing and don't pay for it. Messages wait in order meanwhile, with the time at which they came.
 */

import { LabError, messageOf } from "../base/errors.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Colour } from "./terminal.ts";
import { RotatingFile } from "./log_file.ts";
import { redact } from "./redact.ts";
import type { LogRecord, Sink } from "../deps/logtape.ts";

/** How much is logged. */
export type Level = "debug" | "info" | "warn" | "error";

/** Where the log goes. */
export interface LogOptions {
  level: Level;
  /** Only errors on stderr; the file gets all of the level. */
  quiet: boolean;
  clock: Clock;
  colour: Colour;
  /** Writes a line to stderr. */
  write: (line: string) => void;
  file?: LogFile;
}

/** A log file. */
export interface LogFile {
  path: string;
  /** Old files may be renamed beside it: its whole folder may be written. */
  rotate: boolean;
}

/** A logger with its beginning and its end. */
export interface Log {
  logger: Logger;
  /** Loads what it needs and opens the file; only to be waited for where the first messages must not be late. */
  start(): Promise<void>;
  /** Writes out what waits, and closes the file. */
  close(): Promise<void>;
}

/** Messages that wait for LogTape; more in that moment would mean that something runs wild. */
const MAX_WAITING = 1_000;

const ORDER: readonly Level[] = ["debug", "info", "warn", "error"];
const WORDS: Record<Level, string> = { debug: "DEBUG", info: "INFO ", warn: "WARN ", error: "ERROR" };

/** A record with this property is for the file only: stderr has had it in other words. */
export const TOLD = "told";

type LogTape = typeof import("../deps/logtape.ts");
type Emit = (record: Omit<LogRecord, "category">) => void;

/** Makes the log of a command. Nothing is loaded or opened yet. */
export function openLog(options: LogOptions): Log {
  const waiting: Omit<LogRecord, "category">[] = [];
  let emit: Emit | undefined;
  let tape: Promise<LogTape> | undefined;
  /** It can't be had; whoever started it was told, and nobody is told a second time. */
  let isBroken = false;
  const lowest = options.quiet && !options.file ? "error" : options.level;

  const start = async () => {
    tape ??= configure(options);
    tape.catch(() => isBroken = true);
    const { getLogger } = await tape;
    if (emit) return;
    const logger = getLogger(["labswarm"]);
    emit = (record) => logger.emit(record);
    for (const record of waiting.splice(0)) emit(record);
  };
  const at = (level: Level) => (message: string, properties: Record<string, unknown> = {}) => {
    if (ORDER.indexOf(level) < ORDER.indexOf(lowest)) return;
    const record = makeRecord(level, message, properties, options.clock.now());
    if (emit) return emit(record);
    if (isBroken) return;
    if (waiting.length < MAX_WAITING) waiting.push(record);
    start().catch((thrown) => options.write(`Cannot start the log: ${messageOf(thrown)}`));
  };
  return {
    logger: {
      ...{ debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") },
      shows: (level) => ORDER.indexOf(level) >= ORDER.indexOf(lowest),
    },
    start,
    async close() {
      if (!tape || isBroken) return;
      await start();
      await (await tape).dispose();
    },
  };
}

function makeRecord(level: Level, message: string, properties: Record<string, unknown>, timestamp: number) {
  return {
    level: level === "warn" ? "warning" as const : level,
    message: [message],
    rawMessage: message,
    timestamp,
    properties: redact(properties),
  };
}

async function configure(options: LogOptions): Promise<LogTape> {
  const tape = await import("../deps/logtape.ts");
  const name = (level: Level) => level === "warn" ? "warning" as const : level;
  const sinks: Record<string, Sink> = {
    stderr: tape.withFilter(stderrSink(options), name(options.quiet ? "error" : options.level)),
    ...(options.file ? { file: fileSink(options.file, options) } : {}),
  };
  await tape.configure({
    reset: true,
    sinks,
    loggers: [
      { category: "labswarm", lowestLevel: name(options.level), sinks: Object.keys(sinks) },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["stderr"] },
    ],
  });
  return tape;
}

function stderrSink({ write, colour, level }: LogOptions): Sink {
  return (record) => {
    if (record.properties[TOLD] !== true) {
      write(textLine(record, { colour, withProperties: level === "debug" }));
    }
  };
}

/** `21:04:05 INFO  message`; with the properties behind it when debugging. */
function textLine(
  record: LogRecord,
  { colour, withProperties }: { colour: Colour; withProperties: boolean },
): string {
  const level = levelOf(record);
  const paint =
    { debug: colour.dim, info: (text: string) => text, warn: colour.yellow, error: colour.red }[level];
  const date = new Date(record.timestamp);
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, "0"));
  const properties = withProperties
    ? Object.entries(record.properties).map(([key, v]) =>
      `  ${key}=${typeof v === "string" ? v : JSON.stringify(v)}`
    )
    : [];
  return `${colour.dim(time.join(":"))} ${paint(WORDS[level])} ${record.message.join("")}${
    properties.join("")
  }`;
}

/** One JSON object per line, properties under their own key so that none hides the time or the message. */
function fileLine(record: LogRecord): string {
  const time = new Date(record.timestamp).toISOString();
  const { [TOLD]: _, ...properties } = record.properties;
  const more = Object.keys(properties).length > 0 ? { properties } : {};
  return JSON.stringify({ time, level: levelOf(record), message: record.message.join(""), ...more }) + "\n";
}

function levelOf(record: LogRecord): Level {
  if (record.level === "warning") return "warn";
  return record.level === "fatal" ? "error" : record.level === "trace" ? "debug" : record.level;
}

function fileSink({ path, rotate }: LogFile, { clock, write }: LogOptions): Sink & AsyncDisposable {
  try {
    const file = new RotatingFile({ path, rotate, clock, tell: write });
    const sink = (record: LogRecord) => file.write(fileLine(record));
    return Object.assign(sink, { [Symbol.asyncDispose]: () => file.close() });
  } catch (thrown) {
    const message = `Cannot open the log file ${path} (${messageOf(thrown)}): name another with --log-file`;
    throw new LabError("failed", message, { cause: thrown });
  }
}
