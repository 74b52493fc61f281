/** Lets `rs serve` be found on the network. A server that can't be serves all the same. */

import { toHex } from "../../base/bytes.ts";
import { messageOf } from "../../base/errors.ts";
import type { HostPort } from "../../base/units.ts";
import { FINGERPRINT_BYTES } from "../../join/code.ts";
import { fromPem } from "../../join/keys.ts";
import { fingerprintOf } from "../../join/request.ts";
import { isIpv4 } from "../../protocol/discovery/addresses.ts";
import { isLoopback } from "../../registry/address.ts";
import type { CommandContext } from "../context.ts";
import { hostName } from "./setting.ts";

/** Ids of labs in bytes: a secured one's is the fingerprint that its join codes carry. */
const ID_BYTES = FINGERPRINT_BYTES;

/**
 * Announces the server.
 *
 * @param at where it listens.
 * @param authority the certificate of a secured lab's authority, PEM.
 * @returns what takes the announcement back; undefined where nobody can be told.
 */
export async function announceLab(
  { clock, log, random }: Pick<CommandContext, "clock" | "log" | "random">,
  at: HostPort,
  authority: string | undefined,
): Promise<{ close(): Promise<void> } | undefined> {
  const isAny = at.host === "0.0.0.0" || at.host === "::";
  if (isLoopback(at.host) || (!isAny && !isIpv4(at.host))) return undefined;
  const id = authority === undefined
    ? random.id(ID_BYTES)
    : toHex(await fingerprintOf(fromPem(authority), ID_BYTES));
  const mode = authority === undefined ? "open" : "secured";
  try {
    const [{ Announcer }, { systemDatagrams }] = await Promise.all([
      import("../../transport/discovery/announce.ts"),
      import("../../transport/discovery/datagrams.ts"),
    ]);
    return await Announcer.start({
      ...{ lab: { id, name: hostName(), mode, port: at.port }, only: isAny ? undefined : at.host },
      ...{ datagrams: systemDatagrams, clock, log },
    });
  } catch (cause) {
    log.warn(`Peers can't find this server by themselves, and need --rs: ${messageOf(cause)}`);
    return undefined;
  }
}
