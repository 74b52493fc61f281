/** The part of `dns-packet` that is used. */

import type { Buffer } from "node:buffer";

/** A question in a packet. */
export interface Question {
  name: string;
  type?: string;
  class?: string;
}

/** A record, as it is written; what is read may hold anything. */
export interface ResourceRecord {
  name: string;
  type: string;
  class?: string;
  ttl?: number;
  flush?: boolean;
  data: unknown;
}

/** A packet. */
export interface Packet {
  id?: number;
  type?: "query" | "response";
  flags?: number;
  questions?: Question[];
  answers?: ResourceRecord[];
  authorities?: ResourceRecord[];
  additionals?: ResourceRecord[];
}

export const AUTHORITATIVE_ANSWER: number;
export function encode(packet: Packet): Buffer;
export function decode(bytes: Buffer): Packet;
