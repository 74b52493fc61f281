/**
 * A cut between two halves of a network with a registration server and a NATS on each PC: the larger half goes on, the
 * smaller one says that it can't, and afterwards there is one truth. Needs root (namespaces) and nats-server.
 */

import { assert, assertEquals } from "@std/assert";
import type { Lab, Running } from "../../../scripts/programs.ts";
import { comesTo } from "../../../src/base/_patience.ts";
import { NatsCluster, natsServer } from "../../../src/registry/nats/_cluster.ts";
import { assertCode, eventsOf, labTest } from "../lab.ts";
import { noSegments, type Pc, Segments } from "../segments.ts";

const skip = await noSegments() ?? (natsServer() === undefined ? "nats-server is not installed" : undefined);

/** Longest time until a peer is registered after a change, milliseconds: NATS finds a leader in seconds, TCP a way back. */
const SLOW = 90_000;
/** What all servers must tell alike of a peer. */
const PARTS = ["name", "active", "port", "registrations30d"] as const;
const HOSTS = ["10.66.0.1", "10.66.0.2", "10.66.0.3"];

async function server(lab: Lab, n: number, { rs }: Pc, url: string): Promise<Running> {
  const args = [
    "serve",
    "--open",
    "--json",
    "--no-discovery",
    "--no-http",
    "--host",
    HOSTS[n]!,
    "--store",
    url,
  ];
  const running = lab.start("rs", `rs${n}`, args, rs);
  await running.event("listening", undefined, SLOW);
  return running;
}

function peer(lab: Lab, folder: string, name: string, n: number, { peer }: Pc): Running {
  const args = ["serve", "--json", "--rs", HOSTS[n]!, "--name", name, "--port", "0"];
  return lab.start("peer", folder, args, peer);
}

labTest("a cut between two halves heals without two truths", async (lab) => {
  await using lan = await Segments.make(["a"]);
  const pcs: Pc[] = [];
  for (const [n, host] of HOSTS.entries()) pcs.push(await lan.pc(`n${n}`, ["a", `${host}/24`]));
  await using cluster = await NatsCluster.start({
    hosts: HOSTS,
    inside: (n, ...command) => ["nsenter", `--net=/run/netns/${pcs[n]!.namespace}`, "--", ...command],
  });
  const servers = await Promise.all(pcs.map((pc, n) => server(lab, n, pc, cluster.url)));
  const [small, , large] = pcs as [Pc, Pc, Pc];
  const left = peer(lab, "left", "left", 0, small);
  const right = peer(lab, "right", "right", 2, large);
  const cookie = (await left.event("registered", undefined, SLOW)).cookie;
  await right.event("registered", undefined, SLOW);

  await lan.plug("n0", false);
  await servers[0]!.said(/NATS is out of reach/, { timeout: SLOW });
  // The small half takes nobody, and tells nothing old; the large one goes on.
  const asked = await lab.run("rs", "asker", ["peers", "--rs", HOSTS[0]!], small.rs);
  assertEquals(asked.code, 3, asked.stderr);
  assert(/NATS/.test(asked.stderr), asked.stderr);
  const twin = peer(lab, "twin-of-small", "twin", 0, small);
  await twin.said(/NATS/, { timeout: SLOW });
  const other = peer(lab, "twin-of-large", "twin", 1, pcs[1]!);
  assertEquals((await other.event("registered", undefined, SLOW)).peer, "twin");
  assertEquals(eventsOf({ lines: twin.lines } as never, "registered"), []);

  await lan.plug("n0", true);
  const back = (await left.events("registered", 2, SLOW))[1]!;
  assertEquals(back.cookie, cookie);
  assertEquals((await twin.event("registered", undefined, SLOW)).peer, "twin-2");
  // The news takes a moment from server to server, and who hears nothing of NATS while it elects leaders says so.
  const told = async (pc: Pc, n: number) => {
    const asked = await lab.run("rs", "asker", ["peers", "--rs", HOSTS[n]!, "--json"], pc.rs);
    if (asked.code === 3) return `server ${n} is away`;
    return eventsOf(assertCode(asked, 0), "peer").map((peer) => PARTS.map((part) => peer[part]).join()).join(
      "; ",
    );
  };
  const stories = async () => [...new Set(await Promise.all(pcs.map(told)))];
  let last: string[] = [];
  await comesTo(async () => (last = await stories()).length, 1);
  assertEquals(last[0]!.split("; ").map((line) => line.split(",").slice(0, 2)), [
    ["left", "true"],
    ["right", "true"],
    ["twin", "true"],
    ["twin-2", "true"],
  ]);
}, { skip });
