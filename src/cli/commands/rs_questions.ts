/**
 * What only the `rs serve` itself can tell of its index: files of which one PC holds the last copy, and who held what from
 * when until when. Asked for over the control port, so on the PC of the server.
 */

import type { Clock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import { searcher } from "../../catalog/search.ts";
import { connectControl, type ControlCommand } from "../../peer/control.ts";
import type { History } from "../../registry/history.ts";
import type { RegistryServer } from "../../registry/server.ts";
import type { CommandContext } from "../context.ts";
import type { Column } from "../table.ts";
import { minuteText } from "./lists.ts";
import type { RS_INDEX_FLAGS } from "./rs_flags.ts";
import { peerContext } from "./setting.ts";

/** Contents looked at before others get their turn: some 10 ms. */
const STEP = 20_000;

/** What the server's side needs. */
export interface Asked {
  server: Pick<RegistryServer, "holdings" | "members">;
  history: History;
  clock: Clock;
}

/** The commands on the control port. */
export function indexCommands(asked: Asked): Record<"lastCopies" | "history", ControlCommand> {
  return {
    async lastCopies({ query }, tell, signal) {
      for await (const line of lastCopies(asked, String(query ?? ""), signal)) tell(line);
    },
    async history({ query, at }, tell, signal) {
      const moment = typeof at === "number" ? at : undefined;
      for await (const span of asked.history.ask({ query: String(query ?? ""), at: moment })) {
        signal.throwIfAborted();
        const { peer, name, sha256, size, began, ended } = span;
        tell({
          ...{ event: "held", peer, name, size, sha256, flag: ended === undefined ? 1 : 0 },
          from: new Date(began).toISOString(),
          ...ended === undefined ? {} : { until: new Date(ended).toISOString() },
        });
      }
    },
  };
}

/** Files that one peer alone holds, there or not. Others get their turn in between; what changes meanwhile may be missed. */
async function* lastCopies(
  { server: { holdings, members }, clock }: Asked,
  query: string,
  signal: AbortSignal,
): AsyncGenerator<Record<string, unknown>> {
  const finds = searcher(query);
  let last: { name: string; sha256: string; size: number } | undefined;
  for (let isMore = true; isMore;) {
    const found: Record<string, unknown>[] = [];
    let looked = 0;
    isMore = false;
    holdings.scan(last, undefined, (content) => {
      if (last === content) return true;
      if (++looked > STEP) {
        isMore = true;
        return false;
      }
      last = content;
      if (content.holderCount !== 1 || !finds(content)) return true;
      const record = members.byCookie([...content.holders][0]!);
      const { name, title, size, sha256, modified } = content;
      found.push({
        ...{ event: "file", name, title, size, sha256, modified, flag: 1 },
        ...{ peer: record?.name ?? "", active: record?.active ?? false },
      });
      return true;
    });
    yield* found;
    signal.throwIfAborted();
    await clock.sleep(0);
  }
}

const size: Column<Record<string, unknown>> = {
  ...{ key: "size", align: "right" },
  format: (bytes) => formatBytes(Number(bytes)),
};
const time = (key: string): Column<Record<string, unknown>> => ({ key, format: minuteText, fixed: true });

const COLUMNS = {
  lastCopies: [{ key: "name" }, size, time("modified"), { key: "peer", title: "held by" }, {
    key: "active",
    title: "there",
    format: (active) => active ? "yes" : "no",
  }],
  history: [{ key: "name" }, size, { key: "peer" }, time("from"), {
    ...time("until"),
    format: (until) => until === undefined ? "still" : minuteText(until),
  }, { key: "sha256", format: (hash) => String(hash).slice(0, 12), fixed: true }],
} satisfies Record<string, Column<Record<string, unknown>>[]>;

const CSV = {
  lastCopies: ["name", "title", "size", "sha256", "modified", "flag", "peer", "active"],
  history: ["name", "size", "sha256", "flag", "peer", "from", "until"],
};

/** Asks the server on this PC. */
export async function askServer(
  ctx: CommandContext<typeof RS_INDEX_FLAGS>,
  what: "lastCopies" | "history",
): Promise<void> {
  const { flags, output, folders } = ctx;
  const at = flags.at === undefined ? undefined : momentOf(flags.at);
  const data = await ctx.ensureAccess(folders.data, "read", { flag: "--data", folder: "data" });
  const control = await connectControl(data, "rs", peerContext(ctx));
  if (!control) {
    throw new LabError(
      "unreachable",
      `No rs serve runs on the data folder ${folders.data}: ask on the PC of the server, in its folder`,
    );
  }
  const lines: Record<string, unknown>[] = [];
  try {
    await control.run(what, { query: ctx.args.join(" "), ...at === undefined ? {} : { at } }, (line) => {
      output.json(line as { event: string });
      if (!output.isJson) lines.push(line);
    }, ctx.signal);
  } finally {
    control.close();
  }
  if (flags.csv) return output.csv(lines, CSV[what].map((key) => ({ key })));
  if (output.isJson) return;
  if (lines.length === 0) return output.line("No files");
  output.table(lines, COLUMNS[what]);
}

/** A time as people write it: this PC's clock, unless it says Z. @throws {LabError} "usage". */
export function momentOf(text: string): number {
  const iso = text.trim().replace(" ", "T");
  const whole = /^\d{4}-\d\d-\d\d$/.test(iso) ? `${iso}T00:00` : iso;
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(whole) ? new Date(whole).getTime() : NaN;
  // JavaScript takes 30 February for 2 March.
  const day = Number(whole.slice(8, 10));
  const hasDay = new Date(`${whole.slice(0, 10)}T00:00Z`).getUTCDate() === day;
  if (!Number.isNaN(at) && hasDay) return at;
  throw new LabError("usage", `Cannot read --at ${text}: write it like 2026-11-20 or 2026-11-20T10:30`);
}
