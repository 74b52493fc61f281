/**
 * The receive workers of one destination folder: starts them with narrowed permissions, passes orders on, hands their
 * news to whoever runs the fetch.
 */

import { codeOf, LabError, messageOf } from "../../base/errors.ts";
import { TIMEOUTS } from "../../base/limits.ts";
import type { LabSecurity } from "../../join/lab_security.ts";
import { placeOf } from "../../storage/place.ts";
import type { Identity } from "../../transport/handshake.ts";
import type { ReceiveNews, ReceiveOrder } from "../receive_protocol.ts";

/** More than four receivers don't make one PC faster: the disk or the network is full by then. */
const MOST_WORKERS = 4;

/** Workers that receive into one folder. */
export class WorkerPool {
  #workers: Worker[] = [];
  #hashing = new Map<string, (sha256: string | undefined) => void>();
  #fault: ReceiveNews | undefined;
  #listener: (news: ReceiveNews, worker: number) => void = () => {};
  #stopHearing: (() => void) | undefined;

  /**
   * @param options.folder absolute path of the folder that they write to.
   * @param options.count how many; as many as there are cores unless told, four at most.
   * @param options.stall milliseconds without a byte after which a source that owes one is given up.
   */
  constructor(
    options: {
      folder: string;
      identity: Identity;
      security?: LabSecurity | undefined;
      count?: number;
      stall?: number;
    },
  ) {
    const { stall = TIMEOUTS.pieceStall, security } = options;
    const credentials = security && { ...security.credentials, revoked: security.revoked };
    const count = options.count ?? Math.min(MOST_WORKERS, Math.max(1, navigator.hardwareConcurrency));
    for (let i = 0; i < count; i++) {
      const worker = startWorker(options.folder);
      worker.onmessage = ({ data }: MessageEvent<ReceiveNews>) => this.#hear(data, i);
      worker.onerror = (event) => {
        event.preventDefault();
        this.#fault = {
          kind: "fault",
          content: "",
          code: "failed",
          message: `A receive worker failed: ${event.message}`,
        };
        this.#listener(this.#fault, i);
      };
      this.#workers.push(worker);
      this.tell(i, { kind: "start", root: options.folder, identity: options.identity, stall, credentials });
    }
    this.#stopHearing = security?.onRevoked((ids) => this.tellAll({ kind: "revoke", ids }));
  }

  get size(): number {
    return this.#workers.length;
  }

  /** Who hears the news; one fetch at a time. */
  listen(listener: (news: ReceiveNews, worker: number) => void): void {
    this.#listener = listener;
    // A worker that failed before anybody listened has not been heard.
    if (this.#fault) listener(this.#fault, 0);
  }

  /** SHA-256 of a file below the folder; undefined when it can't be read. */
  hash(name: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#hashing.set(name, resolve);
      this.tell(this.#hashing.size % this.size, { kind: "hash", name });
    });
  }

  /** Gives an order to one worker; one that has ended hears nothing. */
  tell(worker: number, order: ReceiveOrder): void {
    this.#workers[worker]?.postMessage(order);
  }

  /** Gives an order to all workers. */
  tellAll(order: ReceiveOrder): void {
    for (let i = 0; i < this.#workers.length; i++) this.tell(i, order);
  }

  /** Ends all workers at once, their connections with them. */
  close(): void {
    this.#stopHearing?.();
    for (const worker of this.#workers) worker.terminate();
    this.#workers = [];
  }

  #hear(news: ReceiveNews, worker: number): void {
    if (news.kind !== "hashed") return this.#listener(news, worker);
    this.#hashing.get(news.name)?.(news.sha256);
    this.#hashing.delete(news.name);
  }
}

function startWorker(folder: string): Worker {
  // Where the way to it leads through a link, its files go by the place's own name.
  const folders = [...new Set([folder, placeOf(folder)])];
  try {
    return new Worker(new URL("../receive_worker.ts", import.meta.url), {
      type: "module",
      deno: {
        permissions: {
          net: true,
          read: folders,
          write: folders,
          env: false,
          run: false,
          ffi: false,
          sys: false,
        },
      },
    });
  } catch (cause) {
    throw new LabError(codeOf(cause), `Cannot start a receive worker: ${messageOf(cause)}`, { cause });
  }
}
