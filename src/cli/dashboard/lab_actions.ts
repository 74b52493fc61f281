/**
 * What a lead has done from the page: the same as by the commands, by this process. Broadcasts and collecting go on in the
 * background; how they end stands among the transfers.
 */

import { join } from "@std/path";
import { LabError, messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { formatBytes, formatCount, type HostPort } from "../../base/units.ts";
import { nameFault, printable } from "../../catalog/names.ts";
import type { LabActions, ShareEntry } from "../../dashboard/types.ts";
import { type PeerContext, toolIdentity } from "../../peer/context.ts";
import { filesToBroadcast } from "../../peer/broadcast/prepare.ts";
import { collect } from "../../peer/fetch/collect.ts";
import { fetchCommand } from "../../peer/fetch/command.ts";
import { connectRs } from "../../peer/rs_client.ts";
import type { SecuredLab } from "../../registry/lab.ts";
import type { RegistryServer } from "../../registry/server.ts";
import { fileError, OWN_PREFIX, Root } from "../../storage/root.ts";
import { joinLines } from "../commands/invitation.ts";
import { sendToAll } from "../commands/send_to_all.ts";
import type { Transfers } from "./transfers.ts";

/** Orders from the page that run at once. */
const AT_ONCE = 4;
/** Entries of a folder that are shown. */
const ENTRIES = 2_000;
/** As the commands have it unless told, milliseconds. */
const BROADCAST = { timeout: 10 * 60_000, expires: 24 * 3600_000 };

/** What acting needs. */
export interface ActionSetting {
  server: RegistryServer;
  /** Where this process's own registration server is reached. */
  rs: HostPort;
  /** PCs find it by themselves. */
  discovery: boolean;
  /** Absolute paths of the share and of the data folder. */
  share: string;
  data: string;
  context: PeerContext;
  log: Logger;
  transfers: Transfers;
  /** In a secured lab, its membership. */
  lab: SecuredLab | undefined;
  signal: AbortSignal;
}

/** What a lead may have done. */
export class ServerActions implements LabActions {
  /** Only where a code is needed. */
  readonly invite?: NonNullable<LabActions["invite"]>;
  #o: ActionSetting;
  #running = 0;

  constructor(setting: ActionSetting) {
    this.#o = setting;
    const { lab, rs: { port }, discovery } = setting;
    if (lab) {
      this.invite = async ({ role, hours, uses }) => {
        const made = await lab.invite({ role, uses, lasts: Math.round(hours * 3600_000) });
        return { ...made, join: joinLines(made.code, { port, discovery }) };
      };
    }
  }

  async share(folder: string): Promise<ShareEntry[]> {
    const root = Root.open(this.#o.share, "read");
    const path = folder === "" ? root.path : root.pathToRead(folder);
    const entries: ShareEntry[] = [];
    try {
      for await (const { name, isDirectory, isFile } of Deno.readDir(path)) {
        if (!isDirectory && !isFile || name.startsWith(OWN_PREFIX) || nameFault(name)) continue;
        const size = isFile ? (await Deno.stat(join(path, name))).size : 0;
        entries.push({ name, isFolder: isDirectory, size });
        if (entries.length >= ENTRIES) break;
      }
    } catch (cause) {
      throw fileError(cause, `Cannot look into the share`);
    }
    return entries.sort((a, b) => Number(b.isFolder) - Number(a.isFolder) || (a.name < b.name ? -1 : 1));
  }

  broadcast({ paths, to }: { paths: string[]; to?: string[] }): Promise<void> {
    const root = Root.open(this.#o.share, "read");
    const absolute = paths.map((path) => root.pathToRead(path));
    const title = paths.length === 1 ? paths[0]!.split("/").at(-1)! : formatCount(paths.length, "choice");
    this.#run({ kind: "broadcast", name: title, peer: to?.length === 1 ? to[0]! : "" }, async (tell) => {
      const { context, rs, signal, server } = this.#o;
      const files = await filesToBroadcast(absolute, context);
      const total = files.reduce((sum, { size }) => sum + size, 0);
      tell({ total, note: "under way" });
      const run = await sendToAll(files, {
        ...{ rs, context, signal, name: "rs", cookie: undefined, to, ...BROADCAST },
        title: files.length === 1 ? files[0]!.offered : formatCount(files.length, "file"),
        adopt: async (id) => {
          await server.adopt(id, absolute);
          return true;
        },
        changed: () => {},
      });
      const done = run.targets.filter(({ state }) => state === "done").length;
      const away = run.away > 0 ? `, ${formatCount(run.away, "PC")} off` : "";
      return `${done} of ${formatCount(run.targets.length, "PC")} done${away}`;
    });
    return Promise.resolve();
  }

  async retry(id: string): Promise<void> {
    await this.#ask({ kind: "Retry", id });
  }

  async withdraw(id: string): Promise<void> {
    await this.#ask({ kind: "Withdraw", id });
  }

  collect({ patterns, from }: { patterns: string[]; from?: string }): Promise<void> {
    const peer = from === undefined ? undefined : this.#o.server.members.byName(from)?.name;
    if (from !== undefined && peer === undefined) {
      throw new LabError("not_found", `Cannot collect from ${printable(from)}: no PC has that name`);
    }
    const name = patterns.join(", ");
    this.#run({ kind: "collect", name, peer: peer ?? "" }, (tell) => this.#collect(patterns, peer, tell));
    return Promise.resolve();
  }

  async #collect(
    patterns: string[],
    peer: string | undefined,
    tell: (change: { bytes: number }) => void,
  ): Promise<string> {
    const { rs, context, data, signal } = this.#o;
    const folder = join(data, "collected", ...peer === undefined ? [] : [peer]);
    const common = { rs, context, cookie: undefined, identity: toolIdentity(context, "rs"), signal };
    let files = 0;
    let bytes = 0;
    const fetched = (file: { size: number }) => {
      files++;
      tell({ bytes: bytes += file.size });
    };
    const quiet = { progress: () => {}, fetched, failed: () => {} };
    if (peer !== undefined) {
      const setting = { ...common, data: undefined, listener: quiet, known: () => undefined };
      await fetchCommand({ patterns, from: peer, folder: Root.open(folder, "write").path }, setting);
    } else {
      const receipts = await collect({
        ...common,
        patterns,
        folder,
        listener: { ...quiet, collected: () => {} },
      });
      const failed = receipts.filter(({ error }) => error);
      if (failed.length > 0) {
        const { peer, error } = failed[0]!;
        throw new LabError(
          error!.code,
          `${formatCount(failed.length, "PC")} failed; ${peer}: ${error!.message}`,
        );
      }
    }
    if (files === 0) throw new LabError("not_found", "No PC that is here has such a file");
    return `${formatCount(files, "file")}, ${formatBytes(bytes)}, in ${folder}`;
  }

  /** Runs an order in the background. @param work returns what became of it. */
  #run(
    row: Parameters<Transfers["begin"]>[0],
    work: (tell: ReturnType<Transfers["begin"]>) => Promise<string>,
  ): void {
    if (this.#running >= AT_ONCE) {
      throw new LabError(
        "busy",
        `Cannot begin: ${AT_ONCE} orders from this page are under way; wait for one`,
      );
    }
    this.#running++;
    const { transfers, log } = this.#o;
    const tell = transfers.begin(row);
    const what = `${row.kind === "collect" ? "Collecting" : "Broadcast of"} ${printable(row.name)}`;
    log.info(`Page: ${what} begins`);
    work(tell).then((note) => {
      log.info(`Page: ${what}: ${note}`);
      tell({ state: "done", note });
    }, (cause) => {
      log.warn(`Page: ${what}: ${messageOf(cause)}`);
      tell({ state: "failed", note: messageOf(cause) });
    }).finally(() => this.#running--);
  }

  async #ask(message: { kind: "Retry" | "Withdraw"; id: string }): Promise<void> {
    const { rs, context, signal } = this.#o;
    const connection = await connectRs(rs, toolIdentity(context, "rs"), context, { signal });
    try {
      await connection.request(message, "Noted");
    } finally {
      connection.close();
    }
  }
}
