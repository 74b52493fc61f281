/**
 * The errors of the whole house, in three families: the remote is at fault, we are at fault, or the
 * condition was to be expected (nobody holds the file, the disk is full). Errors are told apart by
 * `code`, never by their text. A message is one sentence: what failed, what was seen, what to do.
 */

/** What the exit code of a command says; fixed by the command-line contract. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  notPermitted: 4,
  integrity: 5,
  interrupted: 130,
} as const;

/** Every error code that travels on the wire or in JSON output, with the exit code that it leads to. */
export const ERROR_CODES = {
  failed: EXIT.failed,
  usage: EXIT.usage,
  /** The registration server or a peer could not be reached. */
  unreachable: EXIT.unreachable,
  /** Sandbox, role or join code says no. */
  not_permitted: EXIT.notPermitted,
  /** No good copy could be had. */
  integrity: EXIT.integrity,
  interrupted: EXIT.interrupted,
  /** Nobody holds the file. */
  not_found: EXIT.failed,
  /** Several contents under one name. */
  ambiguous: EXIT.failed,
  /** The name breaks the rules for names from the network. */
  name_refused: EXIT.failed,
  disk_full: EXIT.failed,
  /** The file changed while it was being read. */
  changed: EXIT.failed,
  /** The other side broke the protocol. */
  protocol: EXIT.failed,
  /** A limit was reached: too many connections, too many requests in flight. */
  busy: EXIT.failed,
  /** The other side took too long. */
  timeout: EXIT.unreachable,
  /** The other side does not know the message or cannot do it. */
  unsupported: EXIT.failed,
  /** The cookie is not known to this registration server. */
  unknown_cookie: EXIT.failed,
} as const;

/** One of the codes in {@linkcode ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Tells whether a word from the wire is a code that we know. */
export function isErrorCode(word: string): word is ErrorCode {
  return Object.hasOwn(ERROR_CODES, word);
}

/**
 * An expected condition, or a fault of ours, with the code that decides the exit code.
 *
 * @example
 * ```ts
 * import { LabError } from "./errors.ts";
 * const e = new LabError("not_found", "Cannot fetch a.txt: no peer holds it");
 * if (e.exitCode !== 1) throw e;
 * ```
 */
export class LabError extends Error {
  override name = "LabError";
  constructor(readonly code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
  /** The exit code that a command ends with when this error ends it. */
  get exitCode(): number {
    return ERROR_CODES[this.code];
  }
}

/**
 * The other side broke the rules of the protocol: the connection ends, and for a piece, the source is dropped.
 * Decoders throw nothing else, whatever the bytes.
 */
export class RemoteProtocolError extends LabError {
  override name = "RemoteProtocolError";
  constructor(message: string, options?: ErrorOptions) {
    super("protocol", message, options);
  }
}

/** The other side answered a request with an error message. */
export class RemoteError extends LabError {
  override name = "RemoteError";
}

/** Turns whatever was thrown into one sentence, with its cause where that says more. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.message || thrown.name;
}

/** Gives the error code of whatever was thrown; "failed" for what is not ours. */
export function codeOf(thrown: unknown): ErrorCode {
  return thrown instanceof LabError ? thrown.code : "failed";
}

/** Tells whether an error of the runtime means that a whole disk or mount can't be written. */
export function isReadOnly(thrown: unknown, os: string = Deno.build.os): boolean {
  const number = /\(os error (\d+)\)/.exec(thrown instanceof Error ? thrown.message : "")?.[1];
  return number === (os === "windows" ? "19" : "30");
}
