/** `rs status`: how the `rs serve` on this data folder does. */

import { LabError } from "../../base/errors.ts";
import { formatBytes, formatCount, formatSeconds } from "../../base/units.ts";
import { connectControl } from "../../peer/control.ts";
import type { CommandContext } from "../context.ts";
import type { STATUS_FLAGS } from "./rs_flags.ts";
import { peerContext } from "./setting.ts";

/** Tells; exit code 3 when none runs. */
export async function run(ctx: CommandContext<typeof STATUS_FLAGS>): Promise<void> {
  const { folders, output, signal, clock } = ctx;
  const data = await ctx.ensureAccess(folders.data, "read-write", { flag: "--data", folder: "data" });
  const control = await connectControl(data, "rs", peerContext(ctx));
  if (!control) {
    throw new LabError(
      "unreachable",
      `No rs serve runs on the data folder ${folders.data}: start one with rs serve`,
    );
  }
  let status: Record<string, unknown> = {};
  try {
    await control.run("status", {}, (line) => status = line, signal);
  } finally {
    control.close();
  }
  output.json(status as { event: string });
  for (const [title, text] of rows(status, clock.now())) output.result(`${title.padEnd(13)}${text}`);
}

/** The lines of the table. */
function* rows(status: Record<string, unknown>, now: number): Generator<[title: string, text: string]> {
  const number = (key: string) => Number(status[key] ?? 0);
  yield ["Version", String(status.version)];
  yield ["Running for", formatSeconds(number("uptime"))];
  yield ["Listening", `${status.host}:${status.port}, ${status.secured ? "secured" : "open to anybody"}`];
  if (status.servers !== undefined) yield* sharedRows(status);
  yield ["Peers", `${number("active")} active of ${number("peers")}`];
  if (status.secured) yield ["Members", `${number("members")}, ${number("revoked")} revoked`];
  yield ["Connections", String(number("connections"))];
  yield ["Index", formatCount(number("rows"), "row")];
  yield ["Broadcasts", `${number("broadcasts")} that hold: PCs that come get them; see rs broadcasts`];
  yield [
    "Messages",
    `${number("messages")}; ${number("messagesPerSecond")} per second in the last minute, ` +
    `${number("errorsPerSecond")} of them refused`,
  ];
  yield ["Memory", formatBytes(number("residentBytes"))];
  if (status.storeBytes !== undefined) yield ["Database", formatBytes(number("storeBytes"))];
  if (status.servers === undefined) yield ["Last backup", backupText(status.lastBackup, now)];
}

/** Where several servers share the registry. */
function* sharedRows({ store, reachable, servers }: Record<string, unknown>): Generator<[string, string]> {
  const others = servers as string[];
  yield [
    "Registry",
    reachable ? String(store) : `${store}: OUT OF REACH, so nobody can register, join or be revoked here`,
  ];
  yield [
    "Servers",
    `${1 + others.length}, ${others.length === 0 ? "no other one" : `the others: ${others.join(", ")}`}`,
  ];
}

function backupText(last: unknown, now: number): string {
  const { made, path } = (last ?? {}) as { made?: string; path?: string };
  if (made === undefined) return "none; see rs backup --help";
  const ago = formatSeconds(Math.max(0, Math.round((now - Date.parse(made)) / 1000)));
  return `${made.replace("T", " ").slice(0, 16)} UTC, ${ago} ago, in ${path}`;
}
