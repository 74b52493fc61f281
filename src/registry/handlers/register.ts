/** Register: a peer joins, or comes back with its cookie. */

import { LabError } from "../../base/errors.ts";
import { formatHostPort } from "../../base/units.ts";
import { peerNameFault, printable } from "../../catalog/names.ts";
import { normalAddress } from "../address.ts";
import type { Registration } from "../members.ts";
import type { Claim, PeerRecord } from "../rules.ts";
import { NameTaken } from "../store.ts";
import type { Handle, Registry } from "../state.ts";
import { keepAliveOf } from "./own.ts";

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
  const registration = await settle(registry, claim, {
    shown: member?.id ?? message.cookie,
    own: member?.id,
  });
  const { record, cameBack } = registration;
  const ttl = Math.floor(members.ttl / 1000);
  return {
    reply: {
      kind: "Registered",
      peer: record.name,
      cookie: record.cookie,
      ttl,
      keepAlive: keepAliveOf(registry),
      address: record.address,
      ...(registry.sharing?.servers(caller) ?? {}),
    },
    line: () => lineOf(registration, message.name),
    effect: { kind: "bind", record, cameBack, displaced: registration.displaced },
  };
};

/** Names given away at the same moment elsewhere: more than twenty times in a row is no chance. */
const TRIES = 20;

/** Registers, and has it kept. Where servers share the registry, another may give the name away first: then the next one. */
async function settle(
  registry: Registry,
  claim: Claim & { name: string },
  { shown, own }: { shown: string | undefined; own: string | undefined },
): Promise<Registration> {
  const { members, store } = registry;
  // It may have registered at another server a moment ago.
  if (shown !== undefined && store.shared && !members.byCookie(shown)) await store.shared.catchUp();
  const displaced: PeerRecord[] = [];
  for (let tries = 1;; tries++) {
    const known = shown !== undefined && members.byCookie(shown) !== undefined;
    const fresh = own ?? (known ? shown : freshCookie(registry));
    const registration = members.register(claim, shown, fresh, registry.now());
    displaced.push(...registration.displaced);
    try {
      await keep(registry, { ...registration, displaced }, claim.name);
      return { ...registration, displaced };
    } catch (thrown) {
      if (!(thrown instanceof NameTaken)) throw thrown;
      members.forget(registration.record.cookie);
      if (tries === TRIES) throw thrown;
    }
  }
}

/** One that nobody has: chance alone makes it so, unless it's seeded and starts anew after a restart. */
export function freshCookie({ members, random }: Registry): string {
  let cookie = random.id(COOKIE_BYTES);
  while (members.byCookie(cookie)) cookie = random.id(COOKIE_BYTES);
  return cookie;
}

async function keep(
  { members, holdings, store }: Registry,
  { record, cameBack, forgotten, displaced }: Registration,
  wanted: string,
): Promise<void> {
  try {
    if (forgotten !== undefined) {
      holdings.forget(forgotten);
    }
    await Promise.all([
      forgotten === undefined ? undefined : store.forgetPeer(forgotten),
      store.savePeers([record]),
      displaced.length === 0 ? undefined : store.savePeers(displaced),
    ]);
  } catch (thrown) {
    // It will never learn its cookie: it must not count as active.
    if (cameBack) members.leave(record.cookie);
    else if (!(thrown instanceof NameTaken)) members.undo(record.cookie, wanted);
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
