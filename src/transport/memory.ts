/** A pipe in memory with the manners of TCP: partial reads, back-pressure, half-closed ends. For tests and simulations. */

import type { HostPort } from "../base/units.ts";
import type { ByteStream } from "./stream.ts";

/** One direction of the pipe. */
class Channel {
  #chunks: Uint8Array[] = [];
  #size = 0;
  #closed = false;
  #broken = false;
  #wakeReader = () => {};
  #wakeWriter = () => {};

  constructor(private capacity: number) {}

  async read(into: Uint8Array): Promise<number | null> {
    while (true) {
      if (this.#broken) throw new Deno.errors.BadResource("the pipe is closed");
      if (this.#chunks.length > 0) break;
      if (this.#closed) return null;
      await new Promise<void>((resolve) => this.#wakeReader = resolve);
    }
    const first = this.#chunks[0]!;
    const take = Math.min(first.length, into.length);
    into.set(first.subarray(0, take));
    if (take === first.length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(take);
    this.#size -= take;
    this.#wakeWriter();
    return take;
  }

  async write(bytes: Uint8Array): Promise<number> {
    while (this.#size >= this.capacity && !this.#closed && !this.#broken) {
      await new Promise<void>((resolve) => this.#wakeWriter = resolve);
    }
    if (this.#closed || this.#broken) throw new Deno.errors.BrokenPipe("the pipe is closed");
    const take = Math.min(bytes.length, this.capacity - this.#size);
    this.#chunks.push(bytes.slice(0, take));
    this.#size += take;
    this.#wakeReader();
    return take;
  }

  /** The writer has finished. */
  finish(): void {
    this.#closed = true;
    this.#wakeReader();
    this.#wakeWriter();
  }

  /** The reader has gone. */
  abandon(): void {
    this.#broken = true;
    this.#chunks = [];
    this.#wakeReader();
    this.#wakeWriter();
  }
}

/**
 * Makes two ends of a pipe.
 *
 * @param options.capacity bytes that each direction holds before a write waits.
 */
export function memoryPipe(
  options: { capacity?: number; a?: HostPort; b?: HostPort } = {},
): [ByteStream, ByteStream] {
  const {
    capacity = 64 * 1024,
    a = { host: "192.0.2.1", port: 50001 },
    b = { host: "192.0.2.2", port: 50002 },
  } = options;
  const forth = new Channel(capacity);
  const back = new Channel(capacity);
  const end = (local: HostPort, remote: HostPort, incoming: Channel, outgoing: Channel): ByteStream => ({
    local,
    remote,
    read: (into) => incoming.read(into),
    write: (bytes) => outgoing.write(bytes),
    close() {
      outgoing.finish();
      incoming.abandon();
    },
  });
  return [end(a, b, back, forth), end(b, a, forth, back)];
}
