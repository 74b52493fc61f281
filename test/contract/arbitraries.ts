/** Messages at random, made from the schemas of the message table itself, so that a new message is covered at once. */

import * as fc from "../../src/deps/fast_check.ts";
import { CONTROL, type ControlName, type Message } from "../../src/protocol/messages.ts";

/** The parts of a valibot schema that the message table uses. */
interface Schema {
  type: string;
  pipe?: readonly { type: string; requirement?: unknown }[];
  entries?: Record<string, Schema>;
  item?: Schema;
  items?: readonly Schema[];
  options?: readonly unknown[];
  wrapped?: Schema;
}

const TEXT = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constant("\ud800 alone"),
  fc.constant(""),
);
/** Keys that the validator leaves out of free-form objects on purpose. */
const UNSAFE_KEYS = ["__proto__", "prototype", "constructor"];
const KEY = fc.string().filter((key) => !UNSAFE_KEYS.includes(key));

/** Values that the schema accepts. */
function valuesOf(schema: Schema): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case "string":
      return texts(schema);
    case "number":
      return fc.integer({
        min: limit(schema, "min_value") ?? -(2 ** 31),
        max: limit(schema, "max_value") ?? 2 ** 53 - 1,
      });
    case "boolean":
      return fc.boolean();
    case "picklist":
      return fc.constantFrom(...schema.options!);
    case "array":
      return fc.array(valuesOf(schema.item!), { minLength: limit(schema, "min_length") ?? 0, maxLength: 4 });
    case "tuple":
      return fc.tuple(...schema.items!.map(valuesOf));
    case "object":
      return objects(schema.entries!);
    case "record":
      return fc.dictionary(KEY, fc.jsonValue().map((v) => JSON.parse(JSON.stringify(v))));
    default:
      throw new Error(`No arbitrary for a schema of type ${schema.type}: add one`);
  }
}

function texts(schema: Schema): fc.Arbitrary<string> {
  const pattern = schema.pipe?.find((action) => action.type === "regex")?.requirement;
  if (pattern instanceof RegExp) return fc.stringMatching(pattern);
  const max = limit(schema, "max_length") ?? 1000;
  return TEXT.map((text) => text.slice(0, max));
}

function objects(entries: Record<string, Schema>): fc.Arbitrary<unknown> {
  const required = Object.keys(entries).filter((key) => entries[key]!.type !== "optional");
  const model = Object.fromEntries(
    Object.entries(entries).map(([key, s]) => [key, valuesOf(s.type === "optional" ? s.wrapped! : s)]),
  );
  return fc.record(model, { requiredKeys: required, noNullPrototype: true });
}

function limit(schema: Schema, action: string): number | undefined {
  return schema.pipe?.find((a) => a.type === action)?.requirement as number | undefined;
}

/** Messages of one kind. */
export function messagesOf(kind: ControlName): fc.Arbitrary<Message> {
  return valuesOf(CONTROL[kind].schema as unknown as Schema).map((
    fields,
  ) => ({ ...fields as object, kind } as Message));
}

/** Messages of every kind. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  ...(Object.keys(CONTROL) as ControlName[]).map(messagesOf),
);
