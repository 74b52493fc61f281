/** The logger as a port: `cli` hands in LogTape, tests hand in a list. Nobody here writes to a terminal. */

/** A place for messages in plain words; properties are for machines and appear in structured logs. */
export interface Logger {
  debug(message: string, properties?: Record<string, unknown>): void;
  info(message: string, properties?: Record<string, unknown>): void;
  warn(message: string, properties?: Record<string, unknown>): void;
  error(message: string, properties?: Record<string, unknown>): void;
  /** Tells whether messages of a level are shown anywhere, for those who make many; absent: they may be. */
  shows?(level: "debug" | "info"): boolean;
}

/** Says nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {}, shows: () => false };
