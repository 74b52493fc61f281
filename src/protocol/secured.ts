/** Names in a secured lab, as they stand in certificates and proofs. */

/**
 * The zone of all names in certificates. Top-level `.internal` is set aside for private use (ICANN, 2024): no public
 * authority, which the runtime trusts besides the lab's own, may certify a name in it.
 */
export const ZONE = "labswarm.internal";

/** How the registration server is called, beside its own id. */
export const RS_NAME = "rs";
