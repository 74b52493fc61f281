/** `rs wireshark`, `peer wireshark`: the dissector, out of the executable. */

import { join } from "@std/path";
import { dissector } from "../../protocol/wireshark/tables.ts";
import { fileError } from "../../storage/root.ts";
import type { CommandContext } from "../context.ts";
import type { WIRESHARK_FLAGS } from "../wireshark_help.ts";

/** Compiled into the executable: scripts/compile/plan.ts names it. */
const SOURCE = new URL("../../protocol/wireshark/p2pdi.lua", import.meta.url);
const NAME = "p2pdi.lua";

/** Writes the file, and says what to do with it. */
export async function run(ctx: CommandContext<typeof WIRESHARK_FLAGS>): Promise<void> {
  const { flags, folders, output } = ctx;
  const text = dissector(await Deno.readTextFile(SOURCE));
  const wanted = flags.out ?? folders.data;
  const isFile = wanted.endsWith(".lua");
  const granted = await ctx.ensureAccess(wanted, isFile ? "write" : "read-write", {
    flag: "--out",
    folder: "data",
  });
  const path = isFile ? granted : join(granted, NAME);
  try {
    if (!isFile) await Deno.mkdir(granted, { recursive: true });
    await Deno.writeTextFile(path, text);
  } catch (cause) {
    throw fileError(cause, `Cannot write ${path}`);
  }
  output.json({ event: "wireshark", path, bytes: new TextEncoder().encode(text).length });
  output.result(path);
  for (const line of advice(path, ctx.program)) output.line(line);
}

/** Where Wireshark's own setup puts it on Windows, where it's on no search path. */
const WINDOWS_FOLDER = "C:\\Program Files\\Wireshark\\";

/**
 * Where it goes, and how to look inside TLS.
 *
 * @param os as `Deno.build.os` has it: says how commands are written, on Windows for PowerShell.
 */
export function advice(path: string, program: string, os: string = Deno.build.os): string[] {
  const isWindows = os === "windows";
  const tool = (name: string) => isWindows ? `& "${WINDOWS_FOLDER}${name}.exe"` : name;
  const script = `-X ${/[^\w\-./\\:]/.test(path) ? `"lua_script:${path}"` : `lua_script:${path}`}`;
  const start = isWindows
    ? `$env:SSLKEYLOGFILE="keys.log"; .\\${program} serve ...`
    : `SSLKEYLOGFILE=keys.log ${program} serve ...`;
  return [
    "",
    "Copy it into Wireshark's folder for personal Lua plugins (make the folder if it is missing):",
    "  Windows       %APPDATA%\\Wireshark\\plugins",
    "  Linux, macOS  ~/.local/lib/wireshark/plugins",
    "  (Help > About Wireshark > Folders says it for certain.) Then Analyze > Reload Lua Plugins.",
    `Without installing${isWindows ? ", in PowerShell" : ""}:`,
    `  ${tool("wireshark")} ${script}`,
    `  ${tool("tshark")} ${script} -r CAPTURE`,
    "",
    'Filters: p2pdi, p2pdi.type == "PieceData", p2pdi.name contains "report", p2pdi.peer == "pc7",',
    "p2pdi.stream == 3, p2pdi.error, p2pdi.time > 0.1. On one PC capture on the loopback interface.",
    "",
    "Encrypted traffic: set SSLKEYLOGFILE to a path before starting a program, capture from its start, and name that",
    "file in Edit > Preferences > Protocols > TLS > (Pre)-Master-Secret log filename, or give it to tshark:",
    `  ${start}`,
    `  ${tool("tshark")} -o tls.keylog_file:keys.log ${script} -r CAPTURE`,
    "Who has that file can read everything that was captured: delete it when you are done.",
  ];
}
