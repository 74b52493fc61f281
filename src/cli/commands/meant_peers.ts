/**
 * Whom a person means by a list of names. A comma stands between two of them; but a peer may be called `Lab 2, PC 1`, and
 * shells differ in how quotes are passed on.
 */

import { isNamed } from "../../catalog/names.ts";
import { type PeerContext, toolIdentity } from "../../peer/context.ts";
import { connectRs, queryPeers } from "../../peer/rs_client.ts";
import type { RsAddress } from "../../peer/rs_address.ts";

/**
 * Puts names with commas together again: parts that are no names themselves, and together are one.
 *
 * @param said the parts, as they stood between commas.
 * @param known names of all peers.
 * @returns names; what nobody is called stays as it was said.
 * @example
 * ```ts
 * import { meantNames } from "./meant_peers.ts";
 * const [first] = meantNames(["Lab 2", "PC 1", "pc7"], ["Lab 2, PC 1", "pc7"]);
 * if (first !== "Lab 2, PC 1") throw new Error("it is one name");
 * ```
 */
export function meantNames(said: readonly string[], known: readonly string[]): string[] {
  // The longest first.
  const withCommas = known.filter((name) => name.includes(","))
    .sort((a, b) => partsOf(b).length - partsOf(a).length);
  const meant: string[] = [];
  for (let at = 0; at < said.length;) {
    const first = said[at]!;
    const name = known.some((each) => isNamed(each, first))
      ? undefined
      : withCommas.find((each) =>
        isNamed(partsOf(each).join(), said.slice(at, at + partsOf(each).length).join())
      );
    meant.push(name ?? first);
    at += name === undefined ? 1 : partsOf(name).length;
  }
  return meant;
}

function partsOf(name: string): string[] {
  return name.split(",").map((part) => part.trim()).filter((part) => part !== "");
}

/** The same among the peers that the registration server knows; it is asked only where commas are a question. */
export async function meantPeers(
  said: readonly string[],
  { rs, context, signal }: { rs: RsAddress; context: PeerContext; signal: AbortSignal },
): Promise<string[]> {
  if (said.length === 1) return [...said];
  const connection = await connectRs(rs, toolIdentity(context), context, { signal });
  try {
    const known = await queryPeers(connection, { all: true });
    return meantNames(said, known.map(({ name }) => name));
  } finally {
    connection.close();
  }
}
