/** The fields of which messages are made. */

import * as v from "../deps/valibot.ts";

export const text = (max: number) => v.pipe(v.string(), v.maxLength(max));
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** A length of time, in the unit that the field says; JSON can write numbers that are infinite when they're read. */
export const span = v.pipe(v.number(), v.finite(), v.minValue(0));
export const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535));
export const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
export const name = text(1024);
export const peerName = text(64);
export const address = text(255);
export const cookie = text(64);
export const list = <S extends v.GenericSchema>(item: S, max: number) =>
  v.pipe(v.array(item), v.maxLength(max));

/** HOST:PORT of other registration servers of this lab, which know the same. */
export const servers = v.optional(list(address, 16));

/** Made from a member's public key; only in a secured lab. */
export const memberId = text(32);

export const holder = v.object({ name: peerName, address, port, id: v.optional(memberId) });
