/**
 * What a connection runs on: an ordered stream of bytes both ways. TCP, TLS and the memory pipe all look like this, and
 * one contract suite holds them to it.
 */

import type { HostPort } from "../base/units.ts";

/** An ordered, reliable stream of bytes in both directions. */
export interface ByteStream {
  /** The other end. */
  readonly remote: HostPort;
  /** This end. */
  readonly local: HostPort;
  /**
   * Reads what is there, at least one byte.
   *
   * @returns how many bytes were read, or null when the other side has finished.
   */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes some of the bytes, at least one, and says how many. One write at a time, and one read. */
  write(bytes: Uint8Array): Promise<number>;
  /** Waits until all that was written is on its way, and says that nothing more comes. Absent: `close` loses nothing. */
  closeWrite?(): Promise<void>;
  /** Ends both directions at once; pending reads and writes end too. Safe to call twice. */
  close(): void;
}

/**
 * Writes all of the bytes.
 *
 * @param moved is called whenever some of them have gone.
 */
export async function writeAll(stream: ByteStream, bytes: Uint8Array, moved?: () => void): Promise<void> {
  let at = 0;
  while (at < bytes.length) {
    at += await stream.write(at === 0 ? bytes : bytes.subarray(at));
    moved?.();
  }
}
