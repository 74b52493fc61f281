/** `peer status` and `peer leave`: both talk to the serve on this data folder. */

import { LabError } from "../../base/errors.ts";
import { formatBytes, formatCount } from "../../base/units.ts";
import { connectControl, type ControlClient } from "../../peer/control.ts";
import type { Transfer } from "../../peer/serve/transfers.ts";
import type { CommandContext } from "../context.ts";
import { TRANSFER_COLUMNS } from "./transfer_table.ts";
import type { STATUS_FLAGS } from "./peer_flags.ts";
import { peerContext } from "./setting.ts";

type Ctx = CommandContext<typeof STATUS_FLAGS>;

/**
 * Connects to the serve on this data folder.
 *
 * @throws {LabError} "unreachable" when none runs.
 */
async function runningServe(ctx: Ctx): Promise<ControlClient> {
  const data = await ctx.ensureAccess(ctx.folders.data, "read-write", { flag: "--data", folder: "data" });
  const control = await connectControl(data, "peer", peerContext(ctx));
  if (control) return control;
  throw new LabError(
    "unreachable",
    `No peer serve runs on the data folder ${ctx.folders.data}: start one with peer serve`,
  );
}

/** Tells or ends. */
export async function run(ctx: Ctx): Promise<void> {
  const control = await runningServe(ctx);
  try {
    await control.run(ctx.command, {}, (line) => show(ctx, line), ctx.signal);
  } finally {
    control.close();
  }
}

function show(ctx: Ctx, line: Record<string, unknown>): void {
  const { output } = ctx;
  output.json(line as { event: string });
  if (line.event === "left") return output.line(`${line.peer} has left`);
  if (line.event !== "status") return;
  const registered = line.registered
    ? `yes, cookie ${line.cookie}, TTL ${line.ttl} s`
    : `no${line.fault ? `: ${line.fault}` : ""}`;
  output.result(`Peer         ${line.peer}`);
  output.result(`Registered   ${registered}`);
  output.result(`Server       ${line.rs}`);
  output.result(`Port         ${line.port}`);
  output.result(`Share        ${line.share}, ${formatCount(Number(line.files), "file")}`);
  output.result(`Connections  ${line.connections}`);
  output.result(`Sent         ${formatBytes(Number(line.sent))}`);
  output.result(`Received     ${formatBytes(Number(line.received))}`);
  const transfers = (Array.isArray(line.transfers) ? line.transfers : []) as Transfer[];
  if (transfers.length === 0) return;
  output.result("");
  output.table(transfers, TRANSFER_COLUMNS);
}
