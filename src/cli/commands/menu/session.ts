/**
 * What the menu works on: the serve of this data folder, be it its own or that of another program, the registration
 * server, and the commands. The menu does nothing by itself that a command can do.
 */

import { sleepOrLess } from "../../../base/clock.ts";
import { LabError, messageOf } from "../../../base/errors.ts";
import { formatHostPort, type HostPort, parseHostPort } from "../../../base/units.ts";
import { cleanPeerName, printable } from "../../../catalog/names.ts";
import type { IndexRow } from "../../../catalog/row.ts";
import { connectControl, type ControlClient } from "../../../peer/control.ts";
import { type PeerContext, toolIdentity } from "../../../peer/context.ts";
import type { NetworkRow } from "../../../peer/fetch/select.ts";
import { findFiles, type NetworkAccess } from "../../../peer/network.ts";
import { loadMembership } from "../../../peer/membership_file.ts";
import { loadPeerState } from "../../../peer/peer_state.ts";
import { connectRs, queryPeers } from "../../../peer/rs_client.ts";
import type { PeerServe } from "../../../peer/serve/serve.ts";
import type { WirePeer } from "../../../protocol/messages.ts";
import { IndexFile } from "../../../storage/index_file.ts";
import type { CommandContext } from "../../context.ts";
import type { CommandModule } from "../../spec.ts";
import type { Flags } from "../../flags.ts";
import { RS_PORT } from "../common_flags.ts";
import { joinFirst } from "../joining.ts";
import { startPeer } from "../peer_serve.ts";
import type { MENU_FLAGS, SERVE_FLAGS } from "../peer_flags.ts";
import { hostName, peerContext, peerSetting } from "../setting.ts";
import { Job, Jobs, type Voice } from "./jobs.ts";
import { MenuLog } from "./menu_log.ts";
import type { ServeStatus } from "./texts.ts";

/** What `peer menu` is handed. */
export type MenuContext = CommandContext<typeof MENU_FLAGS>;

/** How long a registration is waited for, milliseconds; it is tried on afterwards. */
const REGISTRATION_WAIT = 10_000;

/** The values of all flags that some command of the menu looks at, as if nobody had given them. */
const NO_FLAGS = { all: false, from: undefined, out: undefined, local: false, csv: false, to: undefined };

/** What the menu works on. */
export class Session {
  readonly log: MenuLog;
  readonly jobs: Jobs = new Jobs();
  #ctx: MenuContext;
  #own: PeerServe | undefined;
  #ownName = "";
  /** The registration server that the person named in this menu. */
  #said: HostPort | undefined;

  private constructor(ctx: MenuContext, readonly data: string) {
    this.#ctx = ctx;
    this.#said = ctx.flags.rs;
    this.log = new MenuLog(ctx.clock, ctx.flags.logFile === undefined ? undefined : ctx.log);
  }

  /** Makes sure that share and data folder may be used: later there would be a question open. */
  static async open(ctx: MenuContext): Promise<Session> {
    const data = await ctx.ensureAccess(ctx.folders.data, "read-write", { flag: "--data", folder: "data" });
    await ctx.ensureAccess(ctx.folders.share, "read-write", { flag: "--share" });
    return new Session(ctx, data);
  }

  /** Tells whether the serve runs in this process, so that it ends with the menu. */
  get serves(): boolean {
    return this.#own !== undefined;
  }

  get #context(): PeerContext {
    return peerContext(this.#plain());
  }

  async #memberContext(): Promise<PeerContext> {
    return (await peerSetting(this.#plain(), this.data)).context;
  }

  #plain(): CommandContext {
    return this.#as("menu", [], {}, this.#ctx.signal) as unknown as CommandContext;
  }

  /** Work that may go on while the person does something else. */
  newJob(title: string, direction: "in" | "out"): Job {
    return new Job(title, direction, this.#ctx);
  }

  /** Columns of the terminal. */
  width(): number {
    return this.#ctx.output.screen()?.columns ?? 80;
  }

  /** How the serve on this data folder is doing; undefined when none runs. */
  async status(): Promise<ServeStatus | undefined> {
    let control: ControlClient | undefined;
    let status: ServeStatus | undefined;
    try {
      control = await connectControl(this.data, "peer", this.#context);
      await control?.run("status", {}, (line) => status = line as unknown as ServeStatus, this.#ctx.signal);
    } catch (thrown) {
      // It ends just now, or hangs.
      this.log.debug(`Cannot ask the serve how it is: ${messageOf(thrown)}`);
    } finally {
      control?.close();
    }
    return status;
  }

  /** The registration server, if one is known: the one said here, else the one that was used last. */
  async rs(): Promise<HostPort | undefined> {
    if (this.#said) return this.#said;
    const { rs } = await loadPeerState(this.data);
    try {
      return rs === undefined ? undefined : parseHostPort(rs, RS_PORT);
    } catch {
      return undefined;
    }
  }

  /**
   * Makes sure that a registration server answers, and from now on uses it.
   *
   * @throws {LabError} "unreachable".
   */
  async useRs(rs: HostPort, signal: AbortSignal): Promise<void> {
    const context = await this.#memberContext();
    const connection = await connectRs(rs, toolIdentity(context), context, { signal });
    connection.close();
    this.#said = rs;
  }

  /** Tells whether this PC has joined a secured lab: then it has its name from there. */
  async isMember(): Promise<boolean> {
    return await loadMembership(this.data) !== undefined;
  }

  /**
   * Joins a secured lab.
   *
   * @throws {LabError} "not_permitted" when the code isn't good there.
   */
  async join(rs: HostPort, code: string, name: string, signal: AbortSignal): Promise<void> {
    const ctx = this.#as("serve", [], { name }, signal) as unknown as CommandContext<typeof SERVE_FLAGS>;
    await joinFirst(ctx, rs, this.data, code);
  }

  /** The name to offer for a registration: the one said, the one had before, else this PC's. */
  async likelyName(): Promise<string> {
    const { credentials } = await loadMembership(this.data) ?? {};
    return credentials?.card.name ?? this.#ctx.flags.name ?? (await loadPeerState(this.data)).name ??
      cleanPeerName(hostName());
  }

  /** Starts a serve inside this process, and waits until it is registered, has a fault, or takes too long. */
  async register(name: string | undefined, rs: HostPort, signal: AbortSignal): Promise<void> {
    let markRegistered = () => {};
    const registered = new Promise<void>((resolve) => markRegistered = resolve);
    const trouble = this.log.trouble();
    const ctx = this.#as("serve", [], { rs, name }, signal) as unknown as CommandContext<typeof SERVE_FLAGS>;
    const own = await startPeer(ctx, (line) => {
      if (line.event === "registered") markRegistered();
      if (line.event === "received") {
        this.log.news(
          `Received ${printable(String(line.name))} from ${printable(String(line.from))}: ${line.path}`,
        );
      }
    });
    this.#own = own;
    this.#ownName = name ?? await this.likelyName();
    own.done.catch((thrown) => this.log.error(messageOf(thrown))).then(() => {
      if (this.#own === own) {
        this.log.news(`${printable(this.#ownName)} has left: nothing is shared any more`);
      }
      this.#own = undefined;
    });
    const enough = new AbortController();
    try {
      await Promise.race([
        registered,
        trouble,
        sleepOrLess(this.#ctx.clock, REGISTRATION_WAIT, AbortSignal.any([signal, enough.signal])),
      ]);
    } finally {
      enough.abort();
    }
  }

  /** Leaves with the serve that runs in this process, if one does. */
  async leaveOwn(): Promise<boolean> {
    const own = this.#own;
    this.#own = undefined;
    await own?.leave();
    return own !== undefined;
  }

  /** The other peers. */
  async peers(signal: AbortSignal): Promise<WirePeer[]> {
    const { rs, identity, context, cookie } = await this.#access(signal);
    const connection = await connectRs(rs, identity, context, { signal });
    try {
      return await queryPeers(connection, cookie === undefined ? {} : { cookie });
    } finally {
      connection.close();
    }
  }

  /** Files of the others, all or those that patterns match. */
  async files(patterns: readonly string[], signal: AbortSignal): Promise<NetworkRow[]> {
    const query = patterns.length > 0 ? { patterns: [...patterns] } : {};
    return (await findFiles(await this.#access(signal), query)).rows;
  }

  /** Files of the own share, as index.csv lists them. */
  async ownFiles(): Promise<IndexRow[]> {
    return (await new IndexFile(this.data, this.#context).load()).filter((row) => row.flag === 1);
  }

  /** Makes sure that a path outside may be read: on a terminal the runtime asks, so no question may be open. */
  async mayRead(path: string): Promise<void> {
    await this.#ctx.ensureAccess(path, "read");
  }

  /**
   * Runs a command of this program, as if the person had typed it.
   *
   * @param flags values that differ from those of the menu's own flags.
   */
  async run<F extends Flags>(
    command: CommandModule<F>,
    name: string,
    given:
      & { args?: readonly string[]; flags?: Record<string, unknown>; signal: AbortSignal }
      & Partial<Voice>,
  ): Promise<void> {
    const { args = [], flags = {}, signal } = given;
    const { output = this.#ctx.output, progress = this.#ctx.progress } = given;
    const own = this.#as(name, args, { ...flags, rs: await this.#rsFlag() }, signal);
    const ctx = { ...own, output, progress };
    // Apart from the question above it.
    ctx.output.line();
    try {
      await command.run(ctx as unknown as CommandContext<F>);
    } finally {
      ctx.progress.stop();
    }
  }

  /** Where a serve runs, commands are to use that: they do when no registration server is named. */
  async #rsFlag(): Promise<HostPort | undefined> {
    return await this.status() ? undefined : this.#said;
  }

  async #access(signal: AbortSignal): Promise<NetworkAccess> {
    const rs = await this.rs();
    if (!rs) throw new LabError("usage", "No registration server is known yet");
    const { context, state } = await peerSetting(this.#plain(), this.data);
    const identity = toolIdentity(context, state.name);
    return { rs, identity, context, cookie: state.cookie, data: this.data, signal };
  }

  #as(command: string, args: readonly string[], flags: Record<string, unknown>, signal: AbortSignal) {
    const ctx = this.#ctx;
    return { ...ctx, command, args, flags: { ...ctx.flags, ...NO_FLAGS, ...flags }, log: this.log, signal };
  }
}

/** A registration server's address for a question. */
export function addressText(rs: HostPort): string {
  return rs.port === RS_PORT ? rs.host : formatHostPort(rs);
}
