/**
 * The loopback control port: how other commands talk to a `serve` that runs on the same data folder. Bound to 127.0.0.1;
 * a random token in the data folder shows that the caller may read that folder.
 */

import { join } from "@std/path";
import { type Clock, sleepOrLess } from "../base/clock.ts";
import { codeOf, LabError } from "../base/errors.ts";
import * as v from "../deps/valibot.ts";
import type { HostPort } from "../base/units.ts";
import type { Message } from "../protocol/messages.ts";
import { readJson, writeAtomic } from "../storage/atomic.ts";
import type { Connection } from "../transport/connection.ts";
import type { Exchange } from "../transport/exchange.ts";
import { connect } from "../transport/connect.ts";
import { serve, type Server } from "../transport/server.ts";
import type { PeerContext } from "./context.ts";
import { isServed } from "./data_folder.ts";
import { loadMembership } from "./membership_file.ts";

const fileSchema = v.object({
  port: v.number(),
  token: v.string(),
  role: v.picklist(["peer", "rs"]),
  /** In a secured lab the control port is, too: names and codes go over it. */
  secured: v.optional(v.boolean()),
  /** Where the serve itself listens, and what it sends at most, bytes per second: absent where nothing limits it. */
  serves: v.object({ host: v.string(), port: v.number(), rate: v.optional(v.number()) }),
});

/** Hands a JSON line to whoever gave the command. */
export type Tell = (line: Record<string, unknown>) => void;

/** Carries out a command; what it throws is told to the caller. */
export type ControlCommand = (
  args: Record<string, unknown>,
  tell: Tell,
  signal: AbortSignal,
) => Promise<void>;

/** The control port of a running serve. */
export interface ControlServer {
  /** Commands that the end of the serve ends say why to their callers; those that go on are left after a moment. */
  close(): Promise<void>;
}

/** What a command has to end in when the serve ends, milliseconds: its files are closed, and its caller is told. */
const LAST_WORD = 2_000;

/** Where the control file of a data folder lies. */
function controlPath(data: string): string {
  return join(data, "control.json");
}

/** Opens the control port and writes how to reach it into the data folder. */
export async function openControl(options: {
  data: string;
  role: "peer" | "rs";
  serves: HostPort & { rate?: number };
  context: PeerContext;
  commands: Record<string, ControlCommand>;
}): Promise<ControlServer> {
  const { data, role, serves, context } = options;
  const token = context.random.id(16);
  const desk = new Desk(token, options.commands, context.clock);
  const server = serve(
    { host: "127.0.0.1", port: 0 },
    {
      identity: { role: "control", agent: context.agent },
      security: context.security,
      handlerFor: (connection) => {
        connection.idle = Infinity;
        return desk.handle;
      },
    },
    context,
    { connections: 64, handshakes: 32 },
  );
  const secured = context.security !== undefined;
  const body = JSON.stringify({ port: server.address.port, token, role, secured, serves });
  await writeAtomic(controlPath(data), body, { clock: context.clock, mode: 0o600 });
  const end = async () => {
    await Deno.remove(controlPath(data)).catch(() => {/* gone already: nobody finds us by it */});
    await lastWords(desk.running, server, context.clock);
    server.close();
  };
  let ended: Promise<void> | undefined;
  return { close: () => ended ??= end() };
}

/** Takes commands from whoever shows the token, carries them out, and knows which of them still run. */
class Desk {
  readonly running = new Set<Promise<void>>();

  constructor(
    private token: string,
    private commands: Record<string, ControlCommand>,
    private clock: Clock,
  ) {}

  handle = (message: Message, exchange: Exchange): Promise<void> => {
    const answering = this.#answer(message, exchange).finally(() => this.running.delete(answering));
    this.running.add(answering);
    return answering;
  };

  async #answer(message: Message, exchange: Exchange): Promise<void> {
    if (message.kind !== "Command") {
      throw new LabError("unsupported", `The control port does not answer ${message.kind}`);
    }
    const { token, command, args } = message;
    if (!sameToken(token, this.token)) {
      throw new LabError(
        "not_permitted",
        "The control token is wrong: control.json is not what the serve that runs wrote there; end it, and start it again",
      );
    }
    const run = Object.hasOwn(this.commands, command) ? this.commands[command] : undefined;
    if (!run) throw new LabError("unsupported", `This serve does not know the command ${command}`);
    const lines = new Lines(exchange, this.clock);
    try {
      await run(args, (line) => lines.add(line), exchange.signal);
    } finally {
      await lines.sent;
    }
    await exchange.send({ kind: "Done", exit: 0 });
  }
}

/** Resolves when all that runs has been answered and told, or hasn't for a moment. */
async function lastWords(running: ReadonlySet<Promise<void>>, server: Server, clock: Clock): Promise<void> {
  const patience = new AbortController();
  const told = async () => {
    await Promise.allSettled(running);
    // What a command has thrown is on its way to the caller with the next turn.
    await clock.sleep(0);
    await Promise.all([...server.connections].map((connection) => connection.finish()));
  };
  await Promise.race([told(), sleepOrLess(clock, LAST_WORD, patience.signal)]);
  patience.abort();
}

/** Lines sent before the reader gets a turn. */
const LINES_AT_ONCE = 100;

/** Lines on their way to the caller: sent at the pace at which they are taken, for a fetch may tell of 100,000 files at once. */
class Lines {
  /** Done when all lines so far have been sent, or can't be any more. */
  sent: Promise<void> = Promise.resolve();
  #waiting: Record<string, unknown>[] = [];

  constructor(private exchange: Exchange, private clock: Clock) {}

  add(line: Record<string, unknown>): void {
    if (this.#waiting.push(line) === 1) {
      this.sent = this.#send().catch(() => {/* the caller has gone, and with it whoever would read them */});
    }
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const some = this.#waiting.slice(0, LINES_AT_ONCE);
      await Promise.all(some.map((line) => this.exchange.send({ kind: "Event", line })));
      if (some.length === LINES_AT_ONCE) await this.clock.sleep(0);
      this.#waiting.splice(0, some.length);
    }
  }
}

/** Where the serve that last used a data folder listens; undefined when there was none. */
export async function servedAddress(data: string, role: "peer" | "rs"): Promise<HostPort | undefined> {
  const parsed = v.safeParse(fileSchema, await readJson(controlPath(data)).catch(() => undefined));
  if (!parsed.success || parsed.output.role !== role) return undefined;
  const { host, port } = parsed.output.serves;
  return { host: host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host, port };
}

/**
 * What the peer serve that runs on a data folder sends at most: commands that send from there keep to it as well.
 *
 * @returns bytes per second; Infinity where nothing limits it, or none runs.
 */
export async function servedRate(data: string): Promise<number> {
  const parsed = v.safeParse(fileSchema, await readJson(controlPath(data)).catch(() => undefined));
  const rate = parsed.success && parsed.output.role === "peer" ? parsed.output.serves.rate : undefined;
  return rate !== undefined && isServed(data) ? rate : Infinity;
}

/** A connection to the control port of a running serve. */
export interface ControlClient {
  /**
   * Has the serve carry out a command.
   *
   * @param line is called for each JSON line it tells.
   * @throws {LabError} what the command threw there; "unreachable" when the serve ended.
   */
  run(command: string, args: Record<string, unknown>, line: Tell, signal?: AbortSignal): Promise<void>;
  close(): void;
}

/**
 * Connects to the serve that runs on a data folder.
 *
 * @returns undefined when none does.
 * @throws {LabError} "not_permitted" when it is somebody else's, whose files can't be read; "unreachable" when it runs and
 * does not answer.
 */
export async function connectControl(
  data: string,
  role: "peer" | "rs",
  context: PeerContext,
): Promise<ControlClient | undefined> {
  const parsed = v.safeParse(fileSchema, await readJson(controlPath(data)).catch(unlessForbidden));
  if (!parsed.success || parsed.output.role !== role) return undefined;
  const { port, token, secured } = parsed.output;
  try {
    // Who may read this data folder has its membership, too.
    const security = secured ? await loadMembership(data, { isServer: role === "rs" }) : undefined;
    const at = { host: "127.0.0.1", port, id: security?.self.id };
    const identity = { role: "tool" as const, agent: context.agent };
    const { connection, welcome } = await connect(at, identity, { ...context, security, idle: Infinity });
    if (welcome.role === "control") return new Caller(connection, token, `${role} serve on ${data}`);
    connection.close();
  } catch (cause) {
    if (codeOf(cause) === "timeout" && isServed(data)) {
      throw new LabError(
        "unreachable",
        `The ${role} serve on ${data} does not answer: wait until it does, or end it`,
        { cause },
      );
    }
  }
  // The file of a serve that was killed; its port is nobody's, or somebody else's.
  return undefined;
}

/** Gives commands over a connection to a control port. */
class Caller implements ControlClient {
  constructor(private connection: Connection, private token: string, private serve: string) {}

  close(): void {
    this.connection.close();
  }

  async run(command: string, args: Record<string, unknown>, line: Tell, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw new LabError("interrupted", "Interrupted");
    const { connection, token } = this;
    const exchange = connection.open({ kind: "Command", token, command, args });
    const cancel = () => void exchange.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      while (true) {
        const incoming = await exchange.next(WEEK);
        if (incoming.kind === "Event") line(incoming.line);
        else if (incoming.kind === "Done") return;
      }
    } catch (cause) {
      throw connection.isClosed && codeOf(cause) === "unreachable" ? this.#endedMeanwhile(cause) : cause;
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  #endedMeanwhile(cause: unknown): LabError {
    return new LabError(
      "unreachable",
      `The ${this.serve} ended before it was done with this: start it again, and repeat the command`,
      { cause },
    );
  }
}

/** Somebody else's serve may run there: that nothing runs would be wrong. */
function unlessForbidden(cause: unknown): void {
  if (codeOf(cause) === "not_permitted") throw cause;
}

/** Tells whether a serve runs on a data folder. */
export async function servedHere(data: string, role: "peer" | "rs", context: PeerContext): Promise<boolean> {
  const client = await connectControl(data, role, context);
  client?.close();
  return client !== undefined;
}

/** A command may run as long as it likes; when the serve ends, the connection does too. */
const WEEK = 7 * 24 * 3600_000;

function sameToken(shown: string, token: string): boolean {
  let difference = shown.length ^ token.length;
  for (let i = 0; i < token.length; i++) difference |= (shown.charCodeAt(i) || 0) ^ token.charCodeAt(i);
  return difference === 0;
}
