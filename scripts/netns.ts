/**
 * PCs, switches and routers as network namespaces of this machine: for the benches' LAN and for the institution of
 * `scripts/lab`. Needs root.
 *
 * The congestion control is cubic, Linux's usual one, whatever the machine prefers.
 */

import { run } from "./bench/measure.ts";

const SYSCTL = "/proc/sys/net/";
const CONGESTION_CONTROL = "cubic";

/**
 * Longest burst of tbf, seconds of the rate, and its least size, bytes. Below that, tbf cuts GSO packets up, which costs
 * more CPU than all else: 45 segments of 1,448 bytes count with a header of 66 bytes each, 68,130 bytes together.
 */
const BURST_SECONDS = 0.002;
const BURST_BYTES = 72_000;
/** What tbf queues, seconds of the rate, and at least, bytes: more than a UDP sender's default socket buffer. */
const QUEUE_SECONDS = 0.03;
const QUEUE_BYTES = 300_000;

/** A batch of lines for `ip` or `tc` in one namespace. */
export interface Batch {
  program: "ip" | "tc";
  namespace: string;
  lines: string[];
}

/** The parameters of a tbf that limits to a rate, bits per second. */
export function tbf(rate: number): string {
  const burst = Math.max(BURST_BYTES, Math.floor(rate / 8 * BURST_SECONDS));
  const limit = Math.max(QUEUE_BYTES, Math.floor(rate / 8 * QUEUE_SECONDS)) + burst;
  return `root tbf rate ${rate}bit burst ${burst} limit ${limit}`;
}

/** The command that runs another one in a namespace; it becomes that one, so the process id is the same. */
export function inside(namespace: string, ...command: string[]): [string, ...string[]] {
  return ["nsenter", `--net=/run/netns/${namespace}`, "--", ...command];
}

/** Makes a namespace. @param routed whether it passes packets on. */
export async function makeNamespace(name: string, { routed }: { routed: boolean }): Promise<void> {
  await run("ip", "netns", "add", name);
  const settings = [
    "net.ipv6.conf.all.disable_ipv6=1",
    "net.ipv6.conf.default.disable_ipv6=1",
    `net.ipv4.tcp_congestion_control=${CONGESTION_CONTROL}`,
    "net.ipv4.tcp_no_metrics_save=1",
    // The firewall need not look at what a switch passes on; -e: not every kernel has it.
    "net.bridge.bridge-nf-call-iptables=0",
    ...routed ? ["net.ipv4.ip_forward=1"] : [],
  ];
  await run("ip", "netns", "exec", name, "sysctl", "-e", "-qw", ...settings);
}

/**
 * Lets namespaces choose the congestion control: they may only choose among what the machine allows.
 *
 * @returns what undoes it, where there is something to undo.
 */
export function allowCongestionControl(): (() => void) | undefined {
  const allowed = `${SYSCTL}ipv4/tcp_allowed_congestion_control`;
  const before = Deno.readTextFileSync(allowed).trim();
  if (before.split(" ").includes(CONGESTION_CONTROL)) return undefined;
  Deno.writeTextFileSync(allowed, `${before} ${CONGESTION_CONTROL}`);
  return () => Deno.writeTextFileSync(allowed, before);
}

/** Names of the namespaces that begin so. */
export async function namespacesLike(prefix: string): Promise<string[]> {
  const list = await run("ip", "netns", "list");
  return list.split("\n").map((line) => line.split(" ")[0]!).filter((name) => name.startsWith(prefix));
}

/** Ends what runs in the namespaces that begin so, and removes them. */
export async function removeNamespaces(prefix: string): Promise<void> {
  for (const name of await namespacesLike(prefix)) {
    for (const pid of (await run("ip", "netns", "pids", name)).split("\n").filter((line) => line !== "")) {
      try {
        Deno.kill(Number(pid), "SIGKILL");
      } catch { /* it has ended */ }
    }
    await run("ip", "netns", "del", name);
  }
}

/** Does what a batch says. */
export async function carryOut({ program, namespace, lines }: Batch): Promise<void> {
  const child = new Deno.Command(program, {
    args: ["-n", namespace, "-batch", "-"],
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(lines.join("\n") + "\n"));
  await writer.close();
  const { code, stderr } = await child.output();
  if (code !== 0) throw new Error(`${program} in ${namespace}: ${new TextDecoder().decode(stderr).trim()}`);
}
