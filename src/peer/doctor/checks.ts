/**
 * What a server answers to a doctor. Rules: nobody is dialled but the asker itself, at the address that it is seen at; only
 * the registration server may have other peers dialled; both happen so often and no more. So nobody can look through a
 * network with our eyes.
 */

import { LabError, messageOf } from "../../base/errors.ts";
import { codeOf } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Message, MessageOf } from "../../protocol/messages.ts";
import { connect } from "../../transport/connect.ts";
import type { Handler } from "../../transport/connection.ts";
import type { Exchange } from "../../transport/exchange.ts";
import type { Identity } from "../../transport/handshake.ts";
import type { Throttle } from "../../transport/rate.ts";
import type { PeerContext } from "../context.ts";
import { Allowance } from "./allowance.ts";
import { probe } from "./probe.ts";

/** Ports below belong to the system's own services; we never listen there. */
const FIRST_PORT = 1024;

/** What the answers need. */
export interface CheckOptions {
  context: PeerContext;
  /** How to greet those who are dialled back. */
  identity: () => Identity;
  /** Limits what is sent. */
  rate?: Throttle;
}

/** What was found out about somebody who was to be reached. */
type Found = Omit<MessageOf<"Reached">, "kind" | "time">;

/** A server's answers to Reach and Probe. */
export class Checks {
  #back = new Allowance({ perMinute: LIMITS.dialBacks, atOnce: LIMITS.dialBacksAtOnce });
  #probes = new Allowance({ perMinute: Infinity, atOnce: LIMITS.probesAtOnce });
  #noise = crypto.getRandomValues(new Uint8Array(64 * 1024));

  constructor(private o: CheckOptions) {}

  /** Answers whoever asks. */
  readonly answer: Handler = (message: Message, exchange: Exchange) => {
    if (message.kind === "Probe") return this.#send(message, exchange);
    if (message.kind !== "Reach") throw new LabError("unsupported", `Nothing is checked by ${message.kind}`);
    if (message.to) {
      throw new LabError("not_permitted", "Only the registration server may have other peers dialled");
    }
    return this.#dialBack(message, exchange);
  };

  /** Answers the registration server, on our registration connection. */
  readonly answerServer: Handler = async (message: Message, exchange: Exchange) => {
    if (message.kind !== "Reach" || !message.to) return await this.answer(message, exchange);
    const { address: host, port, id } = message.to;
    const { context, identity } = this.o;
    const to = { host, port, id };
    await this.#tell(exchange, async () => {
      const { bytes = 1 } = message;
      return await probe(to, { context, identity: identity(), bytes, signal: exchange.signal });
    });
  };

  async #dialBack({ port, bytes }: MessageOf<"Reach">, exchange: Exchange): Promise<void> {
    if (port === undefined) return await this.#tell(exchange, () => Promise.resolve({}));
    if (port < FIRST_PORT) throw new LabError("not_permitted", `Ports below ${FIRST_PORT} are not dialled`);
    const { context, identity } = this.o;
    const { remote, member } = exchange.connection;
    const end = this.#back.begin(remote.host, context.clock.monotonic());
    if (!end) throw new LabError("busy", "This was asked too often: try again in a minute");
    const to = { host: remote.host, port, id: member?.id };
    try {
      await this.#tell(exchange, async () => {
        if (bytes !== undefined) {
          return await probe(to, { context, identity: identity(), bytes, signal: exchange.signal });
        }
        const began = context.clock.monotonic();
        const { clock, watchdog, security } = context;
        const { connection } = await connect(to, identity(), {
          ...{ clock, watchdog, security, signal: exchange.signal },
        });
        connection.close();
        return { ms: clock.monotonic() - began };
      });
    } finally {
      end();
    }
  }

  /** Tells what was found, be it that nobody was. */
  async #tell(exchange: Exchange, look: () => Promise<Found>): Promise<void> {
    const found = await look().catch((cause): Found => ({
      code: codeOf(cause),
      reason: messageOf(cause).slice(0, 500),
    }));
    const time = new Date(this.o.context.clock.now()).toISOString();
    await exchange.send({ kind: "Reached", time, ...found });
  }

  async #send({ bytes }: MessageOf<"Probe">, exchange: Exchange): Promise<void> {
    const end = this.#probes.begin("", this.o.context.clock.monotonic());
    if (!end) throw new LabError("busy", "Others are measuring just now: try again in a second");
    const { rate } = this.o;
    const noise = this.#noise;
    try {
      for (let left = bytes; left > 0 && !exchange.signal.aborted;) {
        const length = Math.min(left, LIMITS.probePart);
        await exchange.connection.sendData({
          ...{ kind: "ProbeData", stream: exchange.stream, length, signal: exchange.signal },
          ...(rate ? { rate } : {}),
          fill: (into) => {
            for (let at = 0; at < into.length; at += noise.length) {
              into.set(noise.subarray(0, Math.min(noise.length, into.length - at)), at);
            }
          },
        });
        left -= length;
      }
    } finally {
      end();
    }
  }
}
