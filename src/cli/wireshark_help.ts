/** What both programs say of their `wireshark`, and its flags. */

import type { Flags } from "./flags.ts";
import type { Example } from "./spec.ts";

export const WIRESHARK_FLAGS = {
  out: { type: "string", value: "PATH", shownDefault: "{data}", help: "where to: a folder, or a file .lua" },
} as const satisfies Flags;

/** Name, help and examples of the command. */
export function wiresharkHelp(program: "rs" | "peer") {
  const examples: readonly Example[] = [
    [`${program} wireshark`, "into the data folder; says where to put it then"],
    [`${program} wireshark --out share`, "where the other PCs can fetch it"],
  ];
  return {
    name: "wireshark",
    summary: "write out the Wireshark dissector of P2P-DI/2",
    description:
      "Writes p2pdi.lua, with which Wireshark and tshark name every message, show its fields and tie answers to " +
      "questions; and says where to put it on Windows, Linux and macOS, and how to read encrypted traffic.",
    flags: WIRESHARK_FLAGS,
    examples,
  };
}
