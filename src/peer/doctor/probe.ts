/** How fast bytes come from somebody: dials, greets, asks for bytes that mean nothing, and counts those of the first second. */

import { codeOf, RemoteProtocolError } from "../../base/errors.ts";
import { TIMEOUTS } from "../../base/limits.ts";
import { type Address, connect } from "../../transport/connect.ts";
import type { Exchange } from "../../transport/exchange.ts";
import type { Identity } from "../../transport/handshake.ts";
import type { PeerContext } from "../context.ts";

/** What was measured. */
export interface Probed {
  /** Dialling and greeting, milliseconds. */
  ms: number;
  bytes: number;
  /** That the bytes took. */
  seconds: number;
}

/** What a measurement needs. */
export interface ProbeOptions {
  context: PeerContext;
  identity: Identity;
  /** To be asked for. */
  bytes: number;
  signal: AbortSignal;
}

/**
 * Measures.
 *
 * @throws {LabError} "unreachable" and the like.
 */
export async function probe(to: Address, options: ProbeOptions): Promise<Probed> {
  const { context: { clock, watchdog, security }, identity, bytes, signal } = options;
  const began = clock.monotonic();
  const { connection } = await connect(to, identity, { clock, watchdog, security, signal });
  try {
    const greeted = clock.monotonic();
    const exchange = connection.open({ kind: "Probe", bytes });
    const end = clock.after(TIMEOUTS.probe, () => void exchange.cancel());
    let got = 0;
    try {
      got = await count(exchange, bytes, (n) => got = n);
    } catch (cause) {
      // Time is up; what came until then is what counts.
      if (codeOf(cause) !== "interrupted" || signal.aborted || got === 0) throw cause;
    } finally {
      end();
    }
    const seconds = (clock.monotonic() - greeted) / 1000;
    return { ms: greeted - began, bytes: got, seconds };
  } finally {
    connection.close();
  }
}

async function count(exchange: Exchange, bytes: number, tell: (got: number) => void): Promise<number> {
  for (let got = 0;;) {
    const incoming = await exchange.next();
    if (incoming.kind !== "data" || incoming.data !== "ProbeData") {
      throw new RemoteProtocolError(
        `${exchange.connection.title} sent ${incoming.kind} where bytes were due`,
      );
    }
    got += incoming.bytes.length;
    tell(got);
    if (got > bytes) {
      throw new RemoteProtocolError(`${exchange.connection.title} sent more than was asked for`);
    }
    if (got === bytes) return got;
  }
}
