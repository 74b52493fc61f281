/** How peers and files are listed: as a table, as CSV, as JSON lines. The same for `rs` and `peer`. */

import { formatBytes } from "../../base/units.ts";
import type { NetworkRow } from "../../peer/fetch/select.ts";
import type { IndexRow } from "../../catalog/row.ts";
import type { WirePeer } from "../../protocol/messages.ts";
import type { Output } from "../output.ts";
import type { Column } from "../table.ts";

/** A time of the wire, ISO 8601 UTC, as this PC's clock on the wall shows it; what is no time stays as it is. */
export function minuteText(time: unknown): string {
  const at = new Date(String(time));
  if (typeof time !== "string" || Number.isNaN(at.getTime())) return String(time ?? "");
  const two = (n: number) => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ` +
    `${two(at.getHours())}:${two(at.getMinutes())}`;
}

const PEER_COLUMNS: Column<WirePeer>[] = [
  { key: "name", fixed: true },
  { key: "host", minor: true },
  { key: "address", fixed: true },
  { key: "port" },
  { key: "active", format: (active) => active ? "yes" : "no" },
  { key: "ttl", format: (ttl) => Number(ttl) === 0 ? "-" : `${ttl} s`, align: "right" },
  { key: "registrations30d", title: "reg. 30 d", minor: true },
  {
    key: "lastRegistered",
    title: "registered",
    format: minuteText,
    minor: true,
  },
];

/** Shown where there's somebody who answers the course's own programs. */
const CLASSIC: Column<WirePeer> = {
  key: "classic",
  format: (port) => port === undefined ? "-" : String(port),
};

/** Lists peers. */
export function listPeers(
  peers: readonly WirePeer[],
  output: Output,
  options: { csv: boolean; none: string },
): void {
  for (const { name, address, port, active, ttl, registrations30d, lastRegistered, host, classic } of peers) {
    const more = { host, ...(classic === undefined ? {} : { classic }) };
    output.json({
      event: "peer",
      name,
      address,
      port,
      active,
      ttl,
      registrations30d,
      lastRegistered,
      ...more,
    });
  }
  // A program reads it: the same words as in JSON.
  if (options.csv) return output.csv(peers, PEER_COLUMNS.map(({ key }) => ({ key })));
  if (peers.length === 0) return output.line(options.none);
  const anyClassic = peers.some(({ classic }) => classic !== undefined);
  output.table(peers, anyClassic ? [...PEER_COLUMNS, CLASSIC] : PEER_COLUMNS);
}

interface FileLine extends IndexRow {
  peer: string;
}

const size: Column<FileLine> = { key: "size", format: (bytes) => formatBytes(Number(bytes)), align: "right" };
const shortHash: Column<FileLine> = {
  key: "sha256",
  format: (hash) => String(hash).slice(0, 12),
  fixed: true,
  minor: true,
};
const modified: Column<FileLine> = {
  key: "modified",
  format: minuteText,
  fixed: true,
  minor: true,
};

/** Lists the files of a network: a JSON line or CSV row for each holder, a line of the table for each content. */
export function listNetwork(
  rows: readonly NetworkRow[],
  output: Output,
  options: { csv: boolean; none: string },
): void {
  const lines = rows.flatMap(({ holders, ...row }) =>
    holders.map((holder): FileLine => ({ ...row, flag: 1, peer: holder.peer }))
  );
  for (const { name, title, size, sha256, modified, flag, peer } of lines) {
    output.json({ event: "file", name, title, size, sha256, modified, flag, peer });
  }
  if (options.csv) {
    return output.csv(lines, [...INDEX_CSV, { key: "peer" }]);
  }
  if (rows.length === 0) return output.line(options.none);
  const shown = rows.map(({ holders, ...row }): FileLine => ({
    ...row,
    flag: 1,
    peer: holders.map((h) => h.peer).join(", "),
  }));
  output.table(shown, [{ key: "name" }, size, { key: "title", minor: true }, modified, shortHash, {
    key: "peer",
    title: "held by",
  }]);
}

const INDEX_CSV: Column<FileLine>[] = [
  { key: "name" },
  { key: "title" },
  { key: "size" },
  { key: "sha256" },
  { key: "modified" },
  { key: "flag" },
];

/** Lists the files of our own index. */
export function listLocal(
  rows: readonly IndexRow[],
  output: Output,
  options: { csv: boolean; none: string },
): void {
  for (const { name, title, size, sha256, modified, flag } of rows) {
    output.json({ event: "file", name, title, size, sha256, modified, flag });
  }
  const lines = rows.map((row): FileLine => ({ ...row, peer: "" }));
  if (options.csv) return output.csv(lines, INDEX_CSV);
  if (rows.length === 0) return output.line(options.none);
  const flag: Column<FileLine> = {
    key: "flag",
    format: (f) => Number(f) === 1 ? "1" : "0 gone",
    align: "left",
  };
  output.table(lines, [{ key: "name" }, size, { key: "title", minor: true }, modified, shortHash, flag]);
}
