/**
 * What the Wireshark dissector must know of the messages, as Lua: numbers, names, caps, the fields of the JSON. It is made
 * from the table in `messages.ts`, so that a new message or field shows up in Wireshark by itself. Pure.
 */

import { ERROR_CODES } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import type * as v from "../../deps/valibot.ts";
import { CONTROL, DATA, RESERVED } from "../messages.ts";
import { MULTICAST, portOfBlock } from "../multicast.ts";

/** The line of the dissector's source in whose place the tables stand. */
const MARK = "-- @TABLES@";

/** Ports that are ours without a look at the bytes: those of a registration server and of a peer. */
const DEFAULT_PORTS = "23475-23476";

/** Filters of the dissector's own; a field of a message by the same name is found under `p2pdi.field.`. */
const TAKEN = ["kind", "type", "length", "stream", "json", "data", "request_in", "response_in", "time"]
  .concat(["error", "malformed", "not_ours", "unknown", "cut"]);

/** Names of the places in a list of fixed form; the table has one such form, a file of a content. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  "string,number,string": ["name", "size", "sha256"],
};

type FieldType = "string" | "number" | "boolean";

/** The parts of a valibot schema that are looked at. */
interface Schema {
  type: string;
  entries?: Record<string, Schema>;
  item?: Schema;
  items?: readonly Schema[];
  wrapped?: Schema;
  options?: readonly unknown[];
}

/** What was found in the schemas. */
interface Found {
  fields: Map<string, FieldType>;
  tuples: Map<string, readonly string[]>;
}

/**
 * The whole dissector.
 *
 * @param source the text of `p2pdi.lua`.
 * @throws {TypeError} when the source has no place for the tables.
 * @example
 * ```ts
 * import { dissector } from "./tables.ts";
 * if (!dissector("-- @TABLES@\n").includes('name = "Hello"')) throw new Error("tables expected");
 * ```
 */
export function dissector(source: string): string {
  if (!source.includes(MARK)) throw new TypeError(`Cannot make the dissector: its source has no ${MARK}`);
  return source.replace(MARK, () => tables());
}

/** The tables, as Lua. */
function tables(): string {
  const found: Found = { fields: new Map(), tuples: new Map() };
  for (const { schema } of Object.values(CONTROL)) walk(schema, "", found);
  return [
    "local MESSAGES = {",
    ...Object.entries(CONTROL).map(([name, { type, cap }]) => message(name, type, cap)),
    ...Object.entries(DATA).map(([name, { type, cap }]) => message(name, type, cap, "data")),
    ...Object.entries(RESERVED).map(([name, type]) => message(name, type, LIMITS.unknownMessage, "reserved")),
    "}",
    "local FIELDS = {",
    ...[...found.fields].map(([path, type]) =>
      `  [${text(path)}] = { filter = ${text(`p2pdi.${filterOf(path)}`)}, type = ${text(type)} },`
    ),
    "}",
    "local TUPLES = {",
    ...[...found.tuples].map(([path, places]) => `  [${text(path)}] = { ${places.map(text).join(", ")} },`),
    "}",
    `local ERRORS = { ${Object.keys(ERROR_CODES).map((code) => `${code} = true`).join(", ")} }`,
    `local UNKNOWN_CAP = ${LIMITS.unknownMessage}`,
    `local DEFAULT_PORTS = ${text(DEFAULT_PORTS)}`,
    `local BLOCK_PORTS = ${text(`${portOfBlock(0)}-${portOfBlock(MULTICAST.ports - 1)}`)}`,
  ].join("\n");
}

function message(name: string, type: number, cap: number, kind?: "data" | "reserved"): string {
  const mark = kind === undefined ? "" : `, ${kind} = true`;
  return `  [0x${type.toString(16).padStart(2, "0")}] = { name = ${text(name)}, cap = ${cap}${mark} },`;
}

function filterOf(path: string): string {
  return TAKEN.includes(path.split(".")[0]!) ? `field.${path}` : path;
}

/** JSON's quotes and escapes are Lua's, too, for what names are made of. */
function text(value: string): string {
  return JSON.stringify(value);
}

/** Collects the fields of a schema; lists add nothing to a path. */
function walk(schema: v.GenericSchema | Schema, path: string, found: Found): void {
  const seen = schema as Schema;
  switch (seen.type) {
    case "object":
      for (const [name, entry] of Object.entries(seen.entries!)) {
        walk(entry, path === "" ? name : `${path}.${name}`, found);
      }
      return;
    case "optional":
      return walk(seen.wrapped!, path, found);
    case "array":
      return walk(seen.item!, path, found);
    case "tuple":
      return walkTuple(seen.items!, path, found);
    case "picklist":
      return add(path, typeof seen.options![0] === "number" ? "number" : "string", found);
    case "string":
    case "number":
    case "boolean":
      return add(path, seen.type, found);
    default:
      // Records and the like have fields of their own making: shown, but not to be filtered by.
      return;
  }
}

/**
 * Places get names. Where the same list is of fixed form in one message and of objects in another, both are found under
 * the same names.
 */
function walkTuple(items: readonly Schema[], path: string, found: Found): void {
  const places = PLACES[items.map((item) => item.type).join()] ?? items.map((_, i) => String(i));
  found.tuples.set(path, places);
  for (const [i, item] of items.entries()) walk(item, `${path}.${places[i]}`, found);
}

/** A path that means a number here and a text there can only be a text. */
function add(path: string, type: FieldType, { fields }: Found): void {
  const known = fields.get(path);
  fields.set(path, known === undefined || known === type ? type : "string");
}
