/** What a member keeps in its data folder: its key, what the authority says of it, and the authority itself. */

import * as v from "../deps/valibot.ts";
import { card } from "../protocol/messages.ts";

/** Name of the file in the data folder of each member. */
export const MEMBERSHIP_FILE = "membership.json";

const pemText = v.pipe(v.string(), v.maxLength(4_000));

/** As it's kept; all of it plain data, so that it can be handed to a worker. */
export const credentialsSchema = v.object({
  /** The authority's certificate, PEM: whom this PC trusts, and nobody else. */
  authority: pemText,
  /** The authority's public key, SPKI in base64: the one in its certificate. */
  authorityKey: v.string(),
  /** Our own certificate, PEM. */
  certificate: pemText,
  /** Our private key, PEM. The one secret in here. */
  key: pemText,
  card,
  /** Ids of members who are members no longer, as last heard. */
  revoked: v.array(v.string()),
});

/** What a member keeps. */
export type Credentials = v.InferOutput<typeof credentialsSchema>;
