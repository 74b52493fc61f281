/**
 * tshark with our dissector: for the tests, and for the sample capture. `LABSWARM_REQUIRE_TSHARK=1` turns "no tshark,
 * tests skipped" into a failure; continuous integration sets it.
 */

import { join } from "@std/path";
import { dissector } from "../../src/protocol/wireshark/tables.ts";

const SOURCE = new URL("../../src/protocol/wireshark/p2pdi.lua", import.meta.url);

/** The dissector as it is written out of the executables. */
export async function dissectorText(): Promise<string> {
  return dissector(await Deno.readTextFile(SOURCE));
}

/**
 * Tells whether tshark is here.
 *
 * @throws {Error} when it isn't and `LABSWARM_REQUIRE_TSHARK` is set.
 */
export async function tsharkReady(): Promise<boolean> {
  const ready = await succeeds("tshark", "--version");
  if (!ready && Deno.env.get("LABSWARM_REQUIRE_TSHARK")) {
    throw new Error(
      "Cannot find tshark, and LABSWARM_REQUIRE_TSHARK is set: apt-get install tshark iproute2",
    );
  }
  return ready;
}

async function succeeds(command: string, ...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

/**
 * Has a capture dissected, and gives what tshark writes.
 *
 * @param folder for the dissector and for tshark's own files: no settings of this machine count.
 * @param args of tshark, such as `-V`.
 * @param passes with two, a packet can be shown by what came after it.
 * @throws {Error} when tshark or the dissector has something to complain about.
 */
export async function tshark(
  capture: string,
  folder: string,
  args: readonly string[],
  passes: 1 | 2 = 2,
): Promise<string> {
  const lua = join(folder, "p2pdi.lua");
  await Deno.writeTextFile(lua, await dissectorText());
  const { success, stdout, stderr } = await new Deno.Command("tshark", {
    args: ["-r", capture, ...passes === 2 ? ["-2"] : [], "-n", "-X", `lua_script:${lua}`, ...args],
    env: { HOME: folder, XDG_CONFIG_HOME: folder },
  }).output();
  const said = new TextDecoder().decode(stderr).split("\n")
    .filter((line) => line !== "" && !line.startsWith("Running as user")).join("\n");
  if (!success || said !== "") throw new Error(`tshark: ${said}`);
  return new TextDecoder().decode(stdout);
}

/**
 * Fields of the packets of a capture.
 *
 * @param fields their filter names; several values in one packet are separated by commas.
 * @param more arguments of tshark.
 */
export async function packetFields(
  capture: string,
  folder: string,
  fields: readonly string[],
  more: readonly string[] = [],
  passes: 1 | 2 = 2,
): Promise<string[][]> {
  const show = ["-T", "fields", "-E", "separator=/t", ...fields.flatMap((field) => ["-e", field])];
  const text = await tshark(capture, folder, [...show, ...more], passes);
  return text.split("\n").slice(0, -1).map((line) => line.split("\t"));
}
