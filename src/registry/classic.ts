/**
 * What the registration server answers the course's own programs: they register, keep alive, list, leave, and ask who has
 * a file. They get records like all peers, with name, cookie and TTL, but are never stored: they have no connection by
 * which they could come back after a restart.
 *
 * Rules: such a client is known by its cookie, or by the address that it asks from and the port that it names; only
 * records of such clients can be touched from here. They are told of each other, and of peers that answer them.
 */

import { LabError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Logger } from "../base/log.ts";
import { formatHostPort } from "../base/units.ts";
import { cleanPeerName, printable } from "../catalog/names.ts";
import { findRfc, listFiles } from "../catalog/rfc.ts";
import type { ClassicAnswer, ClassicPeer } from "../protocol/classic/answer.ts";
import type { ClassicAsk, ClassicFile } from "../protocol/classic/request.ts";
import type { MessageOf } from "../protocol/messages.ts";
import type { ClassicEnds } from "../transport/classic.ts";
import { addressFor, normalAddress } from "./address.ts";
import { freshCookie } from "./handlers/register.ts";
import { REASONS } from "./session.ts";
import { queryPage } from "./holdings_query.ts";
import { isClassicOnly, type PeerRecord, ttlLeft } from "./rules.ts";
import { counted, type Registry } from "./state.ts";

/** Pages of the index that one question may cost, 20 ms each: a million names. What lies beyond isn't told. */
const MOST_PAGES = 20;

type AboutPeer = Extract<ClassicAsk, { kind: "register" | "keepAlive" | "peers" | "leave" }>;

/** A file that somebody has whom these programs can ask. */
interface Held {
  name: string;
  title: string;
  size: number;
  address: string;
  port: number;
  host: string;
}

/** Answers the course's own programs. */
export class ClassicDesk {
  /** Cookies by address and port. */
  #places = new Map<string, string>();

  constructor(private registry: Registry, private log: Logger) {}

  /**
   * Answers one request.
   *
   * @throws {LabError} "not_found" for who isn't registered and what nobody has; "busy"; "usage".
   */
  async answer(ask: ClassicAsk, ends: ClassicEnds): Promise<ClassicAnswer> {
    switch (ask.kind) {
      case "register":
        return await this.#register(ask, ends);
      case "keepAlive": {
        const { name, cookie } = this.#demand(ask, ends);
        const now = this.registry.now();
        const ttl = ttlLeft(this.registry.members.renew(cookie, now)!, now);
        this.#say("KeepAlive", `${name}, ${ttl} s`);
        return { kind: "alive", ttl };
      }
      case "peers":
        return this.#peers(ask, ends);
      case "leave":
        return this.#leave(ask, ends);
      case "index":
        return this.#index(ends);
      case "file":
        return this.#whoHas(ask.file, ends);
      case "wrong":
        throw new LabError("usage", ask.reason);
    }
  }

  async #register(ask: AboutPeer, ends: ClassicEnds): Promise<ClassicAnswer> {
    const { members, holdings, store } = this.registry;
    const address = normalAddress(ends.remote.host);
    const port = ask.port!;
    const known = this.#find(ask, ends);
    if (!known) this.#demandRoom(address);
    const name = cleanPeerName(ask.host === "" ? "classic" : ask.host);
    const claim = { name, host: printable(ask.host, 255), address, port, classic: port };
    const fresh = freshCookie(this.registry);
    const { record, cameBack, forgotten, displaced } = members.register(
      claim,
      known?.cookie,
      fresh,
      this.registry.now(),
    );
    if (known) this.#places.delete(`${known.address} ${known.port}`);
    this.#places.set(`${address} ${port}`, record.cookie);
    if (forgotten !== undefined) {
      holdings.forget(forgotten);
      await store.forgetPeer(forgotten);
    }
    if (displaced.length > 0) await store.savePeers(displaced);
    for (const gone of displaced) this.#say("Inactive", `${gone.name}: ${REASONS.displaced.logged}`);
    const seen = formatHostPort({ host: address, port });
    this.#say("Register", `${record.name} (${seen}) ${cameBack ? "came back" : "joined"}`);
    return { kind: "registered", cookie: record.cookie, ttl: Math.floor(members.ttl / 1000) };
  }

  /** One PC may not push the whole lab out of the table. */
  #demandRoom(address: string): void {
    const { members } = this.registry;
    let here = 0;
    for (const [place, cookie] of this.#places) {
      if (!members.byCookie(cookie)) this.#places.delete(place);
      else if (place.startsWith(`${address} `) && members.byCookie(cookie)!.active) here++;
    }
    if (here < LIMITS.classicPerAddress) return;
    throw new LabError("busy", `${here} programs are registered from ${address}: that is the limit`);
  }

  #peers(ask: AboutPeer, ends: ClassicEnds): ClassicAnswer {
    const { members } = this.registry;
    const own = this.#find(ask, ends);
    if (own?.active) members.renew(own.cookie, this.registry.now());
    const peers: ClassicPeer[] = [];
    for (const record of members.list({ classic: true })) {
      const peer = record.cookie === own?.cookie ? undefined : toldOf(record, ends);
      if (peer && peers.push(peer) >= LIMITS.classicRows) break;
    }
    this.#say(
      "PQuery",
      `${own?.name ?? formatHostPort(ends.remote)}: ${counted(peers.length, "active peer")}`,
    );
    return { kind: "peers", peers };
  }

  #leave(ask: AboutPeer, ends: ClassicEnds): ClassicAnswer {
    const { name, cookie, address, port } = this.#demand(ask, ends);
    this.registry.members.leave(cookie);
    this.#places.delete(`${address} ${port}`);
    this.#say("Leave", name);
    return { kind: "left" };
  }

  #index(ends: ClassicEnds): ClassicAnswer {
    const rows = this.#held({}, ends);
    const names = [...new Set(rows.map(({ name }) => name))];
    this.#say("RFCQuery", `${formatHostPort(ends.remote)}: ${counted(names.length, "file")}`);
    return { kind: "index", names, csv: listFiles(rows) };
  }

  #whoHas(file: ClassicFile, ends: ClassicEnds): ClassicAnswer {
    const rows = "rfc" in file
      ? this.#held({ query: String(file.rfc) }, ends)
      : this.#held({ patterns: [file.name] }, ends);
    const found = "rfc" in file ? findRfc(rows, file.rfc) : rows.find(({ name }) => name === file.name);
    if (!found) throw new LabError("not_found", "File Not Found");
    return { kind: "elsewhere", peer: found };
  }

  /** Files of active peers that these programs can ask, one row for each holder. */
  #held(asked: { patterns?: string[]; query?: string }, ends: ClassicEnds): Held[] {
    const { members, holdings } = this.registry;
    const rows: Held[] = [];
    const told: ClassicPeer[] = [];
    const holderOf = (cookie: string) => {
      const record = members.byCookie(cookie);
      const peer = record?.active ? toldOf(record, ends) : undefined;
      return peer && { name: String(told.push(peer) - 1), address: peer.address, port: peer.port };
    };
    const now = () => this.registry.now().mono;
    let after: string | undefined;
    let pages = 0;
    do {
      const page: MessageOf<"RFCIndex"> = queryPage(holdings, { ...asked, after }, holderOf, now);
      for (const { name, title, size, holders } of page.rows) {
        for (const place of holders) {
          rows.push({ name, title, size, ...told[Number(page.holders[place]!.name)]! });
        }
      }
      after = page.next;
    } while (after !== undefined && rows.length < LIMITS.classicRows && ++pages < MOST_PAGES);
    return rows.slice(0, LIMITS.classicRows);
  }

  #find({ port, cookie }: AboutPeer, ends: ClassicEnds): PeerRecord | undefined {
    const { members } = this.registry;
    const own = cookie ?? this.#places.get(`${normalAddress(ends.remote.host)} ${port}`);
    const record = own === undefined ? undefined : members.byCookie(own);
    return record && isClassicOnly(record) ? record : undefined;
  }

  #demand(ask: AboutPeer, ends: ClassicEnds): PeerRecord {
    const record = this.#find(ask, ends);
    if (record?.active) return record;
    throw new LabError("not_found", "Not Registered");
  }

  #say(verb: string, line: string): void {
    this.log.info(`${verb.padEnd(9)} ${line} (classic)`, { message: verb });
  }
}

/** How a classic client asks a peer; undefined when it can't. */
function toldOf(record: PeerRecord, { remote, local }: ClassicEnds): ClassicPeer | undefined {
  if (record.classic === undefined) return undefined;
  const address = addressFor(record.address, { remote: remote.host, local: local.host });
  return { host: record.host, address, port: record.classic };
}
