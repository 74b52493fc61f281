/** What `rs doctor` says of a PC, a cable or a pair. Pure. */

import { formatRate } from "../../base/units.ts";
import { printable } from "../../catalog/names.ts";
import { PEER_PORT } from "../../peer/serve/ports.ts";
import { firewallAdvice } from "./findings.ts";
import type { Verdict } from "./matrix.ts";

/**
 * A verdict in words. Which system a PC has nobody tells the server, so the commands for each are named.
 *
 * @returns lines; those after the first are commands, indented.
 */
export function textOf(verdict: Verdict): string[] {
  const { kind, peer, to, rate, usual, reason } = verdict;
  const name = printable(peer);
  const slow = `${formatRate(rate ?? 0)} where ${formatRate(usual ?? 0)} is usual`;
  const other = to === undefined ? "" : printable(to);
  switch (kind) {
    case "unreachable":
      return unreachable(verdict);
    case "both":
      return [
        `${name} is slow: ${slow}. Look at its cable, its socket in the wall and its port on the switch`,
      ];
    case "sends":
      return [
        `${name} sends slowly: ${slow}. A bad pair of wires in its cable, or a duplex setting, does that`,
      ];
    case "receives":
      return [
        `${name} receives slowly: ${slow}. A bad pair of wires in its cable, a duplex setting or a full disk does that`,
      ];
    case "pair":
      return [
        `From ${name} to ${other} it is slow: ${slow}. Both are well with others: look at what is between them`,
      ];
    case "pair unreachable":
      return [`${other} can't fetch from ${name}: ${printable(reason ?? "nothing came", 200)}`];
    default:
      return kind satisfies never;
  }
}

function unreachable({ peer, reason, port = PEER_PORT }: Verdict): string[] {
  const name = printable(peer);
  const why = reason === undefined ? "" : ` (${printable(reason, 200)})`;
  const rule = { name: "LabSwarm peer", protocol: "TCP", port, program: "peer" } as const;
  const commands = (system: string, os: string) => [
    `  if it has ${system},`,
    ...firewallAdvice(os, rule).map((line) => `    ${line}`),
  ];
  return [
    `Nobody can fetch from ${name}${why}. Its firewall is the likely reason; on ${name},`,
    ...commands("Windows", "windows"),
    ...commands("Linux", "linux"),
  ];
}
