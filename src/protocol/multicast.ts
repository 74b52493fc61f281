/**
 * Blocks of a broadcast's pieces as they travel by multicast: one datagram each, to a group that all PCs of a subnet hear.
 *
 *     0        4            12      16       20       24        32
 *     +--------+------------+-------+--------+--------+---------+-------------
 *     | "LSMC" |  session   | piece | offset | number |   tag   | block ...
 *     +--------+------------+-------+--------+--------+---------+-------------
 *       4 bytes   8 bytes    u32 BE   u32 BE   u32 BE   8 bytes   up to 52 KiB
 *
 * The tag shows, in a secured lab, that the header comes from somebody who has the broadcast's key; in an open one it is
 * zero. The block proves nothing: it is no more than a proposal, and what counts is the piece's SHA-256, which came from the
 * broadcaster on its connection. Decoding never throws: what isn't ours is nothing.
 */

import type { Bytes } from "../base/bytes.ts";

/** How blocks travel. The ports are fixed, so that an administrator can open them. */
export const MULTICAST = {
  /**
   * Ports in use, from this one on. A system keeps some 200 KB for a socket that isn't read at once, which at 1 Gbit/s is
   * 2 ms, and the runtime can't ask for more: so blocks go to these ports in turn, each with a socket of its own.
   */
  firstPort: 23490,
  ports: 16,
  /**
   * Bytes of a piece in one datagram, a fifth of the smallest. IP cuts it up into 37 packets; it is one event for the program
   * that reads it, and events are what costs.
   */
  blockBytes: 52 * 1024,
  headerBytes: 32,
  /** Of these the tag is the last so many. */
  tagBytes: 8,
} as const;

const MAGIC = [0x4c, 0x53, 0x4d, 0x43];
const SESSION_AT = MAGIC.length;
const SESSION_BYTES = 8;
/** In place of a piece: nothing more comes. */
const END = 0xffffffff;

/** A block, or the end of all. */
export interface Block {
  /** Piece that it is part of; undefined when nothing more comes. */
  piece: number | undefined;
  /** Where in the piece it begins, bytes. */
  offset: number;
  /** Counts the blocks that were sent, from 0: a gap is a loss. */
  number: number;
}

/** Groups are chosen where an organisation may do as it likes, RFC 2365: nothing else is joined, whoever says so. */
export const MULTICAST_GROUP =
  /^239\.255\.(?:[0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])\.(?:[0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])$/;

/** The port that a block goes to. */
export function portOfBlock(number: number): number {
  return MULTICAST.firstPort + number % MULTICAST.ports;
}

/**
 * Writes a header into a datagram whose block is there, or will be.
 *
 * @param session which broadcast it belongs to, 8 bytes.
 * @example
 * ```ts
 * import { decodeBlock, MULTICAST, writeBlockHeader } from "./multicast.ts";
 * const datagram = new Uint8Array(MULTICAST.headerBytes + 3);
 * const session = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
 * writeBlockHeader(datagram, session, { piece: 7, offset: 0, number: 5 });
 * if (decodeBlock(datagram, session)?.piece !== 7) throw new Error("unexpected");
 * ```
 */
export function writeBlockHeader(
  datagram: Bytes,
  session: Uint8Array,
  { piece, offset, number }: Block,
): void {
  datagram.set(MAGIC);
  datagram.set(session.subarray(0, SESSION_BYTES), SESSION_AT);
  const view = new DataView(datagram.buffer, datagram.byteOffset);
  view.setUint32(12, piece ?? END);
  view.setUint32(16, offset);
  view.setUint32(20, number);
}

/**
 * What a tag vouches for, 16 bytes: "LSMC", whatever stands there, piece, offset, number. The session needs no proof: each
 * broadcast has a key of its own.
 */
export function taggedPart(datagram: Uint8Array): Uint8Array {
  const part = new Uint8Array(16);
  part.set(MAGIC);
  part.set(
    datagram.subarray(SESSION_AT + SESSION_BYTES, MULTICAST.headerBytes - MULTICAST.tagBytes),
    SESSION_AT,
  );
  return part;
}

/** The place of the tag. */
export function tagOf(datagram: Uint8Array): Uint8Array {
  return datagram.subarray(MULTICAST.headerBytes - MULTICAST.tagBytes, MULTICAST.headerBytes);
}

/**
 * Reads a header.
 *
 * @param session only blocks of this broadcast count.
 * @returns undefined for what is none.
 */
export function decodeBlock(datagram: Uint8Array, session: Uint8Array): Block | undefined {
  if (datagram.length < MULTICAST.headerBytes) return undefined;
  for (let i = 0; i < MAGIC.length; i++) if (datagram[i] !== MAGIC[i]) return undefined;
  for (let i = 0; i < SESSION_BYTES; i++) if (datagram[SESSION_AT + i] !== session[i]) return undefined;
  const view = new DataView(datagram.buffer, datagram.byteOffset);
  const piece = view.getUint32(12);
  return { piece: piece === END ? undefined : piece, offset: view.getUint32(16), number: view.getUint32(20) };
}
