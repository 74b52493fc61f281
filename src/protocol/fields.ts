/** The fields of which messages are made. */

import * as v from "../deps/valibot.ts";

/** Text of at most so many UTF-16 code units. */
export const text = (max: number) => v.pipe(v.string(), v.maxLength(max));
/** A number of bytes or of things: a whole one that JSON carries without loss. */
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** A length of time, in the unit that the field says; JSON can write numbers that are infinite when they're read. */
export const span = v.pipe(v.number(), v.finite(), v.minValue(0));
/** A TCP port that can be dialled. */
export const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535));
/** A SHA-256, in 64 lower-case hexadecimal digits. */
export const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
/** Name of a file below a share, with `/`; what it may hold is judged where it is used (catalog/names.ts). */
export const name = text(1024);
/** Name of a peer. */
export const peerName = text(64);
/** A host name or an IP address. */
export const address = text(255);
/** What a peer shows when it comes back, to be given its record. */
export const cookie = text(64);
/** A list of at most so many. */
export const list = <S extends v.GenericSchema>(item: S, max: number) =>
  v.pipe(v.array(item), v.maxLength(max));

/** HOST:PORT of other registration servers of this lab, which know the same. */
export const servers = v.optional(list(address, 16));

/** Made from a member's public key; only in a secured lab. */
export const memberId = text(32);

/** Somebody from whom pieces can be had. */
export const holder = v.object({ name: peerName, address, port, id: v.optional(memberId) });
