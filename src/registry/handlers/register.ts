/** Register: a peer joins, or comes back with its cookie. */

import { LabError } from "../../base/errors.ts";
import { TIMEOUTS } from "../../base/limits.ts";
import { formatHostPort } from "../../base/units.ts";
import { peerNameFault, printable } from "../../catalog/names.ts";
import { normalAddress } from "../address.ts";
import type { Registration } from "../members.ts";
import type { Handle, Registry } from "../state.ts";

/** Bytes of a cookie: nobody guesses 128 bits. */
const COOKIE_BYTES = 16;

/**
 * Answers a Register.
 *
 * @throws {LabError} "name_refused"; "failed" when the connection has a registration; "busy" when there's no room.
 */
export const register: Handle<"Register"> = async (registry, message, caller) => {
  const { members } = registry;
  const current = caller.cookie === undefined ? undefined : members.byCookie(caller.cookie);
  // A registration may be renewed on its own connection: the peer's port has changed, say.
  if (current && current.cookie !== message.cookie) {
    throw new LabError("failed", `Cannot register twice: this connection is ${current.name}'s; leave first`);
  }
  // In a secured lab name and cookie are those of the card, whatever it says.
  const { member } = caller;
  const name = member?.name ?? message.name;
  const fault = peerNameFault(name);
  if (fault) {
    throw new LabError("name_refused", `Cannot register the name "${printable(name, 80)}": ${fault}`);
  }
  const claim = {
    name,
    host: printable(message.host, 255),
    address: normalAddress(caller.remote.host),
    port: message.port,
    ...(message.classic === undefined ? {} : { classic: message.classic }),
  };
  const shown = member?.id ?? message.cookie;
  const known = shown !== undefined && members.byCookie(shown) !== undefined;
  const fresh = member?.id ?? (known ? shown : freshCookie(registry));
  const registration = members.register(claim, shown, fresh, registry.now());
  await keep(registry, registration);
  const { record, cameBack } = registration;
  const ttl = Math.floor(members.ttl / 1000);
  return {
    reply: {
      kind: "Registered",
      peer: record.name,
      cookie: record.cookie,
      ttl,
      keepAlive: Math.max(1, Math.min(TIMEOUTS.keepAlive / 1000, Math.floor(ttl / 3))),
      address: record.address,
    },
    line: () => lineOf(registration, message.name),
    effect: { kind: "bind", record, cameBack },
  };
};

/** One that nobody has: chance alone makes it so, unless it's seeded and starts anew after a restart. */
export function freshCookie({ members, random }: Registry): string {
  let cookie = random.id(COOKIE_BYTES);
  while (members.byCookie(cookie)) cookie = random.id(COOKIE_BYTES);
  return cookie;
}

async function keep(
  { members, holdings, store }: Registry,
  { record, forgotten }: Registration,
): Promise<void> {
  try {
    if (forgotten !== undefined) {
      holdings.forget(forgotten);
    }
    await Promise.all([
      forgotten === undefined ? undefined : store.forgetPeer(forgotten),
      store.savePeers([record]),
    ]);
  } catch (thrown) {
    // It will never learn its cookie: it must not count as active.
    members.leave(record.cookie);
    throw thrown;
  }
}

function lineOf({ record, cameBack }: Registration, wanted: string): string {
  const renamed = record.name === wanted ? "" : `; it asked for ${printable(wanted, 80)}`;
  const seen = formatHostPort({ host: record.address, port: record.port });
  return `${record.name} (${seen}) ${cameBack ? "came back" : "joined"}, cookie ${
    record.cookie.slice(0, 2)
  }..${renamed}`;
}
