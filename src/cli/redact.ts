/** Properties of log records, made fit for a log: no secrets, no endless values. Pure. */

import { isErrorCode } from "../base/errors.ts";

/** The system's codes of errors, such as EACCES; none is as long as a code to join with. */
const SYSTEM_CODE = /^E[A-Z][A-Z0-9_]{1,19}$/;
/** Names of properties whose values stay out of logs: these words, in any case. */
const SECRET_WORD = /^(?:token|code|secret|key)$/i;
/** The same words as the last part of a name, such as `joinCode`; not `monkey`, nor the codes that errors have. */
const SECRET_ENDING = /(?<!^(?:error|exit))(?:Token|Code|Secret|Key|_token|_code|_secret|_key)$/;
const MAX_DEPTH = 4;
const MAX_ITEMS = 50;

/**
 * A copy without secrets, that JSON can hold.
 *
 * @example
 * ```ts
 * import { redact } from "./redact.ts";
 * const { peer, token } = redact({ peer: "pc7", token: "0123" });
 * if (peer !== "pc7" || token !== "[hidden]") throw new Error("redacted");
 * ```
 */
export function redact(properties: Record<string, unknown>): Record<string, unknown> {
  return redactObject(properties, 0);
}

function redactObject(value: object, depth: number): Record<string, unknown> {
  const entries = Object.entries(value).slice(0, MAX_ITEMS);
  return Object.fromEntries(
    entries.map(([name, item]) => [name, isSecret(name, item) ? "[hidden]" : bare(item, depth + 1)]),
  );
}

/** What is called `code` and is one of the few codes that errors have isn't one to join with. */
function isSecret(name: string, value: unknown): boolean {
  if (name === "code" && isOfError(value)) return false;
  return SECRET_WORD.test(name) || SECRET_ENDING.test(name);
}

function isOfError(code: unknown): boolean {
  return typeof code === "string" && (isErrorCode(code) || SYSTEM_CODE.test(code));
}

/** With its cause, as far as there is one: what the runtime or the other side has said. */
function bareError(error: Error, depth: number): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const code = "code" in error ? error.code : undefined;
  return {
    ...{ name, message },
    ...(isOfError(code) ? { code } : {}),
    stack,
    ...(cause === undefined || depth >= MAX_DEPTH ? {} : { cause: bare(cause, depth + 1) }),
  };
}

function bare(value: unknown, depth: number): unknown {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return bareError(value, depth);
  if (value instanceof Date) return value.toJSON();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth > MAX_DEPTH) return "[...]";
  if (value instanceof Map || value instanceof Set) return bare([...value], depth);
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => bare(item, depth + 1));
  return redactObject(value, depth);
}
