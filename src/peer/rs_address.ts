/** Where the registration server is, and the others that know the same: whoever can't reach one asks the next. Pure. */

import { formatHostPort, type HostPort, parseHostPort } from "../base/units.ts";

/** A registration server with those that share its registry. */
export interface RsAddress extends HostPort {
  others?: readonly HostPort[] | undefined;
}

/** As many as a peer remembers. */
const OTHERS_MAX = 16;
/** The port of a registration server that names none. */
const PORT = 23475;

/** All of them, the one to ask first in front. */
export function allOf({ host, port, others = [] }: RsAddress): HostPort[] {
  return [{ host, port }, ...others];
}

/**
 * The registration servers as one address.
 *
 * @param texts HOST:PORT as a server told or a file kept them; what can't be read is left out, and what comes twice.
 */
export function withOthers({ host, port }: HostPort, texts: readonly string[]): RsAddress {
  const seen = new Set([formatHostPort({ host, port })]);
  const others: HostPort[] = [];
  for (const text of texts) {
    const other = readHostPort(text);
    if (!other || seen.has(formatHostPort(other)) || others.length === OTHERS_MAX) continue;
    seen.add(formatHostPort(other));
    others.push(other);
  }
  return others.length === 0 ? { host, port } : { host, port, others };
}

/**
 * The registration servers when a person names one: where it is of those that are remembered, the others of these too, for
 * it may be gone.
 *
 * @param kept what this PC remembers of registration servers; another lab's aren't asked.
 */
export function namedAmong(
  named: HostPort,
  kept: { rs?: string | undefined; servers?: readonly string[] | undefined; named?: string | undefined },
): RsAddress {
  const servers = [...kept.rs === undefined ? [] : [kept.rs], ...kept.servers ?? []];
  return [kept.named, ...servers].includes(formatHostPort(named)) ? withOthers(named, servers) : named;
}

/** Which one of their lab a person named before; undefined where these are not the remembered ones, but another lab's. */
export function namedBefore(
  rs: HostPort,
  { rs: last, servers = [], named }: Parameters<typeof namedAmong>[1],
): string | undefined {
  const at = formatHostPort(rs);
  return at === last || servers.includes(at) ? named : undefined;
}

/** Another of them to be asked first; the one that was goes to the end. */
export function nextOf(rs: RsAddress): RsAddress {
  const [first, next, ...rest] = allOf(rs);
  return next ? { ...next, others: [...rest, first!] } : rs;
}

/** The others as they are kept. */
export function textsOf({ others = [] }: RsAddress): string[] {
  return others.map(formatHostPort);
}

function readHostPort(text: string): HostPort | undefined {
  try {
    return parseHostPort(text, PORT);
  } catch {
    return undefined;
  }
}
