/** `rs broadcasts`: those that run, and those that wait for PCs that are off. */

import { LabError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import { printable } from "../../catalog/names.ts";
import { queryBroadcasts } from "../../peer/rs_client.ts";
import type { WireBroadcast, WireBroadcastPeer } from "../../protocol/messages.ts";
import type { Connection } from "../../transport/connection.ts";
import type { CommandContext } from "../context.ts";
import type { Column } from "../table.ts";
import type { ASK_FLAGS } from "./common_flags.ts";
import type { RS_BROADCASTS_FLAGS } from "./rs_flags.ts";
import { minuteText } from "./lists.ts";
import { askRs } from "./rs_setting.ts";

type Ctx = CommandContext<typeof RS_BROADCASTS_FLAGS>;

const shortTime = (time: unknown) => time === undefined ? "-" : minuteText(time);

/** Digits of an id that are shown: enough to tell it by, and --id takes them. */
const ID_DIGITS = 8;

const WHY = {
  key: "reason",
  title: "why",
  below: true,
  format: (reason: unknown) => String(reason ?? ""),
} as const;

const COLUMNS: Column<WireBroadcast>[] = [
  { key: "id", fixed: true, format: (id) => String(id).slice(0, ID_DIGITS) },
  { key: "name" },
  { key: "peer", title: "from", minor: true },
  { key: "bytes", title: "size", format: (bytes) => formatBytes(Number(bytes)), align: "right" },
  { key: "began", format: shortTime, fixed: true },
  { key: "expires", format: shortTime, fixed: true, minor: true },
  { key: "state" },
  { key: "done" },
  { key: "waiting" },
  { key: "failed" },
  WHY,
];

const PC_COLUMNS: Column<WireBroadcastPeer>[] = [
  { key: "name", title: "peer", fixed: true },
  { key: "active", title: "there", format: (active) => active ? "yes" : "no" },
  { key: "state" },
  { key: "at", format: shortTime, fixed: true },
  WHY,
];

/** Lists broadcasts, or the PCs of one; withdraws one. */
export async function run(ctx: Ctx): Promise<void> {
  const rs = await askRs(ctx as unknown as CommandContext<typeof ASK_FLAGS>);
  try {
    const { id, withdraw } = ctx.flags;
    if (withdraw !== undefined) await withdrawOne(ctx, rs, withdraw);
    else if (id !== undefined) await listPcs(ctx, rs, id);
    else await listAll(ctx, rs);
  } finally {
    rs.close();
  }
}

async function listAll({ flags, output, clock }: Ctx, rs: Connection): Promise<void> {
  const { broadcasts } = await queryBroadcasts(rs, flags.all ? { all: true } : {});
  for (const { id, name, peer: from, done, failed, waiting, began, ...rest } of broadcasts) {
    const until = rest.ended === undefined ? clock.now() : Date.parse(rest.ended);
    const seconds = Math.max(0, Math.round((until - Date.parse(began)) / 1000));
    const peers = done + failed + waiting;
    output.json({
      event: "broadcast",
      id,
      name,
      peers,
      done,
      failed,
      waiting,
      seconds,
      from,
      began,
      ...rest,
    });
  }
  if (flags.csv) return output.csv(broadcasts, COLUMNS);
  if (broadcasts.length === 0) return output.line("No broadcasts");
  const hasReason = broadcasts.some(({ reason }) => reason !== undefined);
  output.table(broadcasts, COLUMNS.filter((column) => hasReason || column !== WHY));
}

async function listPcs({ flags, output }: Ctx, rs: Connection, wanted: string): Promise<void> {
  const id = await wholeId(rs, wanted);
  const { peers } = await queryBroadcasts(rs, { id });
  for (const { name, ...rest } of peers) output.json({ event: "receipt", id, peer: name, ...rest });
  if (flags.csv) return output.csv(peers, PC_COLUMNS);
  if (peers.length === 0) return output.line("No PCs");
  output.table(peers, PC_COLUMNS);
}

async function withdrawOne({ output }: Ctx, rs: Connection, wanted: string): Promise<void> {
  const id = await wholeId(rs, wanted);
  await rs.request({ kind: "Withdraw", id }, "Noted");
  output.json({ event: "withdrawn", id });
  output.line(`Withdrawn: ${printable(id)}; who has it keeps it, nobody else gets it`);
}

/**
 * A person types the beginning of an id.
 *
 * @throws {LabError} "not_found", or "usage" when several begin like that.
 */
export async function wholeId(rs: Connection, wanted: string): Promise<string> {
  const { broadcasts } = await queryBroadcasts(rs, { all: true });
  const found = broadcasts.filter(({ id }) => id.startsWith(wanted));
  if (found.length === 1) return found[0]!.id;
  if (found.length > 1) {
    throw new LabError("usage", `Cannot tell which broadcast ${printable(wanted)} is: several ids begin so`);
  }
  throw new LabError("not_found", `No broadcast has the id ${printable(wanted)}; see rs broadcasts --all`);
}
