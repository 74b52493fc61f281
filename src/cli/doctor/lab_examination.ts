/** `rs doctor` inside of `rs serve`: has every peer fetch a few bytes from every other, in turns that don't disturb each other. */

import { codeOf, messageOf } from "../../base/errors.ts";
import type { Tell } from "../../peer/control.ts";
import { addressFor } from "../../registry/address.ts";
import type { PeerRecord } from "../../registry/rules.ts";
import type { RegistryServer } from "../../registry/server.ts";
import { type Measured, turns, type Way } from "./matrix.ts";

/** Bytes that are fetched on each way: 35 ms at 1 Gbit/s, 0.35 s at 100 Mbit/s; a slow way ends after a second. */
const BYTES = 4 * 1024 * 1024;
/** A peer may take this long for one way, milliseconds: five seconds of dialling, one of bytes, and some patience. */
const PATIENCE = 10_000;

/** Measures all ways between the peers that are active; tells each as it is known. */
export async function examineLab(
  server: Pick<RegistryServer, "members" | "connectionOf">,
  tell: Tell,
  signal: AbortSignal,
): Promise<void> {
  const peers = new Map([...server.members.list()].map((record) => [record.name, record]));
  tell({ event: "doctor", peers: peers.size, ways: peers.size * (peers.size - 1) });
  for (const turn of turns([...peers.keys()])) {
    signal.throwIfAborted();
    await Promise.all(turn.map(async (way) => {
      const found = await measure(server, peers.get(way.from)!, peers.get(way.to)!, way);
      tell({ event: "way", ...found });
    }));
  }
}

async function measure(
  server: Pick<RegistryServer, "connectionOf">,
  from: PeerRecord,
  to: PeerRecord,
  way: Way,
): Promise<Measured & { ms?: number }> {
  const connection = server.connectionOf(to.cookie);
  const { name, port } = from;
  if (!connection) return { ...way, port, reason: `${to.name} is not connected any more` };
  const ends = { remote: connection.remote.host, local: connection.local.host };
  // In a secured lab whoever is dialled has to be known.
  const id = server.connectionOf(from.cookie)?.member?.id;
  const holder = { name, address: addressFor(from.address, ends), port, ...(id === undefined ? {} : { id }) };
  try {
    const found = await connection.request({ kind: "Reach", to: holder, bytes: BYTES }, "Reached", PATIENCE);
    const { ms, bytes, seconds, reason, code } = found;
    if (code !== undefined || bytes === undefined || !seconds) {
      return { ...way, port, reason: reason ?? "nothing came" };
    }
    return {
      ...way,
      rate: Math.round(bytes / seconds),
      ...(ms === undefined ? {} : { ms: Math.round(ms * 100) / 100 }),
    };
  } catch (cause) {
    return {
      ...way,
      port,
      reason: codeOf(cause) === "unsupported" ? `${to.name} is too old for this` : messageOf(cause),
    };
  }
}
