/**
 * Under which address others reach a peer. Pure. Rules: the address is the one seen on the peer's own connection, never
 * one that it claims; a peer on the registration server's own PC was seen on loopback, which means nothing to others, so
 * they are told the address at which they themselves reached that PC.
 */

/** What has one spelling only: digits and dots. */
const PLAIN = /^[0-9.]+$/;

/**
 * One spelling for one address: IPv4 inside IPv6 (::ffff:192.168.1.7) becomes plain IPv4; lower case; no brackets.
 *
 * @example
 * ```ts
 * import { normalAddress } from "./address.ts";
 * if (normalAddress("::FFFF:192.168.1.7") !== "192.168.1.7") throw new Error("plain IPv4 expected");
 * ```
 */
export function normalAddress(host: string): string {
  if (PLAIN.test(host)) return host;
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase();
  const dotted = /^(?:0*:){0,5}:?(?:0*:)?ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare)?.[1];
  if (dotted !== undefined) return dotted;
  const words = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(bare);
  if (!words) return bare;
  const high = parseInt(words[1]!, 16);
  const low = parseInt(words[2]!, 16);
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** Tells whether an address means "this same PC". */
export function isLoopback(host: string): boolean {
  const address = normalAddress(host);
  return address === "::1" || address === "localhost" ||
    (address.startsWith("127.") && /^127\.\d+\.\d+\.\d+$/.test(address));
}

/** The two ends of an asker's connection, as hosts. */
export interface Ends {
  /** Where the asker is. */
  remote: string;
  /** At which of our addresses it reached us. */
  local: string;
}

/**
 * The address of a peer as this asker has to dial it.
 *
 * @param seen the address on the peer's registration connection.
 */
export function addressFor(seen: string, asker: Ends): string {
  return asker.remote !== seen && isLoopback(seen) && !isLoopback(asker.remote)
    ? normalAddress(asker.local)
    : seen;
}
