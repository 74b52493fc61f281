/** Messages with which doctors find out what is wrong: a part of the table in `messages.ts`. */

import { LIMITS } from "../base/limits.ts";
import * as v from "../deps/valibot.ts";
import { count, holder, port, span, text } from "./fields.ts";

const SMALL = LIMITS.smallMessage;

/** Bytes that are asked for to see how fast they come. */
const probeBytes = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(LIMITS.probe));

/** Number, cap and schema of each. */
export const DOCTOR = {
  Reach: {
    type: 0x50,
    cap: SMALL,
    schema: v.object({
      /** The asker's own: to be dialled, at the address that it's seen at. */
      port: v.optional(port),
      /** From the registration server alone: to be dialled, and asked for bytes. */
      to: v.optional(holder),
      /** To be asked for, of whoever is dialled. */
      bytes: v.optional(probeBytes),
    }),
  },
  Reached: {
    type: 0x51,
    cap: SMALL,
    schema: v.object({
      /** What time it is there, ISO 8601 UTC. */
      time: text(32),
      /** How long dialling and greeting took, milliseconds. */
      ms: v.optional(span),
      bytes: v.optional(count),
      seconds: v.optional(span),
      /** Why it could not be reached. */
      code: v.optional(text(32)),
      reason: v.optional(text(500)),
    }),
  },
  Probe: { type: 0x52, cap: SMALL, schema: v.object({ bytes: probeBytes }) },
} as const;
