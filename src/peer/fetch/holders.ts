/**
 * Control connections to holders, and the manifests that they hand out. One connection per holder, made when it is
 * needed, made again when it broke.
 */

import type { Clock } from "../../base/clock.ts";
import { type Bytes, toHex } from "../../base/bytes.ts";
import { codeOf, LabError } from "../../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../../base/limits.ts";
import type { Holder } from "../../catalog/merge.ts";
import { hashesOf } from "../../catalog/manifest.ts";
import { sha256 } from "../../storage/hashing.ts";
import type { Connection } from "../../transport/connection.ts";
import { connect } from "../../transport/connect.ts";
import type { Identity } from "../../transport/handshake.ts";
import type { Security } from "../../transport/security.ts";
import type { Watchdog } from "../../transport/watchdog.ts";
import { contentFiles, type ContentPlan } from "./contents.ts";

/** What a manifest says beyond what was known: its name, and its pieces' hashes. */
export interface NamedManifest {
  /** SHA-256 of the encoded manifest, hexadecimal. */
  id: string;
  /** SHA-256 of each piece, end to end. */
  hashes: Bytes;
}

/** Control connections to the holders of one fetch. */
export class Holders {
  #connections = new Map<string, Promise<Connection>>();
  #closed = false;

  constructor(
    private options: {
      clock: Clock;
      watchdog: Watchdog;
      identity: Identity;
      signal: AbortSignal;
      security?: Security | undefined;
    },
  ) {}

  /**
   * Asks a holder for the manifest of a content.
   *
   * @throws {LabError} "unreachable", "not_found", "changed", or "protocol" when it answers with another content.
   */
  async manifest(holder: Holder, plan: ContentPlan): Promise<NamedManifest> {
    try {
      return await this.#manifest(holder, plan);
    } catch (cause) {
      // The connection may have been idle for too long; a fresh one tells.
      if (codeOf(cause) !== "unreachable" || this.isOver) throw cause;
      this.#connections.delete(key(holder));
      return await this.#manifest(holder, plan);
    }
  }

  async #manifest(holder: Holder, plan: ContentPlan): Promise<NamedManifest> {
    const connection = await this.#connect(holder);
    const files = contentFiles(plan);
    const exchange = connection.open({ kind: "GetRFC", files: files.map((f) => [f.name, f.size, f.sha256]) });
    try {
      const bytes = await exchange.collect("ManifestData", LIMITS.manifest, TIMEOUTS.manifest);
      return { id: toHex(sha256(bytes)), hashes: hashesOf(bytes, { files, pieceSize: plan.pieceSize }) };
    } finally {
      connection.forget(exchange);
    }
  }

  #connect(holder: Holder): Promise<Connection> {
    const known = this.#connections.get(key(holder));
    if (known) return known;
    const made = this.#dial(holder);
    this.#connections.set(key(holder), made);
    const forget = () => {
      if (this.#connections.get(key(holder)) === made) this.#connections.delete(key(holder));
    };
    made.then((connection) => connection.closed.then(forget), forget);
    return made;
  }

  async #dial(holder: Holder): Promise<Connection> {
    const { clock, watchdog, security, identity, signal } = this.options;
    if (this.isOver) throw new LabError("interrupted", "Interrupted");
    const at = { host: holder.address, port: holder.port, id: holder.id };
    const { connection } = await connect(at, identity, { clock, watchdog, security, signal });
    if (this.isOver) {
      connection.close();
      throw new LabError("interrupted", "Interrupted");
    }
    return connection;
  }

  /** Closed, or interrupted: what fails now is no holder's fault. */
  get isOver(): boolean {
    return this.#closed || this.options.signal.aborted;
  }

  /** Ends all connections; none is made afterwards. */
  close(): void {
    this.#closed = true;
    for (const made of this.#connections.values()) made.then((connection) => connection.close(), () => {});
    this.#connections.clear();
  }
}

function key(holder: Holder): string {
  return `${holder.address}:${holder.port}`;
}
