/** How a PC joins, for whoever starts `rs serve` or invites on its page. Pure. */

import { RS_PORT } from "./common_flags.ts";

/** How a server is found. */
export interface Findable {
  port: number;
  /** By itself. */
  discovery: boolean;
}

/**
 * What to type on a PC, and what to add where that doesn't find the server; the port only where a PC wouldn't assume it.
 *
 * @param server what stands for its address.
 */
export function joinLines(
  code: string,
  { port, discovery, server = "ADDRESS-OF-THE-SERVER" }: Findable & { server?: string },
): string[] {
  const rs = `--rs ${server}${port === RS_PORT ? "" : `:${port}`}`;
  const line = `peer serve --join ${code}`;
  return discovery ? [line, `Not found by itself? Add ${rs}.`] : [`${line} ${rs}`];
}

/** What `rs serve` says at its first start. */
export function howToJoin(code: string, at: Findable): string[] {
  const [line, ...more] = joinLines(code, { ...at, server: "ADDRESS-OF-THIS-PC" });
  return [`On each PC, once:  ${line}`, [...more, "Another code: rs invite"].join(" ")];
}
