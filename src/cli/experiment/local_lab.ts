/**
 * A lab in this process, for an experiment without PCs: a registration server and peers that are what `peer serve` runs,
 * each with a rate limit, below one folder that is removed at the end. Everything goes over loopback.
 */

import { join } from "@std/path";
import type { HostPort } from "../../base/units.ts";
import type { PeerContext } from "../../peer/context.ts";
import { PeerServe } from "../../peer/serve/serve.ts";
import { MemoryStore } from "../../registry/memory_store.ts";
import { type RegistryServer, startRegistry } from "../../registry/server.ts";

/** What is wanted. */
export interface LocalLabOptions {
  context: PeerContext;
  /** Absolute path of a folder of its own. */
  folder: string;
  /** Peers, named pc1, pc2, ... */
  count: number;
  /** What each peer sends at most, bytes per second. */
  rate: number;
}

/** Seconds for which a registration holds: longer than any experiment. */
const TTL = 86_400;
/** Nobody changes these shares but the peers themselves, which see to their own index; milliseconds. */
const INDEX_INTERVAL = 86_400_000;
const HOST = "127.0.0.1";

/** A lab that runs. */
export class LocalLab implements AsyncDisposable {
  #server: RegistryServer | undefined;
  #peers: PeerServe[] = [];

  private constructor() {}

  /**
   * Starts it; all peers are registered then.
   *
   * @throws {LabError} when a folder or a port can't be had.
   */
  static async start(options: LocalLabOptions): Promise<LocalLab> {
    const lab = new LocalLab();
    try {
      await lab.#start(options);
      return lab;
    } catch (cause) {
      await lab[Symbol.asyncDispose]();
      throw cause;
    }
  }

  /** Where its registration server is. */
  get rs(): HostPort {
    return this.#server!.address;
  }

  async #start({ context, folder, count, rate }: LocalLabOptions): Promise<void> {
    this.#server = await startRegistry({
      ...{ ...context, security: undefined, host: HOST, port: 0 },
      data: { store: new MemoryStore() },
      ttlSeconds: TTL,
    });
    const rs = this.rs;
    for (let i = 1; i <= count; i++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const name = `pc${i}`;
      const peer = await PeerServe.start({
        ...{ context: { ...context, security: undefined }, rs, name, hostName: name, host: HOST, port: 0 },
        share: join(folder, name, "share"),
        data: join(folder, name, "data"),
        indexInterval: INDEX_INTERVAL,
        rate,
        acceptOpenBroadcasts: true,
        event: ({ event }) => event === "registered" && resolve(),
      });
      this.#peers.push(peer);
      await Promise.race([promise, peer.done]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.#peers) await peer.close();
    await this.#server?.close();
  }
}
