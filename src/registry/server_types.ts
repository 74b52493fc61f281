/** What the registration server needs, what it can do, and what it tells. */

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { HostPort } from "../base/units.ts";
import type { Message, WireBroadcast, WireBroadcastPeer } from "../protocol/messages.ts";
import type { Connection, Handler } from "../transport/connection.ts";
import type { Admission, Security } from "../transport/security.ts";
import type { Watchdog } from "../transport/watchdog.ts";
import type { Broadcasts } from "./broadcasts.ts";
import type { History } from "./history.ts";
import type { Holdings } from "./holdings.ts";
import type { OwnFile } from "./local_share.ts";
import type { MembersView } from "./members.ts";
import type { PeerRecord } from "./rules.ts";
import type { Departure } from "./state.ts";
import type { Store } from "./store.ts";

/** Something happened to a member. */
export type RegistryEvent =
  | { kind: "registered"; record: PeerRecord; cameBack: boolean }
  | { kind: "inactive"; record: PeerRecord; why: Departure };

/** What the registration server needs. */
export interface RegistryOptions {
  /** Where to listen; port 0 takes a free one. */
  host: string;
  port: number;
  /** A second port, for the course's own programs; 0 takes a free one. Only where everybody may take part. */
  classic?: number;
  /** The data folder, made if missing, or a store; which is closed with the server. */
  data: { dir: string } | { store: Store };
  /** Time that a registration lasts without KeepAlive, seconds. */
  ttlSeconds: number;
  /** Program and version, for the handshake. */
  agent: string;
  /** How the server calls itself; "rs" unless told. */
  name?: string;
  clock: Clock;
  random: Random;
  log: Logger;
  watchdog: Watchdog;
  /** In a secured lab: the server's own membership, and who lets newcomers in. */
  security?: Security | undefined;
  admission?: Admission | undefined;
  /** Answers Offers: files sent to this server. */
  onOffer?: Handler;
  /** Answers whatever else is not the registry's business, like GetRFC. */
  onOther?: Handler;
  /** Is told who holds what from when until when; closed by whoever opened it. */
  history?: History | undefined;
  /** Answering a message is done within it, for tracing. */
  around?: ((kind: Message["kind"], work: () => Promise<void> | void) => Promise<void> | void) | undefined;
  /** Is told what happens to members; must not throw. */
  onEvent?: (event: RegistryEvent) => void;
  /** Where peers reach this server, for others that share the registry; where it listens unless told. */
  hosts?: readonly string[];
  /** Is told where the other servers are that share the registry, HOST:PORT; must not throw. */
  onServers?: (servers: readonly string[]) => void;
  /** Absolute path of this server's own share: what is broadcast out of it can be delivered from it. */
  share?: string;
  /** SHA-256 of a file below a folder, read on another thread; undefined when it can't be. For files of that share that have another time. */
  hashOwn?: (folder: string, name: string) => Promise<string | undefined>;
}

/** Numbers for status and metrics. */
export interface RegistryStats {
  /** Records, active or not. */
  peers: number;
  active: number;
  connections: number;
  /** Rows of all peers' indexes. */
  rows: number;
  /** Messages answered, by kind, errors included. */
  messages: Readonly<Record<string, number>>;
  /** Messages that were answered with an error. */
  errors: number;
  /** Broadcasts that are still to be delivered to who comes. */
  broadcasts: number;
  /** What the database takes on the disk, bytes; undefined where it isn't a file here. */
  storeBytes: number | undefined;
  /** Where several servers share the registry. */
  shared?: { isReachable: boolean; others: readonly string[] } | undefined;
}

/** A registration server that runs. */
export interface RegistryServer {
  readonly address: HostPort;
  /** The port for the course's own programs, where there is one. */
  readonly classicPort: number | undefined;
  readonly name: string;
  readonly members: MembersView;
  /** Who holds what, and the broadcasts: for looking only. */
  readonly holdings: Holdings;
  readonly broadcasts: Broadcasts;
  /** Why it can't be asked to keep anything: the registry can't be written, or is out of reach where several share one. */
  readonly unready: string | undefined;
  /** The broadcasts that are listed, the oldest first. */
  listBroadcasts(): WireBroadcast[];
  /** The PCs of a broadcast, and how it stands with each. */
  listPcs(id: string): WireBroadcastPeer[];
  stats(): RegistryStats;
  /** The name of the peer that is registered on a connection. */
  peerOn(connection: Connection): string | undefined;
  /** The connection on which the peer with this cookie is registered. */
  connectionOf(cookie: string): Connection | undefined;
  /**
   * Takes over the delivery of a broadcast whose files lie in the server's own share.
   *
   * @param paths absolute, as they were broadcast.
   * @throws {LabError} when they don't.
   */
  adopt(id: string, paths: readonly string[]): Promise<void>;
  /** A file of a broadcast that was taken over. */
  ownFile(sha256: string, name: string): OwnFile | undefined;
  /**
   * Writes a consistent copy of the database, of all that was answered so far. Nothing is answered meanwhile.
   *
   * @param path of a file that isn't there yet.
   * @throws {LabError} "unsupported" when the database isn't a file of this server's.
   */
  copyStore(path: string): Promise<void>;
  /** Stops; members stay as they are. */
  close(): Promise<void>;
}
