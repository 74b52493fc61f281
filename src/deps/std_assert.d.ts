/** Types of the part of `@std/assert` that we use. */

/** A class whose instances an assertion looks for; abstract ones too. */
export type AnyConstructor<T> = abstract new (...args: never[]) => T;

/** Thrown by a failed assertion. */
export class AssertionError extends Error {
  constructor(message: string, options?: ErrorOptions);
}

/** Throws unless the value is truthy. */
export function assert(expr: unknown, msg?: string): asserts expr;
/** Throws unless the value is falsy. */
export function assertFalse(expr: unknown, msg?: string): asserts expr is false | 0 | "" | null | undefined;
/** Throws unless both are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void;
/** Throws when both are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void;
/** Throws unless both are the same value by `Object.is`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T;
/** Throws when both are the same value by `Object.is`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void;
/** Throws unless the numbers differ by at most the tolerance (default: relative 1e-7). */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void;
/** Throws unless the array holds all expected values. */
export function assertArrayIncludes<T>(actual: ArrayLike<T>, expected: ArrayLike<T>, msg?: string): void;
/** Throws when the value is null or undefined. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T>;
/** Throws unless actual > expected. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void;
/** Throws unless actual >= expected. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void;
/** Throws unless actual < expected. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void;
/** Throws unless actual <= expected. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void;
/** Throws unless the value is an instance of the class. */
export function assertInstanceOf<T>(
  actual: unknown,
  expectedType: AnyConstructor<T>,
  msg?: string,
): asserts actual is T;
/** Throws unless the value is an error of the class whose message includes or matches the text. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: AnyConstructor<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E;
/** Throws unless the text matches. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void;
/** Throws when the text matches. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void;
/** Throws unless the text includes the other. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void;
/** Throws unless the object has all expected properties, deeply. */
export function assertObjectMatch(
  actual: Record<PropertyKey, unknown>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void;
/** Throws unless the function throws; gives back what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Throws unless the function throws an error of the class whose message includes the text; gives it back. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: AnyConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): E;
/** Rejects unless the promise rejects; gives back what it rejected with. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Rejects unless the promise rejects with an error of the class whose message includes the text; gives it back. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: AnyConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
/** Tells whether both are deeply equal. */
export function equal(a: unknown, b: unknown): boolean;
/** Fails at once. */
export function fail(msg?: string): never;
/** Marks a place that cannot be reached. */
export function unreachable(msg?: string): never;
