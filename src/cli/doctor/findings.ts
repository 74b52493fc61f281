/** What a doctor finds, and what it says of it. Pure. */

import { codeOf, ERROR_CODES, LabError, messageOf } from "../../base/errors.ts";
import { formatBytes, formatCount, formatRate, formatSeconds, type HostPort } from "../../base/units.ts";
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

const COLOURS = { ok: "green", warning: "yellow", fault: "red", skipped: "dim" } as const;

/** The columns of a table of findings. */
export const FINDING_COLUMNS: readonly Column<Finding>[] = [
  { key: "check", fixed: true },
  {
    key: "health",
    title: "",
    format: (health) => WORDS[health as Health],
    fixed: true,
    colour: (health) => COLOURS[health as Health],
  },
  { key: "seen" },
];

/** The findings' exit code: that of the first fault. */
function exitOf(findings: readonly Finding[]): number {
  const fault = findings.find(({ health }) => health === "fault");
  return fault ? fault.exit ?? 1 : 0;
}

/**
 * What a doctor ends with who has found something wrong; undefined when there is no fault.
 *
 * @param findings all that was looked at.
 */
export function faultOf(findings: readonly Finding[]): LabError | undefined {
  const faults = findings.filter(({ health }) => health === "fault");
  if (faults.length === 0) return undefined;
  const exit = exitOf(findings);
  const code = ENDS.find((each) => ERROR_CODES[each] === exit) ?? "failed";
  const names = faults.map(({ check }) => check).join(", ");
  return new LabError(
    code,
    `${faults.length} of ${formatCount(findings.length, "check")} failed: ${names}; ` +
      "what was seen and what mends it is told with each",
  );
}

/** The codes that stand for an exit code of a finding. */
const ENDS = ["unreachable", "not_permitted", "integrity", "usage"] as const;

/** An advice, and the checks that led to it. */
export interface Advice {
  checks: string[];
  isFault: boolean;
  advice: string;
}

/** What to do, each thing once, whatever number of checks says so. */
export function adviceOf(findings: readonly Finding[]): Advice[] {
  const all: Advice[] = [];
  for (const { check, health, advice } of findings) {
    if (advice === undefined) continue;
    const known = all.find((each) => each.advice === advice);
    if (!known) all.push({ checks: [check], isFault: health === "fault", advice });
    else {
      known.checks.push(check);
      known.isFault ||= health === "fault";
    }
  }
  return all;
}

/** A hole in a firewall. */
export interface Opening {
  /** What the rule is called. */
  name: string;
  protocol: "TCP" | "UDP";
  port: number;
  /** Which program listens there: Windows may have a rule of its own against it. */
  program?: "rs" | "peer";
}

/**
 * The commands that let others in. On Windows a rule that blocks goes before any that allows; it makes one for a program
 * that listens for the first time, unless somebody with the right to do so allows it then.
 *
 * @param os as `Deno.build.os` has it.
 * @example
 * ```ts
 * import { firewallAdvice } from "./findings.ts";
 * const [advice] = firewallAdvice("windows", { name: "LabSwarm peer", protocol: "TCP", port: 23476 });
 * if (!advice!.includes("localport=23476")) throw new Error(advice);
 * ```
 */
export function firewallAdvice(os: string, { name, protocol, port, program }: Opening): string[] {
  if (os !== "windows") {
    const small = protocol.toLowerCase();
    return [
      `as root, where ufw is in use: ufw allow ${port}/${small}`,
      `as root, where firewalld is in use: firewall-cmd --permanent --add-port=${port}/${small} && firewall-cmd --reload`,
    ];
  }
  const blocking = "Get-NetFirewallApplicationFilter | Where-Object Program -like *\\" + program +
    ".exe | Get-NetFirewallRule | Where-Object Action -eq Block | Remove-NetFirewallRule";
  return [
    `as an administrator: netsh advfirewall firewall add rule name="${name}" dir=in action=allow protocol=${protocol} localport=${port}`,
    `or in PowerShell: New-NetFirewallRule -DisplayName "${name}" -Direction Inbound -Action Allow -Protocol ${protocol} -LocalPort ${port}`,
    ...(program === undefined ? [] : [
      `if that changes nothing, Windows has a rule that blocks ${program}.exe, from when it asked and nobody allowed it; in PowerShell: ${blocking}`,
    ]),
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
export function judgeClock(ahead: number, os: string = Deno.build.os): Finding {
  const by = Math.abs(ahead);
  const seen = by < 1
    ? "as the registration server's"
    : `${spanText(by)} ${ahead > 0 ? "ahead of" : "behind"} the registration server's`;
  if (by <= CLOCK.look) return { check: "clock", health: "ok", seen };
  const advice =
    "Set this PC's clock, or the server's: a secured lab's certificates hold from one time to another\n" +
    (os === "windows"
      ? "as an administrator: net start w32time, then w32tm /resync; without the Internet in PowerShell: Set-Date"
      : "as root: timedatectl set-ntp true; without the Internet: date --set");
  return { check: "clock", health: by > CLOCK.wrong ? "fault" : "warning", seen, advice };
}

const DAY = 86_400;

function spanText(seconds: number): string {
  return seconds < 2 * DAY ? formatSeconds(seconds) : `${Math.round(seconds / DAY)} days`;
}

/**
 * Judges that the registration server could not be had.
 *
 * @param at where it should be; undefined when it was looked for on the network.
 */
export function judgeServer(cause: unknown, at: HostPort | undefined, os: string = Deno.build.os): Finding {
  const code = codeOf(cause);
  const finding = {
    check: "server",
    health: "fault",
    seen: messageOf(cause),
    exit: ERROR_CODES[code],
  } as const;
  if (code === "usage") {
    return { ...finding, advice: "Say which one, with --rs HOST[:PORT]; peer serve remembers it" };
  }
  if (code === "not_permitted") {
    const advice =
      "Ask the one who runs the server for a join code (rs invite prints one there), and say it here once:\n" +
      "peer serve --join CODE";
    return { ...finding, advice };
  }
  const rule = { name: "LabSwarm rs", protocol: "TCP", port: at?.port ?? RS_PORT, program: "rs" } as const;
  const found = { name: "LabSwarm rs, to be found", protocol: "UDP", port: 5353 } as const;
  const advice = [
    "Is rs serve running, is its PC on, does its firewall let this in (there, not here):",
    ...firewallAdvice(os, rule),
    ...(at ? [] : [
      "If it runs, but isn't found, say where it is, with --rs HOST[:PORT], or there:",
      ...firewallAdvice(os, found),
    ]),
  ];
  return { ...finding, advice: advice.join("\n") };
}

/** The port of a registration server unless told otherwise. */
const RS_PORT = 23475;

/** Bytes per second below which a way is worth a look: well under a cable of 100 Mbit/s (12 MB/s), well over one of 10. */
const SLOW = 5_000_000;

/** Judges how fast bytes come, or go. @param check "from pc7" or "to pc7". */
export function judgeRate(check: string, bytes: number, seconds: number): Finding {
  const rate = bytes / Math.max(seconds, 1e-6);
  const seen = `${formatRate(rate)} (${formatBytes(bytes)})`;
  if (rate >= SLOW) return { check, health: "ok", seen };
  const advice =
    "Slow: a cable of 100 Mbit/s carries 12 MB/s. Look at both PCs' cables and sockets; Wi-Fi, --rate and a " +
    "transfer under way slow it down, too. rs doctor, on the server's PC, tells which PC it is";
  return { check, health: "warning", seen, advice };
}

/**
 * Judges that a folder can't be used.
 *
 * @param which the flag that names it.
 * @param cause why nothing can be written there.
 */
export function judgeFolder(which: "share" | "data", path: string, cause: LabError): Finding {
  const check = which === "share" ? "share" : "data folder";
  const finding = { check, health: "fault", seen: cause.message, exit: cause.exitCode } as const;
  const elsewhere = `choose another folder with --${which}`;
  if (cause.code === "disk_full") {
    const advice = `The disk is full: make room on the one that ${path} is on, or ${elsewhere}`;
    return { ...finding, advice };
  }
  return { ...finding, advice: `Give yourself the right to write in ${path}, or ${elsewhere}` };
}

/** Free bytes below which it's worth saying, and below which nothing works. */
const SPACE = { look: 2_000_000_000, wrong: 50_000_000 };

/** Judges the free space on a volume. */
export function judgeSpace(bytes: number | undefined, text: string): Finding {
  const check = "free space";
  if (bytes === undefined) return { check, health: "skipped", seen: "the system doesn't say" };
  if (bytes >= SPACE.look) return { check, health: "ok", seen: text };
  const isFull = bytes < SPACE.wrong;
  const advice =
    `${isFull ? "The disk is full: make" : "Make"} room: what is fetched has to fit, and a broadcast ` +
    "of an image needs a few GB";
  return { check, health: isFull ? "fault" : "warning", seen: text, advice };
}
