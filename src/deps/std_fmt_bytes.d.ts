/** Types of `@std/fmt/bytes`. */

/** How a size is written. */
export interface FormatOptions {
  /** Bits instead of bytes. */
  bits?: boolean;
  /** Powers of 1024 (KiB) instead of 1000 (kB). */
  binary?: boolean;
  /** Write a plus sign. */
  signed?: boolean;
  /** `true`: the system's; default: none. */
  locale?: boolean | string | string[];
  minimumFractionDigits?: number;
  maximumFractionDigits?: number;
}

/** A size such as `1.34 kB`: three significant digits unless told otherwise. */
export function format(num: number, options?: FormatOptions): string;
