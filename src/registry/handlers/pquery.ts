/**
 * PQuery: which peers are there. Needs no registration; pages are in the order of names. Who has the list already asks
 * for what has changed, so that watching a campus costs what happens there, not its size.
 */

import { LIMITS } from "../../base/limits.ts";
import type { MessageOf, WirePeer } from "../../protocol/messages.ts";
import { toldOf, toWire } from "../members.ts";
import { isClassicOnly, type PeerRecord } from "../rules.ts";
import { addressOf, askerOf, type Caller, counted, type Handle, type Registry } from "../state.ts";

type Asked = MessageOf<"PQuery">;
type Peers = MessageOf<"Peers">;

/** Answers a PQuery; the asker's own cookie renews its TTL, and leaves it out. */
export const pquery: Handle<"PQuery"> = (registry, message, caller) => {
  const { members } = registry;
  const own = members.byCookie(message.cookie ?? caller.cookie ?? "");
  const isIts = own &&
    (own.cookie === caller.cookie || (caller.cookie === undefined && caller.role === "tool"));
  if (isIts) members.renew(own.cookie, registry.now());
  const leftOut = message.cookie === undefined ? undefined : own?.name;
  const since = message.since === undefined ? undefined : readVersion(registry, message.since);
  const page = new Page(registry, caller, leftOut, since !== undefined);
  const reply = since === undefined
    ? listed(registry, message, page)
    : changed(registry, message, since, page);
  const line = () => {
    const active = members.active - (message.cookie !== undefined && own?.active ? 1 : 0);
    const known = message.all ? `, ${counted(members.size, "record")}` : "";
    const news = reply.changes ? `, ${counted(reply.peers.length, "change")}` : "";
    return `${askerOf(own, caller)}: ${counted(active, "active peer")}${known}${news}`;
  };
  return { reply, line };
};

/** Collects records up to what a message may carry. */
class Page {
  readonly peers: WirePeer[] = [];
  #bytes = 0;
  #now;

  /** @param isNews what has changed: others will be told the same in a moment. */
  constructor(
    private registry: Registry,
    private caller: Caller,
    private leftOut: string | undefined,
    private isNews: boolean,
  ) {
    this.#now = registry.now();
  }

  /** False when it's full, and the record isn't in it. */
  add(record: PeerRecord): boolean {
    if (record.name === this.leftOut) return true;
    const address = addressOf(record, this.caller);
    // A character is 3 bytes at most, or 6 as an escape of JSON; the rest of a record is never longer than this.
    this.#bytes += 300 + 6 * (record.name.length + record.host.length + address.length);
    if (
      this.peers.length > 0 && (this.#bytes > LIMITS.listMessage || this.peers.length >= LIMITS.pagePeers)
    ) {
      return false;
    }
    const write = this.isNews ? toldOf : toWire;
    this.peers.push(write(record, address, this.#now, this.registry.secured ? record.cookie : undefined));
    return true;
  }
}

function listed(registry: Registry, asked: Asked, page: Page): Peers {
  const { all = false, classic = false, after } = asked;
  const reply: Peers = {
    kind: "Peers",
    peers: page.peers,
    version: writeVersion(registry, registry.members.version),
  };
  for (const record of registry.members.list({ all, classic, ...(after === undefined ? {} : { after }) })) {
    if (!page.add(record)) return { ...reply, next: page.peers.at(-1)!.name };
  }
  return reply;
}

function changed(registry: Registry, asked: Asked, since: number, page: Page): Peers {
  const reply: Peers = { kind: "Peers", peers: page.peers, changes: true };
  let version = since;
  for (const change of registry.members.changes(since)) {
    if (asked.classic || !isClassicOnly(change.record)) {
      if (!page.add(change.record)) return { ...reply, version: writeVersion(registry, version), more: true };
    }
    version = change.version;
  }
  return { ...reply, version: writeVersion(registry, registry.members.version) };
}

function writeVersion({ epoch }: Registry, version: number): string {
  return `${epoch}.${version}`;
}

/** Undefined for a version of another run of the server: whoever has it has to begin anew. */
function readVersion({ epoch, members }: Registry, text: string): number | undefined {
  const [run, number] = text.split(".");
  const version = Number(number);
  return run === epoch && Number.isSafeInteger(version) && version >= 0 && version <= members.version
    ? version
    : undefined;
}
