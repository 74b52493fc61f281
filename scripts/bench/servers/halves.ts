/**
 * Two halves of a network for `servers`: in the first the first two of three servers' PCs and one PC for most of the peers,
 * in the second the third server and one for the rest. Each half has a switch; the cable between them can be pulled. Needs
 * root.
 */

import { carryOut, inside, makeNamespace, removeNamespaces } from "../../netns.ts";
import type { Cleanup } from "../cleanup.ts";
import { CannotRun, isRoot } from "../tools.ts";

const PREFIX = "lsv-";
const HUB = `${PREFIX}hub`;
/** One such network at a time on a machine. */
const LOCK = "/run/labswarm-servers.lock";

/**
 * Nice value of what runs on the servers' PCs. A server is alone on its PC, or one of a few things; beside fifty peers on two
 * cores it would get a fiftieth, and seventeen peers that change over wait for it alone.
 */
const PRIORITY = -10;

/** Addresses of the servers' PCs. */
export const HOSTS = ["10.77.0.1", "10.77.0.2", "10.77.0.3"];
const PCS = [
  ...HOSTS.map((address, n) => ({ name: `s${n}`, address, half: n < 2 ? "a" : "b" })),
  { name: "a", address: "10.77.1.1", half: "a" },
  { name: "b", address: "10.77.1.2", half: "b" },
] as const;

/** The network. */
export class Halves {
  private constructor() {}

  /**
   * Builds it; it is taken away at the end of the bench.
   *
   * @throws {CannotRun} without root.
   */
  static async build(cleanup: Cleanup): Promise<Halves> {
    if (!isRoot()) throw new CannotRun("Network namespaces need root: run this bench as root");
    const lock = await Deno.open(LOCK, { write: true, create: true });
    cleanup.add(() => lock.close());
    await lock.lock(true);
    await removeNamespaces(PREFIX);
    cleanup.add(() => removeNamespaces(PREFIX));
    for (const name of [HUB, ...PCS.map((pc) => PREFIX + pc.name)]) {
      await makeNamespace(name, { routed: false });
    }
    await ip(HUB, [
      ...["a", "b"].flatMap((half) => [`link add name sw-${half} type bridge`, `link set sw-${half} up`]),
      "link add name cable-a type veth peer name cable-b",
      ...["a", "b"].flatMap((
        half,
      ) => [`link set cable-${half} master sw-${half}`, `link set cable-${half} up`]),
    ]);
    for (const { name, address, half } of PCS) {
      await ip(HUB, [
        `link add name p-${name} type veth peer name eth0 netns ${PREFIX}${name}`,
        `link set p-${name} master sw-${half}`,
        `link set p-${name} up`,
      ]);
      await ip(PREFIX + name, ["link set lo up", `addr add ${address}/16 dev eth0`, "link set eth0 up"]);
    }
    return new Halves();
  }

  /** The command that runs another one on a PC: `s0` to `s2`, `a`, `b`. What runs on a server's comes before what peers do. */
  on(pc: string, ...command: string[]): [string, ...string[]] {
    const isServer = pc.startsWith("s");
    return inside(PREFIX + pc, ...isServer ? ["nice", "-n", String(PRIORITY)] : [], ...command);
  }

  /** Pulls the cable between the halves, or puts it back. */
  async cable(isIn: boolean): Promise<void> {
    await ip(HUB, [`link set cable-a ${isIn ? "up" : "down"}`]);
  }
}

async function ip(namespace: string, lines: string[]): Promise<void> {
  await carryOut({ program: "ip", namespace, lines });
}
