/**
 * Join codes: what a person types once on each PC. 25 symbols in five groups, like a product key:
 *
 *     80 bits   fingerprint of the lab's authority: whom to trust
 *     40 bits   secret of the invitation: why to be let in
 *      5 bits   check symbol: typing mistakes are told before anything is sent
 *
 * The fingerprint is what a man in the middle has to forge: a key of his own with the same 80 bits takes 2^80 tries, and
 * he can't prepare one for two labs at once. The secret needs less: it can be tried at the registration server only,
 * a few times a minute. Role, uses and expiry lie with the registration server, not in the code.
 */

import { type Bytes, concat } from "../base/bytes.ts";
import { LabError } from "../base/errors.ts";
import { bytesOf, symbolOf, symbolValues, toBase32 } from "./base32.ts";

/** Bytes of the authority's fingerprint in a code. */
export const FINGERPRINT_BYTES = 10;
/** Bytes of an invitation's secret. */
export const SECRET_BYTES = 5;

const SYMBOLS = 25;
const GROUP = 5;

/** What a code says. */
export interface JoinCode {
  /** The first bytes of the SHA-256 of the authority's certificate. */
  fingerprint: Bytes;
  secret: Bytes;
}

/**
 * Writes a code.
 *
 * @example
 * ```ts
 * import { formatCode, parseCode } from "./code.ts";
 * const code = { fingerprint: new Uint8Array(10).fill(7), secret: new Uint8Array(5).fill(1) };
 * const text = formatCode(code);
 * if (text.length !== 29 || parseCode(text.toLowerCase()).secret[0] !== 1) throw new Error("five groups expected");
 * ```
 */
export function formatCode({ fingerprint, secret }: JoinCode): string {
  const symbols = toBase32(concat([fingerprint, secret]));
  const whole = symbols + symbolOf(checkOf(symbolValues(symbols)!));
  return (whole.match(/.{5}/g) ?? []).join("-").toUpperCase();
}

/**
 * Reads what somebody typed: any case, with or without dashes and spaces.
 *
 * @throws {LabError} "not_permitted"; the sentence doesn't repeat the code.
 */
export function parseCode(typed: string): JoinCode {
  const values = symbolValues(typed.slice(0, 200).replace(/[\s-]+/g, ""));
  if (!values || values.length !== SYMBOLS) {
    const seen = values ? `${values.length} symbols` : "a character that no code has";
    throw new LabError(
      "not_permitted",
      `Cannot join: a join code has ${SYMBOLS} symbols in groups of ${GROUP}, not ${seen}; see rs invite`,
    );
  }
  if (checkOf(values.slice(0, -1)) !== values.at(-1)) {
    throw new LabError(
      "not_permitted",
      "Cannot join: the join code is mistyped; compare it symbol by symbol",
    );
  }
  const bytes = bytesOf(values.slice(0, -1));
  return { fingerprint: bytes.slice(0, FINGERPRINT_BYTES), secret: bytes.slice(FINGERPRINT_BYTES) };
}

/** Tells whether a text is a join code, whatever lab's: where one was typed in the wrong place it must not be repeated. */
export function isCode(typed: string): boolean {
  const values = typed.length > 40 ? undefined : symbolValues(typed.replaceAll("-", ""));
  return values?.length === SYMBOLS && checkOf(values.slice(0, -1)) === values.at(-1);
}

/**
 * Sum of the symbols times powers of a generator of GF(32) (polynomial x^5 + x^2 + 1), as in a Reed-Solomon code: every
 * single wrong symbol and every two that changed places are seen.
 */
function checkOf(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum = double(sum ^ value);
  return sum;
}

function double(value: number): number {
  return value & 16 ? ((value << 1) ^ 0b100101) & 31 : value << 1;
}
