/** What a doctor finds, and what it says of it. Pure. */

import type { Column } from "../table.ts";

/** How it stands with one thing. */
export type Health = "ok" | "warning" | "fault" | "skipped";

/** What was found out about one thing. */
export interface Finding {
  /** Fixed word, for scripts: "name", "port-from-rs". */
  check: string;
  health: Health;
  /** What was seen, in words. */
  seen: string;
  /** What to do about it. */
  advice?: string | undefined;
  /** The exit code that this fault alone leads to; 1 unless told. */
  exit?: number;
}

const WORDS: Record<Health, string> = { ok: "ok", warning: "look", fault: "WRONG", skipped: "-" };

/** The columns of a table of findings. */
export const FINDING_COLUMNS: readonly Column<Finding>[] = [
  { key: "check", fixed: true },
  { key: "health", title: "", format: (health) => WORDS[health as Health], fixed: true },
  { key: "seen" },
];

/** The findings' exit code: that of the first fault. */
export function exitOf(findings: readonly Finding[]): number {
  const fault = findings.find(({ health }) => health === "fault");
  return fault ? fault.exit ?? 1 : 0;
}

/** A hole in a firewall. */
export interface Opening {
  /** What the rule is called. */
  name: string;
  protocol: "TCP" | "UDP";
  port: number;
}

/**
 * The commands that let others in.
 *
 * @param os as `Deno.build.os` has it.
 * @example
 * ```ts
 * import { firewallAdvice } from "./findings.ts";
 * const [advice] = firewallAdvice("windows", { name: "LabSwarm peer", protocol: "TCP", port: 23476 });
 * if (!advice!.includes("localport=23476")) throw new Error(advice);
 * ```
 */
export function firewallAdvice(os: string, { name, protocol, port }: Opening): string[] {
  if (os !== "windows") {
    const small = protocol.toLowerCase();
    return [
      `as root, where ufw is in use: ufw allow ${port}/${small}`,
      `as root, where firewalld is in use: firewall-cmd --permanent --add-port=${port}/${small} && firewall-cmd --reload`,
    ];
  }
  return [
    `as an administrator: netsh advfirewall firewall add rule name="${name}" dir=in action=allow protocol=${protocol} localport=${port}`,
    `or in PowerShell: New-NetFirewallRule -DisplayName "${name}" -Direction Inbound -Action Allow -Protocol ${protocol} -LocalPort ${port}`,
  ];
}

/** Cards that lead to virtual machines, containers and VPNs rather than to other PCs. */
const VIRTUAL =
  /virtual|vmware|vbox|vethernet|hyper-v|docker|^br-|^veth|^virbr|wsl|vpn|^tun|^tap|^wg|tailscale|zerotier|loopback/i;

/** Judges this PC's network cards. */
export function judgeCards(cards: readonly { name: string; address: string }[]): Finding {
  const check = "network cards";
  const list = cards.map(({ name, address }) => `${address} (${name})`).join(", ");
  const real = cards.filter(({ name, address }) => !VIRTUAL.test(name) && !address.startsWith("169.254."));
  if (cards.length === 0) {
    const advice = "Plug the network cable in, or join the Wi-Fi";
    return { check, health: "fault", seen: "none has an IPv4 address", advice };
  }
  if (real.length === 0) {
    const advice =
      "None of these leads to other PCs: is the cable in, does the network give out addresses (DHCP)?";
    return { check, health: "warning", seen: list, advice };
  }
  return { check, health: "ok", seen: list };
}

/** Seconds by which a clock may differ before it's worth saying, and before it's a fault: certificates have dates. */
const CLOCK = { look: 5, wrong: 3600 };

/** Judges this PC's clock against the registration server's. @param ahead seconds that ours is ahead. */
export function judgeClock(ahead: number): Finding {
  const by = Math.abs(ahead);
  const seen = by < 1
    ? "as the registration server's"
    : `${by.toFixed(0)} s ${ahead > 0 ? "ahead of" : "behind"} the registration server's`;
  if (by <= CLOCK.look) return { check: "clock", health: "ok", seen };
  const advice =
    "Set this PC's clock, or the server's: a secured lab's certificates hold from one time to another";
  return { check: "clock", health: by > CLOCK.wrong ? "fault" : "warning", seen, advice };
}

/** Free bytes below which it's worth saying, and below which nothing works. */
const SPACE = { look: 2_000_000_000, wrong: 50_000_000 };

/** Judges the free space on a volume. */
export function judgeSpace(bytes: number | undefined, text: string): Finding {
  const check = "free space";
  if (bytes === undefined) return { check, health: "skipped", seen: "the system doesn't say" };
  if (bytes >= SPACE.look) return { check, health: "ok", seen: text };
  const advice = "Make room: what is fetched has to fit, and a broadcast of an image needs a few GB";
  return { check, health: bytes < SPACE.wrong ? "fault" : "warning", seen: text, advice };
}
