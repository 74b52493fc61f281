/** Door to `dns-packet`: DNS messages to bytes and back, for discovery. Load it when it is needed only. */

import { Buffer } from "node:buffer";
// @ts-types="./dns_packet.d.ts"
import dns from "npm:dns-packet@5.6.1";
import type { Packet } from "./dns_packet.d.ts";

export type { Packet, Question, ResourceRecord } from "./dns_packet.d.ts";

/** The flag of an answer from the one whose records they are. */
export const AUTHORITATIVE = 1 << 10;

/** Writes a packet. */
export function encode(packet: Packet): Uint8Array<ArrayBuffer> {
  return new Uint8Array(dns.encode(packet));
}

/** Reads a packet; throws whatever it likes where it can't. */
export function decode(bytes: Uint8Array): Packet {
  return dns.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}
