/** Types of the part of `@std/fmt/colors` that we use: each gives the text in that colour or style, if colours are on. */

/** The text in or with blue. */
export function blue(str: string): string;
/** The text in or with bold. */
export function bold(str: string): string;
/** The text in or with cyan. */
export function cyan(str: string): string;
/** The text in or with dim. */
export function dim(str: string): string;
/** The text in or with gray. */
export function gray(str: string): string;
/** The text in or with green. */
export function green(str: string): string;
/** The text in or with inverse. */
export function inverse(str: string): string;
/** The text in or with magenta. */
export function magenta(str: string): string;
/** The text in or with red. */
export function red(str: string): string;
/** The text in or with underline. */
export function underline(str: string): string;
/** The text in or with yellow. */
export function yellow(str: string): string;
/** Turns colours on or off; they start off where NO_COLOR is set. */
export function setColorEnabled(value: boolean): void;
/** Tells whether colours are on. */
export function getColorEnabled(): boolean;
/** The text without colours and styles. */
export function stripAnsiCode(str: string): string;
