/** KeepAlive: a peer says that it's there, and gets its whole TTL again. */

import type { Handle } from "../state.ts";
import { ttlLeft } from "../rules.ts";
import { demandOwn, keepAliveOf } from "./own.ts";

/**
 * Answers a KeepAlive.
 *
 * @throws {LabError} "unknown_cookie" unless it shows the cookie of its connection's registration.
 */
export const keepAlive: Handle<"KeepAlive"> = (registry, message, caller) => {
  const now = registry.now();
  const { cookie } = demandOwn(registry, message.cookie, caller);
  const record = registry.members.renew(cookie, now)!;
  const ttl = ttlLeft(record, now);
  const servers = registry.sharing?.servers(caller).servers;
  const others = servers ? { keepAlive: keepAliveOf(registry), servers } : {};
  const routine = servers ? { isRoutine: true as const } : {};
  return { reply: { kind: "Alive", ttl, ...others }, ...routine, line: () => `${record.name}, ${ttl} s` };
};
