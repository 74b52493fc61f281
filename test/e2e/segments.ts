/**
 * PCs with network cards of their own: a network namespace for each, bridges between them. For root on Linux with `ip`
 * (Debian: iproute2).
 */

import type { Launcher } from "../../scripts/programs.ts";
import { PROGRAMS } from "./lab.ts";

async function ip(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", { args, stdout: "null" }).output();
  if (!success) throw new Error(`ip ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}

/** Why there can be no such PCs here; undefined when there can. */
export async function noSegments(): Promise<string | undefined> {
  try {
    await (await Segments.make(["a"]))[Symbol.asyncDispose]();
    return undefined;
  } catch {
    return "no right to make network namespaces here; run as root with iproute2 installed";
  }
}

/** A few networks and the PCs in them; removed at the end. */
export class Segments {
  #made: string[] = [];
  #prefix = `ls${crypto.randomUUID().slice(0, 6)}`;

  private constructor() {}

  /** @param networks names of one letter, each a bridge. */
  static async make(networks: readonly string[]): Promise<Segments> {
    const segments = new Segments();
    try {
      const hub = await segments.#namespace("hub");
      for (const network of networks) {
        await ip("-n", hub, "link", "add", `br-${network}`, "type", "bridge");
        await ip("-n", hub, "link", "set", `br-${network}`, "up");
      }
      return segments;
    } catch (cause) {
      await segments[Symbol.asyncDispose]();
      throw cause;
    }
  }

  async #namespace(name: string): Promise<string> {
    const full = `${this.#prefix}-${name}`;
    await ip("netns", "add", full);
    this.#made.push(full);
    await ip("-n", full, "link", "set", "lo", "up");
    return full;
  }

  /**
   * A PC.
   *
   * @param cards network and address with its length, in the order in which the PC has them; the network "-" is a virtual
   *   adapter that leads nowhere.
   * @returns how to start programs there.
   */
  async pc(name: string, ...cards: readonly (readonly [network: string, address: string])[]): Promise<Pc> {
    const own = await this.#namespace(name);
    const hub = `${this.#prefix}-hub`;
    for (const [i, [network, address]] of cards.entries()) {
      const card = `eth${i}`;
      if (network === "-") {
        await ip("-n", own, "link", "add", card, "type", "veth", "peer", "name", `void${i}`);
        await ip("-n", own, "link", "set", `void${i}`, "up");
      } else {
        const port = `${name}-${i}`;
        await ip("-n", own, "link", "add", card, "type", "veth", "peer", "name", port, "netns", hub);
        await ip("-n", hub, "link", "set", port, "master", `br-${network}`, "up");
      }
      await ip("-n", own, "addr", "add", address, "dev", card);
      await ip("-n", own, "link", "set", card, "up");
    }
    const inside = ([command, ...args]: Launcher): Launcher => [
      ...["nsenter", `--net=/run/netns/${own}`, "--"] as const,
      ...[command, ...args],
    ];
    return { namespace: own, rs: inside(PROGRAMS.rs), peer: inside(PROGRAMS.peer), inside };
  }

  /** Pulls the plug of a PC's first card at the switch, or puts it back: both sides hear nothing any more. */
  async plug(name: string, isIn: boolean): Promise<void> {
    await ip("-n", `${this.#prefix}-hub`, "link", "set", `${name}-0`, isIn ? "up" : "down");
  }

  /** Has the switch pass multicast on to a PC's first card, or not. */
  async multicast(name: string, isPassed: boolean): Promise<void> {
    const flood = ["type", "bridge_slave", "mcast_flood", isPassed ? "on" : "off"];
    await ip("-n", `${this.#prefix}-hub`, "link", "set", `${name}-0`, ...flood);
  }

  /** Lets no more than so much out of a card. */
  async limit(pc: Pc, card: string, rate: string): Promise<void> {
    const shape = [
      "qdisc",
      "add",
      "dev",
      card,
      "root",
      "tbf",
      "rate",
      rate,
      "burst",
      "32kb",
      "latency",
      "50ms",
    ];
    const args = [`--net=/run/netns/${pc.namespace}`, "--", "tc", ...shape];
    const { success, stderr } = await new Deno.Command("nsenter", { args, stdout: "null" }).output();
    if (!success) throw new Error(`tc ${shape.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#made.splice(0).reverse()) await ip("netns", "del", each);
  }
}

/** A PC with cards of its own. */
export interface Pc {
  namespace: string;
  rs: Launcher;
  peer: Launcher;
  /** Has any program start there. */
  inside: (launcher: Launcher) => Launcher;
}

/** Bytes that a PC has put on its first card's wire so far. */
export async function sentBy({ namespace }: Pc): Promise<number> {
  const args = ["-n", namespace, "-s", "-j", "link", "show", "eth0"];
  const { stdout } = await new Deno.Command("ip", { args }).output();
  return JSON.parse(new TextDecoder().decode(stdout))[0].stats64.tx.bytes;
}
