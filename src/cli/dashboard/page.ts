/** The page of `rs serve`: what it has to know from the beginning on, and opening it once the server runs. */

import { resolve } from "@std/path";
import { formatHostPort, type HostPort } from "../../base/units.ts";
import { EventList } from "../../dashboard/feed.ts";
import type { PeerContext } from "../../peer/context.ts";
import type { SecuredLab } from "../../registry/lab.ts";
import type { RegistryServer } from "../../registry/server.ts";
import { VERSION } from "../version.ts";
import type { CommandContext } from "../context.ts";
import type { RS_SERVE_FLAGS } from "../commands/rs_flags.ts";
import { eventLog } from "./event_log.ts";
import type { ServerView } from "./lab_view.ts";
import { probesOf } from "./probes.ts";
import { type Dashboard, HTTP_PORT, KEY_FILE, openDashboard } from "./open.ts";
import { Transfers } from "./transfers.ts";

type Ctx = CommandContext<typeof RS_SERVE_FLAGS>;

/** The page of a registration server. */
export class Page {
  /** The command's context; what it logs shows on the page, too. */
  readonly ctx: Ctx;
  #data: string;
  #events = new EventList();
  #transfers: Transfers;
  #view: ServerView | undefined;
  #dashboard: Dashboard | undefined;

  /** @param data absolute path. */
  constructor(ctx: Ctx, data: string) {
    this.ctx = ctx.flags.http ? { ...ctx, log: eventLog(ctx.log, this.#events, ctx.clock) } : ctx;
    this.#data = data;
    this.#transfers = new Transfers(ctx.clock);
  }

  /** A file has come to the inbox. */
  received({ name, size }: { name: string; size: number }, from: string): void {
    this.#transfers.begin({
      ...{ kind: "received", name, peer: from, bytes: size, total: size },
      ...{ state: "done", note: `in inbox/${from}` },
    });
  }

  /** Somebody came or went. */
  membersChanged(): void {
    this.#view?.membersChanged();
  }

  /**
   * Opens the page, unless it isn't wanted.
   *
   * @param lab in a secured lab, its membership.
   * @returns where it is.
   * @throws {LabError} "failed" when the port can't be had.
   */
  async open(
    server: RegistryServer,
    context: PeerContext,
    lab: SecuredLab | undefined,
  ): Promise<HostPort | undefined> {
    const { flags, folders, clock, log, signal } = this.ctx;
    if (!flags.http) return undefined;
    const [{ ServerView }, { ServerActions }] = await Promise.all([
      import("./lab_view.ts"),
      import("./lab_actions.ts"),
    ]);
    const { host, port } = server.address;
    const about = {
      ...{ name: "Registration server", address: `${ownName(host)}:${port}`, version: VERSION },
      mode: lab ? "secured" as const : "open" as const,
    };
    const rs = { host: isAny(host) ? host.includes(":") ? "::1" : "127.0.0.1" : host, port };
    this.#view = new ServerView(about, server, this.#transfers, clock);
    const actions = new ServerActions({
      ...{ server, rs, context, log, signal, data: this.#data, share: resolve(folders.share) },
      discovery: flags.discovery,
      ...{ transfers: this.#transfers, lab },
    });
    this.#dashboard = await openDashboard({
      ...{ host: flags.httpHost, port: flags.httpPort, data: this.#data, view: this.#view, actions },
      ...{
        events: this.#events,
        context,
        probes: probesOf({
          ...{ server, stopping: signal, started: clock.now(), data: this.#data },
        }),
      },
    });
    const { address } = this.#dashboard;
    const at = `http://${formatHostPort(isAny(address.host) ? { ...address, host: "127.0.0.1" } : address)}`;
    if (flags.httpPort === undefined && address.port !== HTTP_PORT) {
      log.warn(`Port ${HTTP_PORT} is taken by another program: the page is at ${at}`);
    } else log.info(`The page: ${at}`);
    if (!isHere(address.host)) {
      log.info(`From other PCs it wants the key in ${this.#data}, file ${KEY_FILE}: leads only`);
    }
    return address;
  }

  /** Ends the page, if one was opened, and its visitors. */
  async close(): Promise<void> {
    await this.#dashboard?.close();
  }
}

const isAny = (host: string) => host === "0.0.0.0" || host === "::";
const isHere = (host: string) => host === "localhost" || host === "::1" || host.startsWith("127.");

/** How people know this PC. */
function ownName(host: string): string {
  try {
    return isAny(host) ? Deno.hostname() : host;
  } catch {
    return host;
  }
}
