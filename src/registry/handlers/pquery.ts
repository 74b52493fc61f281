/** PQuery: which peers are there. Needs no registration; pages are in the order of names. */

import { LIMITS } from "../../base/limits.ts";
import { utf8Length } from "../../catalog/names.ts";
import type { MessageOf, WirePeer } from "../../protocol/messages.ts";
import { toWire } from "../members.ts";
import { addressOf, askerOf, type Caller, counted, type Handle, type Registry } from "../state.ts";

/** Answers a PQuery; the asker's own cookie renews its TTL, and leaves it out. */
export const pquery: Handle<"PQuery"> = (registry, message, caller) => {
  const { members } = registry;
  const own = members.byCookie(message.cookie ?? caller.cookie ?? "");
  const isIts = own &&
    (own.cookie === caller.cookie || (caller.cookie === undefined && caller.role === "tool"));
  if (isIts) members.renew(own.cookie, registry.now());
  const reply = pageOf(registry, message, caller, message.cookie === undefined ? undefined : own?.name);
  const active = members.active - (message.cookie !== undefined && own?.active ? 1 : 0);
  const known = message.all ? `, ${counted(members.size, "record")}` : "";
  return { reply, line: `${askerOf(own, caller)}: ${counted(active, "active peer")}${known}` };
};

function pageOf(
  registry: Registry,
  { all = false, classic = false, after }: MessageOf<"PQuery">,
  caller: Caller,
  leftOut: string | undefined,
): MessageOf<"Peers"> {
  const now = registry.now();
  const peers: WirePeer[] = [];
  let bytes = 0;
  for (const record of registry.members.list({ all, classic, ...(after === undefined ? {} : { after }) })) {
    if (record.name === leftOut) continue;
    const peer = {
      ...toWire(record, addressOf(record, caller), now),
      ...(registry.secured ? { id: record.cookie } : {}),
    };
    bytes += utf8Length(JSON.stringify(peer)) + 1;
    if (peers.length > 0 && (bytes > LIMITS.pageBytes || peers.length >= LIMITS.pageRows)) {
      return { kind: "Peers", peers, next: peers.at(-1)!.name };
    }
    peers.push(peer);
  }
  return { kind: "Peers", peers };
}
