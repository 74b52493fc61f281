/**
 * Parts of messages whose JSON is made once and sent many times: a peer that registers is told to all who watch the list,
 * each in a message of its own. What was said once of a part is remembered beside it for as long as the part is there.
 * Pure but for that memory, which changes nothing that is sent.
 */

/** By the part itself; nobody else can have it, so nobody can change what is sent of it. */
const WRITTEN = new WeakMap<object, string>();

/**
 * Makes a part of messages to be written once. It's frozen, for it would travel as it is now.
 *
 * @returns the same part.
 * @example
 * ```ts
 * import { jsonOfPeers, writeOnce } from "./written.ts";
 * const peer = writeOnce({ name: "pc7" });
 * if (jsonOfPeers({ peers: [peer, { name: "pc8" }], version: "a.1" }) !==
 *   '{"peers":[{"name":"pc7"},{"name":"pc8"}],"version":"a.1"}') throw new Error("two peers expected");
 * ```
 */
export function writeOnce<T extends object>(part: T): T {
  WRITTEN.set(Object.freeze(part), JSON.stringify(part));
  return part;
}

/**
 * The JSON of a message that lists peers: what `JSON.stringify` says of it, but that `peers` comes first, and that each may
 * have been written before.
 */
export function jsonOfPeers(
  { peers, ...others }: { peers: readonly object[]; [field: string]: unknown },
): string {
  let text = '{"peers":[';
  for (let at = 0; at < peers.length; at++) {
    const peer = peers[at]!;
    if (at > 0) text += ",";
    text += WRITTEN.get(peer) ?? JSON.stringify(peer);
  }
  const rest = JSON.stringify(others);
  return rest === "{}" ? `${text}]}` : `${text}],${rest.slice(1)}`;
}
