/**
 * What the course's own programs ask, as bytes come in: JSON messages without any frame, and the assignment's text form.
 * CLASSIC.md, one folder up, is the specification. Pure: bytes in, requests out; nothing else is thrown than
 * RemoteProtocolError, and after that the decoder is of no further use.
 */

import { RemoteProtocolError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";

/** How a request was written, and how it is to be answered. */
export type ClassicForm = "json" | "text";

/** A file that somebody wants: by its name in the index, or as the RFC of a number. */
export type ClassicFile = { name: string } | { rfc: number };

/** What is asked. Names and numbers are only known to be short here. */
export type ClassicAsk =
  /** Of a registration server: about the peer whose server listens on `port`, or whose cookie it is. */
  | {
    kind: "register" | "keepAlive" | "peers" | "leave";
    /** What the client calls its PC; empty when it doesn't say. */
    host: string;
    port: number | undefined;
    cookie: string | undefined;
  }
  /** Which files there are. */
  | { kind: "index" }
  | { kind: "file"; file: ClassicFile }
  /** A request by its form, but not one of these. */
  | { kind: "wrong"; status: ClassicFault; reason: string };

/** Why a request can't be used: it's not understood, or its version is another. */
export type ClassicFault = 400 | 505;

/** A request with its form. */
export type ClassicRequest = ClassicAsk & { form: ClassicForm };

const SPACE = 0x20;
const [LF, CR, QUOTE, BACKSLASH, OPEN, CLOSE] = [0x0a, 0x0d, 0x22, 0x5c, 0x7b, 0x7d];
const MOST_HEADERS = 32;

const decodeText = new TextDecoder("utf-8", { fatal: true });

/**
 * Cuts a stream of bytes into requests, whatever the borders at which the bytes arrive.
 *
 * @example
 * ```ts
 * import { ClassicDecoder } from "./request.ts";
 * const [request] = [...new ClassicDecoder().push(new TextEncoder().encode('{"msg":"listoffiles"}'))];
 * if (request?.kind !== "index") throw new Error("an index is asked for");
 * ```
 */
export class ClassicDecoder {
  #form: ClassicForm | undefined;
  #bytes = new Uint8Array(256);
  #filled = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #lineLength = 0;
  #broken = false;

  /** The form of the request that has begun, or of the last one; "text" before any. */
  get form(): ClassicForm {
    return this.#form ?? "text";
  }

  /** True between two requests. */
  get atBorder(): boolean {
    return this.#filled === 0;
  }

  /**
   * Takes the next bytes and yields the requests that they complete. Go on to its end.
   *
   * @throws {RemoteProtocolError} on a request over 8,192 bytes, or bytes that are neither JSON nor text.
   */
  *push(chunk: Uint8Array): Generator<ClassicRequest, void, void> {
    if (this.#broken) throw new RemoteProtocolError("Cannot decode after a broken request");
    this.#broken = true;
    for (const byte of chunk) {
      if (this.#filled === 0) {
        if (byte === SPACE || byte === LF || byte === CR || byte === 0x09) continue;
        this.#begin(byte);
      }
      this.#keep(byte);
      if (this.#form === "json" ? this.#endsJson(byte) : this.#endsText(byte)) yield this.#finish();
    }
    this.#broken = false;
  }

  #begin(byte: number): void {
    const letter = byte | SPACE;
    if (byte !== OPEN && (letter < 0x61 || letter > 0x7a)) {
      throw new RemoteProtocolError("Cannot decode a request: it begins with neither { nor a letter");
    }
    this.#form = byte === OPEN ? "json" : "text";
    this.#depth = this.#lineLength = 0;
    this.#inString = this.#escaped = false;
  }

  #keep(byte: number): void {
    if (this.#filled >= LIMITS.classicRequest) {
      throw new RemoteProtocolError(
        `Cannot decode a request of more than ${LIMITS.classicRequest} bytes: that is the limit`,
      );
    }
    if (this.#filled === this.#bytes.length) {
      const larger = new Uint8Array(Math.min(LIMITS.classicRequest, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#filled++] = byte;
  }

  /** An object ends where its first brace is closed; braces in strings don't count. */
  #endsJson(byte: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#inString = false;
      return false;
    }
    if (byte === QUOTE) this.#inString = true;
    else if (byte === OPEN) this.#depth++;
    else if (byte === CLOSE) return --this.#depth === 0;
    return false;
  }

  /** Text ends with an empty line; CR is passed over. */
  #endsText(byte: number): boolean {
    if (byte === CR) return false;
    const isEmptyLine = byte === LF && this.#lineLength === 0;
    this.#lineLength = byte === LF ? 0 : this.#lineLength + 1;
    return isEmptyLine;
  }

  #finish(): ClassicRequest {
    let text: string;
    try {
      text = decodeText.decode(this.#bytes.subarray(0, this.#filled));
    } catch (cause) {
      throw new RemoteProtocolError("Cannot decode a request: it is not UTF-8", { cause });
    }
    this.#filled = 0;
    return this.#form === "json" ? { form: "json", ...readJson(text) } : { form: "text", ...readText(text) };
  }
}

const JSON_KINDS: Readonly<Record<string, "register" | "keepAlive" | "peers" | "leave" | "index" | "file">> =
  {
    register_to_rs: "register",
    keep_alive: "keepAlive",
    active_peer: "peers",
    leave_the_server: "leave",
    listoffiles: "index",
    requesting_files: "file",
  };

function wrong(reason: string, status: ClassicFault = 400): ClassicAsk {
  return { kind: "wrong", status, reason };
}

/** A JSON message. Case of keys and words doesn't matter: students' programs differ in it. */
function readJson(text: string): ClassicAsk {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RemoteProtocolError("Cannot decode a request: it is not JSON", { cause });
  }
  const fields = new Map(
    Object.entries(value as object).map(([key, v]) => [key.toLowerCase(), v as unknown]),
  );
  const msg = fields.get("msg");
  if (typeof msg !== "string") return wrong("There is no msg");
  const word = msg.toLowerCase();
  const kind = Object.hasOwn(JSON_KINDS, word) ? JSON_KINDS[word] : undefined;
  if (kind === undefined) return wrong("This msg is not known");
  if (kind === "index") return { kind };
  const file = fields.get("file");
  if (kind === "file") {
    return typeof file === "string" ? { kind, file: { name: file } } : wrong("There is no file");
  }
  const [host, port, cookie] = [fields.get("hostname"), fields.get("portnumber"), fields.get("cookie")];
  return about(kind, { host, port, cookie });
}

function about(
  kind: "register" | "keepAlive" | "peers" | "leave",
  said: { host: unknown; port: unknown; cookie: unknown },
): ClassicAsk {
  const port = portOf(said.port);
  if (port === null) return wrong("The port number is not one");
  if (kind === "register" && port === undefined) return wrong("There is no port number");
  return {
    kind,
    host: typeof said.host === "string" ? said.host.slice(0, 255) : "",
    port,
    cookie: typeof said.cookie === "string" ? said.cookie.slice(0, 64) : undefined,
  };
}

/** A port as number or digits; undefined when none is said, null when it is none. */
function portOf(said: unknown): number | undefined | null {
  if (said === undefined) return undefined;
  const isDigits = typeof said === "string" && /^\d{1,5}$/.test(said);
  const port = isDigits ? Number(said) : said;
  return typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65535 ? port : null;
}

const TEXT_KINDS: Readonly<Record<string, "register" | "keepAlive" | "peers" | "leave" | "index" | "file">> =
  {
    "register": "register",
    "keepalive": "keepAlive",
    "keep-alive": "keepAlive",
    "pquery": "peers",
    "leave": "leave",
    "rfcquery": "index",
    "rfc-index": "index",
    "getrfc": "file",
    "rfc": "file",
  };

/** `METHOD DOCUMENT P2P-DI/1.0` and headers. What the method is called is left to the student: the words decide. */
function readText(text: string): ClassicAsk {
  const [first = "", ...lines] = text.split(/\r*\n/).filter((line) => line !== "");
  if (lines.length > MOST_HEADERS) return wrong(`There are more than ${MOST_HEADERS} headers`);
  const parsed = /^(.*\S)\s+P2P-DI\/(\d{1,3})(?:\.\d{1,3})?\s*$/i.exec(first);
  if (!parsed) return wrong("The first line does not end with P2P-DI/1.0");
  if (Number(parsed[2]) !== 1) return wrong("This server speaks P2P-DI/1.0 here", 505);
  const said = /^(?:(?:GET|POST|PUT)\s+)?(\S+)\s*(.*)$/i.exec(parsed[1]!)!;
  const word = said[1]!.toLowerCase();
  const kind = Object.hasOwn(TEXT_KINDS, word) ? TEXT_KINDS[word] : undefined;
  if (kind === undefined) return wrong("This request is not known");
  if (kind === "index") return { kind };
  if (kind === "file") return fileOf(said[2]!);
  const headers = headersOf(lines);
  const [host, portInHost] = headers.host?.split(/:(?=\d+$)/) ?? [];
  return about(kind, { host, port: headers.port ?? portInHost, cookie: headers.cookie });
}

function fileOf(said: string): ClassicAsk {
  if (said === "") return wrong("Which RFC, or which file?");
  return { kind: "file", file: /^\d{1,6}$/.test(said) ? { rfc: Number(said) } : { name: said } };
}

/** The headers that count; the colon may be missing, as in some versions of the assignment. */
function headersOf(lines: readonly string[]): { host?: string; port?: string; cookie?: string } {
  const found: Record<string, string> = {};
  for (const line of lines) {
    const header = /^\s*(host|port|portnumber|cookie)\s*[:\s]\s*(.*?)\s*$/i.exec(line);
    if (header) found[header[1]!.toLowerCase().replace("number", "")] = header[2]!;
  }
  return found;
}
