/** Transfers under way as a table: of `peer status`, and of the menu. */

import { formatBytes, formatCount, formatRate, formatSeconds } from "../../base/units.ts";
import type { Transfer } from "../../peer/serve/transfers.ts";
import { percent } from "../progress_view.ts";
import type { Column } from "../table.ts";

/** How far it is: in percent where the whole is known. */
function doneText({ bytes, total }: Pick<Transfer, "bytes" | "total">): string {
  if (total === undefined) return bytes === 0 ? "-" : formatBytes(bytes);
  return `${percent({ bytes, total })} % of ${formatBytes(total)}`;
}

function peerText({ peer, sources }: Transfer): string {
  if (peer !== undefined) return peer;
  return sources ? formatCount(sources, "source") : "-";
}

function leftText({ bytes, total, rate }: Transfer): string {
  return total === undefined || rate <= 0 ? "-" : formatSeconds((total - bytes) / rate);
}

/** The columns of the table. */
export const TRANSFER_COLUMNS: Column<Transfer>[] = [
  {
    key: "direction",
    title: "under way",
    format: (_, row) => row.direction === "in" ? "receiving" : "sending",
  },
  { key: "name" },
  { key: "peer", title: "from, to", format: (_, row) => peerText(row) },
  { key: "bytes", title: "done", align: "right", format: (_, row) => doneText(row) },
  { key: "rate", format: (rate) => Number(rate) > 0 ? formatRate(Number(rate)) : "-", align: "right" },
  { key: "total", title: "left", align: "right", format: (_, row) => leftText(row) },
];
